// SPDX-License-Identifier: Apache-2.0
// drama's own error codes: one for each event that a caller could react to. What the kernel says
// stays an errno under std::system_category.
#pragma once

#include <cstdint>
#include <system_error>

#include "drama/base/export.hpp"

namespace drama::inline v0 {

enum class errc : std::uint8_t {
    stop_requested = 1,  ///< the awaiting task was asked to stop
    deadline_exceeded,   ///< the task's deadline passed first
    admission_rejected,  ///< a gate refused the work; see `refusal` for the reason
    queue_full,          ///< a bounded queue is at its limit
    closed,              ///< the channel, listener or pool was closed
    shutting_down,       ///< the runtime no longer takes work
    would_deadlock,      ///< waiting would close a cycle
    thread_unavailable,  ///< the system refused to start a thread
    end_of_stream,       ///< the peer finished before the expected bytes arrived
    bad_argument,        ///< an argument is outside its documented range
    not_supported,       ///< this backend or kernel cannot do it
    tenant_limit,        ///< `tenants_max` tenants exist already
};

/// The category of `errc`; its name is "drama". Threads: any.
DRAMA_API const std::error_category& drama_category() noexcept;

inline std::error_code make_error_code(errc code) noexcept {
    return {static_cast<int>(code), drama_category()};
}

/// The kernel's `errno` value as an error code.
inline std::error_code errno_code(int value) noexcept {
    return {value, std::system_category()};
}

}  // namespace drama::inline v0

template <>
struct std::is_error_code_enum<drama::errc> : std::true_type {};
