// SPDX-License-Identifier: Apache-2.0
#include "drama/base/atomic.hpp"

#include <sched.h>
#include <time.h>

#include <algorithm>

namespace drama::inline v0 {
namespace {

using yield_function = void (*)() noexcept;

constinit thread_local yield_function yields_by = nullptr;

}  // namespace

[[gnu::noinline]] void replace_yield(void (*instead)() noexcept) noexcept {
    yields_by = instead;
}

void real_atomics::yield(unsigned tries) noexcept {
    constexpr unsigned yields_max = 8;
    constexpr unsigned doublings_max = 5;
    constexpr long first_nap_ns = 20'000;
    if (yields_by != nullptr) {
        yields_by();
        return;
    }
    if (tries < yields_max) {
        ::sched_yield();
        return;
    }
    const timespec nap{0, first_nap_ns << std::min(tries - yields_max, doublings_max)};
    ::nanosleep(&nap, nullptr);
}

}  // namespace drama::inline v0
