// SPDX-License-Identifier: Apache-2.0
// One deadlock scenario of the suite, and the place where it runs: a simulated world of a seed, or
// the machine with one of its backends.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>

#include "drama/base/prng.hpp"
#include "drama/base/spinlock.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/oracle/verdict.hpp"
#include "drama/sim/simulation.hpp"

namespace drama::deadlock {

/// What one run has. Outlives its tasks.
struct arena {
    runtime* rt = nullptr;
    simulation* sim = nullptr;  ///< null on the machine
    std::size_t size = 1;       ///< workers, and what else a scenario scales
    std::atomic<std::uint64_t> bystander_turns{0};
    spinlock lock;  // guards the rest
    prng random{1};
    std::string fault;   ///< empty: every rule held
    std::string logged;  ///< what the runtime said, a line each

    void check(bool holds, const std::string& what) {
        const std::lock_guard guard(lock);
        if (!holds && fault.empty()) {
            fault = what;
        }
    }
    bool has_logged(const std::string& text) {
        const std::lock_guard guard(lock);
        return logged.find(text) != std::string::npos;
    }
    duration some(duration most) {
        const std::lock_guard guard(lock);
        return duration(random.below(static_cast<std::uint64_t>(most.count()) + 1));
    }
    tenant tenant_of(std::uint64_t number) {
        return rt->tenants().get_or_create("tenant " + std::to_string(number));
    }
    template <class F, class... Args>
    void start(std::uint64_t tenant_number, F f, Args... args) {
        check(rt->try_spawn(tenant_of(tenant_number), f, std::move(args)...).has_value(),
              "a root was refused");
    }
};

struct scenario {
    const char* name;
    /// Starts the tasks; what it makes lives as long as the returned state.
    std::shared_ptr<void> (*start)(arena&);
    /// What must be said when nothing moves any more; null: everything must have ended.
    bool (*is_right)(const verdict&) = nullptr;
    /// Judges once all is over. Null: nothing more.
    void (*judge)(arena&, void* state) = nullptr;
    void (*choose)(runtime_options&, std::size_t size) = nullptr;
    bool simulated_only = false;
};

std::span<const scenario> lock_scenarios();
std::span<const scenario> pool_scenarios();
std::span<const scenario> end_scenarios();
std::span<const scenario> lane_scenarios();

}  // namespace drama::deadlock
