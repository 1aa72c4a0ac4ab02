// SPDX-License-Identifier: Apache-2.0
// Futexes in simulated code: std::atomic::wait, std::latch, std::barrier, std::counting_semaphore
// and the guards of static locals ask the kernel for them by syscall(). Simulated, such a wait is
// one in virtual time, as at the locks of the C library. Other system calls are passed on.
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <climits>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "drama/base/clock.hpp"
#include "drama/sim/internal/machine_calls.hpp"
#include "drama/sim/interposed/next_symbol.hpp"

namespace {

using drama::internal::machine_calls;
using drama::internal::next_symbol;

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t never_ns = drama::never.time_since_epoch().count();

struct futex_call {
    std::uint32_t* word;
    int what;  ///< with its flags
    std::uint32_t value;
    const timespec* time;

    int command() const noexcept { return what & FUTEX_CMD_MASK; }
    bool is_wait() const noexcept {
        return command() == FUTEX_WAIT || command() == FUTEX_WAIT_BITSET;
    }
    bool is_wake() const noexcept {
        return command() == FUTEX_WAKE || command() == FUTEX_WAKE_BITSET;
    }
};

/// In virtual time.
std::int64_t end_of(const futex_call& call) noexcept {
    if (call.time == nullptr) {
        return never_ns;
    }
    const std::int64_t asked = call.time->tv_sec * second_ns + call.time->tv_nsec;
    if (call.command() == FUTEX_WAIT) {
        return machine_calls::clock_ns() + asked;  // it takes a length, the others an instant
    }
    const bool is_wall = (call.what & FUTEX_CLOCK_REALTIME) != 0;
    return is_wall ? machine_calls::clock_ns() + asked - machine_calls::wall_clock_ns() : asked;
}

// Nobody runs between the look at the word and the wait.
long wait_for(const futex_call& call) noexcept {
    if (__atomic_load_n(call.word, __ATOMIC_SEQ_CST) != call.value) {
        errno = EAGAIN;
        return -1;
    }
    if (!machine_calls::wait_at(call.word, end_of(call))) {
        errno = ETIMEDOUT;
        return -1;
    }
    return 0;
}

long wake_at(const futex_call& call) noexcept {
    if (call.value >= INT_MAX) {
        return static_cast<long>(machine_calls::wake(call.word, true));
    }
    long woken = 0;
    while (woken < static_cast<long>(call.value) && machine_calls::wake(call.word, false) != 0) {
        ++woken;
    }
    return woken;
}

}  // namespace

extern "C" DRAMA_INTERPOSED long syscall(long number, ...) noexcept {
    // As the C library does it: what the caller did not pass, nobody looks at.
    std::va_list given;
    va_start(given, number);
    long of[6];
    for (long& each : of) {
        each = va_arg(given, long);
    }
    va_end(given);
    long woken = 0;
    if (number == SYS_futex) {
        const futex_call call{.word = reinterpret_cast<std::uint32_t*>(of[0]),
                              .what = static_cast<int>(of[1]),
                              .value = static_cast<std::uint32_t>(of[2]),
                              .time = reinterpret_cast<const timespec*>(of[3])};
        if (call.is_wait() && machine_calls::is_simulated()) {
            return wait_for(call);
        }
        woken = call.is_wake() ? wake_at(call) : 0;
    }
    // Threads outside of the simulation wait in the kernel.
    static auto* const next = next_symbol<long(long, ...)>("syscall");
    const long outcome = next(number, of[0], of[1], of[2], of[3], of[4], of[5]);
    return outcome < 0 ? outcome : outcome + woken;
}
