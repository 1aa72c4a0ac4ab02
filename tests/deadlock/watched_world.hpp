// SPDX-License-Identifier: Apache-2.0
// The machine's world with a census of its tasks, so that a run on real threads can be judged; and
// with a limit of threads.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "drama/runtime/world/real_world.hpp"
#include "drama/sim/oracle/task_census.hpp"

namespace drama::deadlock {

class watched_world final : public world {
  public:
    const drama::clock& clock() const noexcept override { return machine_.clock(); }
    std::uint64_t seed() noexcept override { return machine_.seed(); }
    std::size_t usable_cpus() const noexcept override { return machine_.usable_cpus(); }
    result<std::unique_ptr<world_thread>> start_thread(thread_role role,
                                                       thread_body& body) override {
        if (started_.fetch_add(1) >= threads_max_.load()) {
            return fail(errc::thread_unavailable);
        }
        return machine_.start_thread(role, body);
    }
    duration thread_cpu_time() const noexcept override { return machine_.thread_cpu_time(); }
    std::unique_ptr<parker> make_parker() override { return machine_.make_parker(); }
    std::unique_ptr<parker> make_core_parker(io_backend& backend) override {
        return machine_.make_core_parker(backend);
    }
    result<std::unique_ptr<io_system>> make_io(std::string_view choice, std::string& why) override {
        return machine_.make_io(choice, why);
    }
    void barrier_all_threads() noexcept override { machine_.barrier_all_threads(); }
    task_watcher* watcher() noexcept override { return &census_; }

    task_census& census() noexcept { return census_; }
    void fail_threads_after(std::size_t most) noexcept { threads_max_.store(most); }

  private:
    real_world machine_;
    task_census census_;
    std::atomic<std::size_t> started_{0};
    std::atomic<std::size_t> threads_max_{static_cast<std::size_t>(-1)};
};

}  // namespace drama::deadlock
