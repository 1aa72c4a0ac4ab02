// SPDX-License-Identifier: Apache-2.0
// A world that passes everything on to another: the base of those that change one thing.
#pragma once

#include <memory>
#include <string>

#include "drama/runtime/world/world.hpp"

namespace drama::inline v0 {

/// Threads: as the world within. Lifetime: the world within outlives it.
class forwarding_world : public world {
  public:
    explicit forwarding_world(world& in) noexcept : in_(&in) {}

    const drama::clock& clock() const noexcept override { return in_->clock(); }
    std::uint64_t seed() noexcept override { return in_->seed(); }
    std::size_t usable_cpus() const noexcept override { return in_->usable_cpus(); }
    result<std::unique_ptr<world_thread>> start_thread(thread_role role,
                                                       thread_body& body) override {
        return in_->start_thread(role, body);
    }
    duration thread_cpu_time() const noexcept override { return in_->thread_cpu_time(); }
    std::uint64_t thread_waits() const noexcept override { return in_->thread_waits(); }
    std::unique_ptr<parker> make_parker() override { return in_->make_parker(); }
    std::unique_ptr<parker> make_core_parker(io_backend& backend) override {
        return in_->make_core_parker(backend);
    }
    result<std::unique_ptr<io_system>> make_io(std::string_view choice, std::string& why) override {
        return in_->make_io(choice, why);
    }
    world_mishaps* mishaps() noexcept override { return in_->mishaps(); }
    void keep_cpus_alert(bool wanted) noexcept override { in_->keep_cpus_alert(wanted); }
    task_watcher* watcher() noexcept override { return in_->watcher(); }
    void barrier_all_threads() noexcept override { in_->barrier_all_threads(); }

  protected:
    world& within() const noexcept { return *in_; }

  private:
    world* in_;
};

}  // namespace drama::inline v0
