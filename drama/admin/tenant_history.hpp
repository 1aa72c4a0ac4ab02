// SPDX-License-Identifier: Apache-2.0
// What each tenant did in the last minute: the admin side looks at the tenants' counters now and
// again and keeps what changed, so that rates over a window cost the observed workers nothing.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama::inline v0 {

/// What is kept of a tenant. Units: in the names.
enum class tenant_figure : std::uint8_t {
    cpu_ns,
    burned_ns,     ///< the part of it that was not on workers
    wait_ns,       ///< of tasks and functions that were queued
    throttled_ns,  ///< holds that last included
    blocking_ns,   ///< thread time
    disk_bytes,    ///< from and to files
    io_bytes,      ///< all of them
    tasks_ended,
    refused,
    wanted_ns,    ///< CPU that it had and would have taken besides, see advance()
    entitled_ns,  ///< its fair part of the CPU that all had
};
inline constexpr std::size_t tenant_counters = 9;  ///< those that the tenant itself counts
inline constexpr std::size_t tenant_figures = 11;

DRAMA_API std::string_view name_of(tenant_figure figure) noexcept;

/// What one tenant did in a window.
struct tenant_sums {
    std::array<double, tenant_figures> of{};

    double operator[](tenant_figure figure) const noexcept {
        return of[static_cast<std::size_t>(figure)];
    }
    double& operator[](tenant_figure figure) noexcept {
        return of[static_cast<std::size_t>(figure)];
    }
};

/// What all tenants did in a window; who did nothing is not in it.
struct tenant_window {
    duration length{};  ///< what is covered; zero: there was no sample yet
    std::unordered_map<std::uint64_t, tenant_sums> tenants;  ///< by id

    tenant_sums of(std::uint64_t id) const {
        const auto found = tenants.find(id);
        return found == tenants.end() ? tenant_sums{} : found->second;
    }
};

struct cpu_claim;

/// Samples of one runtime. Bounded: a minute, and `bytes_max`; the oldest samples go first. Beside
/// them, 88 bytes for each tenant.
///
/// Threads: any, one at a time waits for another.
class DRAMA_API tenant_history {
  public:
    /// Notes what changed since the last sample, unless that is not `gap_min` ago.
    /// Complexity: O(tenants); the registry is locked for reading meanwhile.
    void sample(runtime& of, instant now);
    /// The samples of the last `length`, as many as it takes to cover it or as there are.
    tenant_window last(duration length) const;

    static constexpr duration period = std::chrono::seconds(1);
    static constexpr duration gap_min = std::chrono::milliseconds(200);
    static constexpr duration length_max = std::chrono::seconds(60);
    static constexpr std::size_t bytes_max = std::size_t{16} << 20U;

  private:
    struct row {
        std::uint32_t tenant = 0;
        std::array<float, tenant_figures> changed{};

        float& operator[](tenant_figure figure) noexcept {
            return changed[static_cast<std::size_t>(figure)];
        }
    };
    struct tenant_state {  // at the last sample
        std::array<std::uint64_t, tenant_counters> totals{};
        std::uint64_t async_wait_ns = 0;
        std::uint32_t queued_async = 0;
        std::uint32_t queued_compute = 0;
    };
    struct slice {
        instant began{};
        instant ended{};
        std::vector<row> rows;
    };

    row advance(const runtime& in, const tenant& of, duration since);
    static void share_cpu(std::vector<row>& rows, std::vector<cpu_claim>& claims);
    void forget_old(instant now);

    mutable std::mutex mutex_;          // guards all of it
    std::vector<tenant_state> states_;  // by id
    std::deque<slice> slices_;          // oldest first
    std::size_t rows_ = 0;              // of all slices
    instant sampled_at_ = long_ago;
};

}  // namespace drama::inline v0
