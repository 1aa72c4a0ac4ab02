// SPDX-License-Identifier: Apache-2.0
// Locks of the C library, and so std::mutex, std::shared_mutex and std::condition_variable, in
// simulated code. One OS thread runs at a time: who would block there would stop everybody. So the
// lock is only tried; if it is taken, its holder waits in the middle of a step, and the caller does
// the same until the lock is given back. A test's own callbacks between two steps wake simulated
// code as well, and let the world go on where they need a lock that it holds. Outside of a
// simulation nothing changes.
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include <cstdint>

#include "drama/base/clock.hpp"
#include "drama/sim/internal/machine_calls.hpp"
#include "drama/sim/interposed/next_symbol.hpp"

namespace {

using drama::internal::machine_calls;
using drama::internal::next_symbol;

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t never_ns = drama::never.time_since_epoch().count();

// Condition variables have had two forms; programs of today use the later one.
constexpr const char* later_form = "GLIBC_2.3.2";

/// In virtual time. The caller's clocks are the world's, or he could not know what to wait for.
std::int64_t virtual_ns(clockid_t which, const timespec& until) noexcept {
    const std::int64_t asked = until.tv_sec * second_ns + until.tv_nsec;
    if (which == CLOCK_MONOTONIC) {
        return asked;
    }
    return machine_calls::clock_ns() + asked - machine_calls::wall_clock_ns();
}

// Tries until it has the lock or the time has come.
template <class Try>
int take(const void* lock, std::int64_t until_ns, Try attempt) noexcept {
    for (;;) {
        const int outcome = attempt();
        if (outcome != EBUSY) {
            return outcome;
        }
        if (!machine_calls::wait_at(lock, until_ns)) {
            return ETIMEDOUT;
        }
    }
}

// Not by simulated code. Between two steps what holds it may be that: it goes on until it has given
// the lock back.
template <class Try, class Wait>
int take_outside(Try attempt, Wait wait) noexcept {
    if (machine_calls::is_between_steps()) {
        int round = 0;
        do {
            if (const int outcome = attempt(); outcome != EBUSY) {
                return outcome;
            }
        } while (machine_calls::let_holder_go_on(round++));
    }
    return wait();
}

int take_mutex(pthread_mutex_t* lock, std::int64_t until_ns) noexcept {
    return take(lock, until_ns, [=] { return ::pthread_mutex_trylock(lock); });
}

// The caller holds `lock`, and nobody runs between giving it back and the wait.
int wait_for(pthread_cond_t* event, pthread_mutex_t* lock, std::int64_t until_ns) noexcept {
    ::pthread_mutex_unlock(lock);
    const bool was_woken = machine_calls::wait_at(event, until_ns);
    take_mutex(lock, never_ns);
    return was_woken ? 0 : ETIMEDOUT;
}

}  // namespace

extern "C" {

DRAMA_INTERPOSED int pthread_mutex_lock(pthread_mutex_t* lock) noexcept {
    if (machine_calls::is_simulated()) {
        return take_mutex(lock, never_ns);
    }
    static auto* const next = next_symbol<int(pthread_mutex_t*)>("pthread_mutex_lock");
    return take_outside([=] { return ::pthread_mutex_trylock(lock); }, [=] { return next(lock); });
}

DRAMA_INTERPOSED int pthread_mutex_timedlock(pthread_mutex_t* lock,
                                             const timespec* until) noexcept {
    if (machine_calls::is_simulated()) {
        return take_mutex(lock, virtual_ns(CLOCK_REALTIME, *until));
    }
    static auto* const next =
        next_symbol<int(pthread_mutex_t*, const timespec*)>("pthread_mutex_timedlock");
    return next(lock, until);
}

DRAMA_INTERPOSED int pthread_mutex_clocklock(pthread_mutex_t* lock, clockid_t which,
                                             const timespec* until) noexcept {
    if (machine_calls::is_simulated()) {
        return take_mutex(lock, virtual_ns(which, *until));
    }
    static auto* const next =
        next_symbol<int(pthread_mutex_t*, clockid_t, const timespec*)>("pthread_mutex_clocklock");
    return next(lock, which, until);
}

DRAMA_INTERPOSED int pthread_mutex_unlock(pthread_mutex_t* lock) noexcept {
    static auto* const next = next_symbol<int(pthread_mutex_t*)>("pthread_mutex_unlock");
    const int outcome = next(lock);
    machine_calls::wake(lock, false);
    return outcome;
}

DRAMA_INTERPOSED int pthread_rwlock_rdlock(pthread_rwlock_t* lock) noexcept {
    if (machine_calls::is_simulated()) {
        return take(lock, never_ns, [=] { return ::pthread_rwlock_tryrdlock(lock); });
    }
    static auto* const next = next_symbol<int(pthread_rwlock_t*)>("pthread_rwlock_rdlock");
    return take_outside([=] { return ::pthread_rwlock_tryrdlock(lock); },
                        [=] { return next(lock); });
}

DRAMA_INTERPOSED int pthread_rwlock_wrlock(pthread_rwlock_t* lock) noexcept {
    if (machine_calls::is_simulated()) {
        return take(lock, never_ns, [=] { return ::pthread_rwlock_trywrlock(lock); });
    }
    static auto* const next = next_symbol<int(pthread_rwlock_t*)>("pthread_rwlock_wrlock");
    return take_outside([=] { return ::pthread_rwlock_trywrlock(lock); },
                        [=] { return next(lock); });
}

DRAMA_INTERPOSED int pthread_rwlock_unlock(pthread_rwlock_t* lock) noexcept {
    static auto* const next = next_symbol<int(pthread_rwlock_t*)>("pthread_rwlock_unlock");
    const int outcome = next(lock);
    machine_calls::wake(lock, true);
    return outcome;
}

DRAMA_INTERPOSED int pthread_cond_wait(pthread_cond_t* event, pthread_mutex_t* lock) {
    if (machine_calls::is_simulated()) {
        return wait_for(event, lock, never_ns);
    }
    static auto* const next =
        next_symbol<int(pthread_cond_t*, pthread_mutex_t*)>("pthread_cond_wait", later_form);
    return next(event, lock);
}

DRAMA_INTERPOSED int pthread_cond_timedwait(pthread_cond_t* event, pthread_mutex_t* lock,
                                            const timespec* until) {
    if (machine_calls::is_simulated()) {
        return wait_for(event, lock, virtual_ns(CLOCK_REALTIME, *until));
    }
    static auto* const next = next_symbol<int(pthread_cond_t*, pthread_mutex_t*, const timespec*)>(
        "pthread_cond_timedwait", later_form);
    return next(event, lock, until);
}

DRAMA_INTERPOSED int pthread_cond_clockwait(pthread_cond_t* event, pthread_mutex_t* lock,
                                            clockid_t which, const timespec* until) {
    if (machine_calls::is_simulated()) {
        return wait_for(event, lock, virtual_ns(which, *until));
    }
    static auto* const next =
        next_symbol<int(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*)>(
            "pthread_cond_clockwait");
    return next(event, lock, which, until);
}

DRAMA_INTERPOSED int pthread_cond_signal(pthread_cond_t* event) noexcept {
    machine_calls::wake(event, false);
    static auto* const next = next_symbol<int(pthread_cond_t*)>("pthread_cond_signal", later_form);
    return next(event);
}

DRAMA_INTERPOSED int pthread_cond_broadcast(pthread_cond_t* event) noexcept {
    machine_calls::wake(event, true);
    static auto* const next =
        next_symbol<int(pthread_cond_t*)>("pthread_cond_broadcast", later_form);
    return next(event);
}

}  // extern "C"
