// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/world/pulse_threads.hpp"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <climits>
#include <new>

#include "drama/runtime/world/kernel_policy.hpp"

namespace drama::inline v0::internal {
namespace {

constexpr timespec period{0, 250'000};
constexpr std::size_t stack_bytes = std::size_t{64} << 10;

std::vector<std::size_t> cpus_of_process() {
    std::vector<std::size_t> found;
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
        for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(cpu, &allowed)) {
                found.push_back(cpu);
            }
        }
    }
    return found;
}

}  // namespace

pulse_threads::~pulse_threads() {
    ending_.store(true, std::memory_order_seq_cst);
    wanted_.fetch_add(1, std::memory_order_seq_cst);  // ends a sleep that is about to begin
    wake_all();
    for (const beat& each : beats_) {
        if (each.started) {
            ::pthread_join(each.thread, nullptr);
        }
    }
}

void pulse_threads::add() noexcept {
    start();
    if (wanted_.fetch_add(1, std::memory_order_relaxed) == 0) {
        wake_all();
    }
}

void pulse_threads::remove() noexcept {
    wanted_.fetch_sub(1, std::memory_order_relaxed);
}

void pulse_threads::wake_all() noexcept {
    ::syscall(SYS_futex, &wanted_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

void pulse_threads::start() noexcept {
    const std::lock_guard guard(starting_);
    if (started_) {
        return;
    }
    started_ = true;
    try {
        for (const std::size_t cpu : cpus_of_process()) {
            beats_.push_back({.of = this, .cpu = cpu});
        }
    } catch (const std::bad_alloc&) {
        return;
    }
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, stack_bytes);
    for (beat& each : beats_) {
        each.started = ::pthread_create(&each.thread, &attributes, &run, &each) == 0;
    }
    ::pthread_attr_destroy(&attributes);
}

void* pulse_threads::run(void* argument) {
    const beat& mine = *static_cast<beat*>(argument);
    pulse_threads& of = *mine.of;
    ::pthread_setname_np(::pthread_self(), "drama-pulse");
    sigset_t blocked;
    ::sigfillset(&blocked);
    ::pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(mine.cpu, &only);
    ::sched_setaffinity(0, sizeof only, &only);
    set_kernel_policy(static_cast<pid_t>(::syscall(SYS_gettid)), nice_of_program(),
                      responsive_slice_ns);
    ::prctl(PR_SET_TIMERSLACK, 1);
    while (!of.ending_.load(std::memory_order_seq_cst)) {
        if (of.wanted_.load(std::memory_order_seq_cst) == 0) {
            ::syscall(SYS_futex, &of.wanted_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
        } else {
            ::nanosleep(&period, nullptr);
        }
    }
    return nullptr;
}

}  // namespace drama::inline v0::internal
