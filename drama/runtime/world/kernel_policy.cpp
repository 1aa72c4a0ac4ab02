// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/world/kernel_policy.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "drama/runtime/world/environment.hpp"

namespace drama::inline v0::internal {
namespace {

// The kernel's struct sched_attr; glibc 2.36 does not declare it.
struct kernel_sched_attr {
    std::uint32_t size;
    std::uint32_t policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t runtime;  // SCHED_OTHER since 6.12: the slice
    std::uint64_t deadline;
    std::uint64_t period;
    std::uint32_t util_min;
    std::uint32_t util_max;
};

}  // namespace

int nice_of_program() noexcept {
    static const int nice = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::getpid()));
    return nice;
}

bool set_kernel_policy(pid_t tid, int nice, std::uint64_t slice_ns) noexcept {
    static const bool allowed = !environment("DRAMA_NO_SCHED_ATTR").has_value();
    if (allowed) {
        kernel_sched_attr attributes{};
        attributes.size = sizeof attributes;
        attributes.nice = nice;
        attributes.runtime = slice_ns;
        if (::syscall(SYS_sched_setattr, tid, &attributes, 0) == 0) {
            return true;
        }
    }
    return ::setpriority(PRIO_PROCESS, static_cast<id_t>(tid), nice) == 0;
}

}  // namespace drama::inline v0::internal
