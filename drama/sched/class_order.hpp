// SPDX-License-Identifier: Apache-2.0
// The constants of the policy: how long a turn is, and what class of work and latency setting do to
// a deadline. They decide when a tenant runs, never how much.
#pragma once

#include <array>
#include <cstddef>

#include "drama/base/clock.hpp"
#include "drama/base/work.hpp"

namespace drama::inline v0 {

/// The longest turn that one pick grants.
inline constexpr duration quantum = 50us;
/// How often a leader corrects a fair queue's clock.
inline constexpr duration clock_period = 1ms;
/// With many tenants turns shrink, so that a round over all of them aims at this time.
inline constexpr duration round_target = 20ms;
/// Another core's deadline must be earlier by this many quanta of virtual progress to steal.
inline constexpr int steal_quanta = 16;

/// The request length that sets a virtual deadline, by class of the head task.
inline constexpr std::array<duration, work_classes> slice_by_class = {25us, 50us, 100us, 400us};
/// Inside a tenant the head with least queued_at + offset goes first: strict class order within
/// the largest offset, first come first served beyond it.
inline constexpr std::array<duration, work_classes> offset_by_class = {0ms, 1ms, 2ms, 8ms};
/// The longest slice at normal latency; debt beyond four of them is forgiven on joining.
inline constexpr duration slice_max = 400us;
inline constexpr int debt_slices_max = 4;

/// A request length under a latency setting: a quarter for low, four times for high.
constexpr duration scaled_by(latency setting, duration request) noexcept {
    return setting == latency::low ? request / 4 : setting == latency::high ? request * 4 : request;
}
constexpr duration slice_of(work_class cls, latency setting) noexcept {
    return scaled_by(setting, slice_by_class[static_cast<std::size_t>(cls)]);
}

}  // namespace drama::inline v0
