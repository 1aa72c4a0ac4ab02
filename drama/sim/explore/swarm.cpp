// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/explore/swarm.hpp"

#include <array>
#include <cstddef>

namespace drama::inline v0 {
namespace {

template <class T, std::size_t N>
const T& one_of(prng& random, const std::array<T, N>& values) {
    return values[random.below(N)];
}

void draw_costs(prng& random, sim_options& into) {
    // A clock that costs much ends each turn after one poll: tasks of several workers interleave
    // poll by poll.
    into.clock_tick =
        one_of<duration>(random, std::array<duration, 5>{50ns, 50ns, 1us, 20us, 60us});
    into.preempt_one_in = one_of(random, std::array<std::uint32_t, 4>{0, 128, 16, 4});
    into.wake_delay = one_of(random, std::array<duration_range, 4>{
                                         {{500ns, 5us}, {500ns, 5us}, {0ns, 200ns}, {1us, 100us}}});
    into.step_cost =
        one_of(random, std::array<duration_range, 3>{{{200ns, 2us}, {0ns, 100ns}, {1us, 30us}}});
}

void draw_runtime(prng& random, runtime_options& into) {
    into.workers = one_of(random, std::array<std::size_t, 6>{1, 1, 2, 2, 3, 4});
    into.hand_over = random.below(4) != 0;
    into.order = random.below(4) == 0 ? policy::fifo : policy::fair;
    into.blocking_threads_max = one_of(random, std::array<std::size_t, 4>{1, 2, 4, 512});
    into.compute_threads = random.below(3);
    into.disk_depth_max = one_of(random, std::array<std::size_t, 3>{1, 2, 4});
}

void draw_network(prng& random, network_options& into) {
    into.latency =
        one_of(random, std::array<latency_law, 4>{
                           latency_law::heavy_tail(30us, 1ms), latency_law::heavy_tail(20us, 5ms),
                           latency_law::fixed(20us), latency_law::fixed(1us)});
    into.buffer_bytes = one_of(random, std::array<std::size_t, 5>{65'536, 65'536, 4'096, 256, 16});
    into.short_one_in = one_of(random, std::array<std::uint32_t, 4>{0, 0, 4, 2});
}

}  // namespace

void draw_swarm(std::uint64_t seed, std::uint32_t plain_parts, sim_test_setup& into) {
    // A stream each, so that a part that stays plain leaves the others alone.
    const auto stream = [&](swarm_part part) {
        return prng(seed ^ 0x737761726dULL ^ std::uint64_t{bit_of(part)} << 56);
    };
    const auto is_drawn = [&](swarm_part part) { return (plain_parts & bit_of(part)) == 0; };
    if (is_drawn(swarm_part::costs)) {
        prng random = stream(swarm_part::costs);
        into.world.cpus = 1 + random.below(3);
        draw_costs(random, into.world);
    }
    if (is_drawn(swarm_part::runtime)) {
        prng random = stream(swarm_part::runtime);
        draw_runtime(random, into.runtime);
    }
    if (is_drawn(swarm_part::network)) {
        prng random = stream(swarm_part::network);
        draw_network(random, into.network);
    }
}

}  // namespace drama::inline v0
