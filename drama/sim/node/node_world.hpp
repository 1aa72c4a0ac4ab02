// SPDX-License-Identifier: Apache-2.0
// The world as one process of a simulated world sees it: the clock is everybody's, but the wall
// clock, the number of CPUs, the limits and the descriptors are its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "drama/fault/planned_mishaps.hpp"
#include "drama/runtime/world/forwarding_world.hpp"
#include "drama/sim/internal/sim_scheduler.hpp"
#include "drama/sim/node/sim_process.hpp"
#include "drama/sim/sim_world.hpp"

namespace drama::inline v0::internal {

/// Threads: as sim_world. Lifetime: `wall` outlives it.
class node_world final : public forwarding_world {
  public:
    struct limits {
        std::size_t cpus = 2;
        std::size_t threads_max = 10'000;
    };

    node_world(sim_world& in, sim_process& process, wall_source& wall, const limits& most,
               std::uint64_t seed);

    std::uint64_t seed() noexcept override { return seed_; }
    std::size_t usable_cpus() const noexcept override { return most_.cpus; }
    result<std::unique_ptr<world_thread>> start_thread(thread_role role,
                                                       thread_body& body) override;
    result<std::unique_ptr<io_system>> make_io(std::string_view choice, std::string& why) override;
    world_mishaps* mishaps() noexcept override { return &mishaps_; }

    thread_group& threads() noexcept { return threads_; }
    sim_process& process() noexcept { return process_; }

  private:
    sim_world& in_;
    sim_process& process_;
    planned_mishaps mishaps_;
    const limits most_;
    const std::uint64_t seed_;
    thread_group threads_;
};

}  // namespace drama::inline v0::internal
