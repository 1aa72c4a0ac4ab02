// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/node/node_world.hpp"

namespace drama::inline v0::internal {

node_world::node_world(sim_world& in, sim_process& process, wall_source& wall, const limits& most,
                       std::uint64_t seed)
    : forwarding_world(in),
      in_(in),
      process_(process),
      mishaps_(in.faults(), process.machine, &wall),
      most_(most),
      seed_(seed) {
    threads_.node = process.machine;
    threads_.wall = &mishaps_;
    threads_.chance = prng(seed ^ 0x636f7374u);
}

result<std::unique_ptr<world_thread>> node_world::start_thread(thread_role role,
                                                               thread_body& body) {
    if (threads_.alive >= most_.threads_max) {
        in_.scheduler().note(sim_event::thread_refused, static_cast<std::uint64_t>(role));
        return fail(errc::thread_unavailable);
    }
    return in_.start_thread_in(threads_, role, body);
}

result<std::unique_ptr<io_system>> node_world::make_io(std::string_view, std::string& why) {
    why = "io: simulated";
    return in_.make_io_of(process_);
}

}  // namespace drama::inline v0::internal
