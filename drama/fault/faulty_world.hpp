// SPDX-License-Identifier: Apache-2.0
// Another world, with faults by a plan: the same plan that a simulated world has, over real
// descriptors, files and threads. It exists only where a program makes one; nothing switches it on.
//
//     faulty_world world(7);
//     world.faults().add({.kind = fault_kind::disk_full, .tenant = "acme"});
//     runtime rt(world);
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "drama/fault/fault_plan.hpp"
#include "drama/fault/planned_mishaps.hpp"
#include "drama/runtime/world/forwarding_world.hpp"

namespace drama::inline v0 {

/// What cannot be done to a machine from outside is never asked for: crashes, partitions, clocks
/// (docs/guide-faults.md says which kinds are).
///
/// Requires: `in` is not simulated: such a world has its own plan.
/// Threads: all from any thread. Lifetime: outlives the runtime built on it; `in` outlives it.
class DRAMA_API faulty_world final : public forwarding_world {
  public:
    /// Over the machine.
    explicit faulty_world(std::uint64_t seed);
    faulty_world(world& in, std::uint64_t seed);

    fault_plan& faults() noexcept { return plan_; }

    result<std::unique_ptr<world_thread>> start_thread(thread_role role,
                                                       thread_body& body) override;
    result<std::unique_ptr<io_system>> make_io(std::string_view choice, std::string& why) override;
    world_mishaps* mishaps() noexcept override { return &mishaps_; }

  private:
    // A thread that waits or burns for a fault.
    class machine_time final : public fault_time {
      public:
        explicit machine_time(world& in) noexcept : in_(&in) {}
        void pass(duration length, bool burns) noexcept override;

      private:
        world* in_;
    };

    faulty_world(std::unique_ptr<world> own, std::uint64_t seed);

    std::unique_ptr<world> own_;
    fault_plan plan_;
    planned_mishaps mishaps_{plan_};
    machine_time time_;
};

}  // namespace drama::inline v0
