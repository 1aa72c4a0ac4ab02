// SPDX-License-Identifier: Apache-2.0
// The machine's world with a census of its tasks, so that a run on real threads can be judged; and
// with a limit of threads.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "drama/runtime/world/forwarding_world.hpp"
#include "drama/runtime/world/real_world.hpp"
#include "drama/sim/oracle/task_census.hpp"

namespace drama::deadlock {

struct own_machine {
    real_world machine;
};

class watched_world final : private own_machine, public forwarding_world {
  public:
    watched_world() : forwarding_world(machine) {}

    result<std::unique_ptr<world_thread>> start_thread(thread_role role,
                                                       thread_body& body) override {
        if (started_.fetch_add(1) >= threads_max_.load()) {
            return fail(errc::thread_unavailable);
        }
        return within().start_thread(role, body);
    }
    task_watcher* watcher() noexcept override { return &census_; }

    task_census& census() noexcept { return census_; }
    void fail_threads_after(std::size_t most) noexcept { threads_max_.store(most); }

  private:
    task_census census_;
    std::atomic<std::size_t> started_{0};
    std::atomic<std::size_t> threads_max_{static_cast<std::size_t>(-1)};
};

}  // namespace drama::deadlock
