// SPDX-License-Identifier: Apache-2.0
// Swizzle-clogging: stops a random part of the machines one by one and releases them in another
// order. Finds what depends on the order in which peers come and go.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "drama/base/prng.hpp"
#include "drama/sim/internal/event_queue.hpp"

namespace drama::inline v0 {
class sim_network;

namespace internal {

/// Threads: as the network.
class swizzle {
  public:
    swizzle(sim_network& network, std::uint64_t seed) noexcept : network_(network), random_(seed) {}
    ~swizzle();
    swizzle(const swizzle&) = delete;
    swizzle& operator=(const swizzle&) = delete;

    /// Lets each of `machines`, addresses, take part with even chance, all within `span_ns`.
    void begin(const std::vector<std::string>& machines, std::int64_t span_ns);

  private:
    struct turn : timed_event {
        swizzle* of = nullptr;
        std::string machine;
        bool stops = false;
    };
    static void on_turn(timed_event& event) noexcept;
    void plan(const std::string& machine, bool stops, std::int64_t at_ns);

    sim_network& network_;
    prng random_;
    std::vector<std::unique_ptr<turn>> turns_;
};

}  // namespace internal
}  // namespace drama::inline v0
