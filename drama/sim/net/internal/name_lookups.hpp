// SPDX-License-Identifier: Apache-2.0
// Name resolution of a simulated world: an answer from the known hosts after one latency. By fault
// it takes longer, fails, or tells an address that has never been heard of.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "drama/io/io_backend.hpp"
#include "drama/sim/internal/event_queue.hpp"

namespace drama::inline v0 {
class sim_network;

namespace internal {
class sim_backend;

/// Threads: as the network.
class name_lookups {
  public:
    explicit name_lookups(sim_network& network) noexcept : network_(network) {}
    ~name_lookups();
    name_lookups(const name_lookups&) = delete;
    name_lookups& operator=(const name_lookups&) = delete;

    /// `op`: a resolve.
    submission start(operation& op, sim_backend& on);
    /// The answer does not come any more.
    void cancel(operation& op) noexcept;
    void abandon(sim_backend& home) noexcept;

  private:
    enum class answer : std::uint8_t { honest, none, of_another };
    struct request : timed_event {
        name_lookups* of = nullptr;
        operation* op = nullptr;
        sim_backend* on = nullptr;
        answer what = answer::honest;
    };

    static void on_answer(timed_event& event) noexcept;
    request& take();
    void end(request& ended, std::int64_t outcome) noexcept;
    std::int64_t resolve(operation& op, answer what);

    sim_network& network_;
    std::vector<std::unique_ptr<request>> requests_;
    std::vector<request*> idle_;
};

}  // namespace internal
}  // namespace drama::inline v0
