// SPDX-License-Identifier: Apache-2.0
// The network of a simulated world: TCP between the sockets of all runtimes on it, with latencies
// drawn from the seed, bounded buffers, half-close, resets and backlogs; and the table of all
// descriptors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"
#include "drama/base/prng.hpp"
#include "drama/io/io_backend.hpp"
#include "drama/io/socket_address.hpp"

namespace drama::inline v0 {

namespace internal {
class sim_backend;
class sim_descriptor;
class sim_scheduler;
class sim_socket;
}  // namespace internal

/// How long something takes: always `typical`, or with a heavy tail up to `worst`: between typical
/// and 2 x typical half of the time, up to 4 x a quarter of the time, and so on.
struct latency_law {
    duration typical = std::chrono::microseconds(50);
    duration worst = std::chrono::microseconds(50);

    static constexpr latency_law fixed(duration always) noexcept { return {always, always}; }
    static constexpr latency_law heavy_tail(duration typical, duration worst) noexcept {
        return {typical, worst};
    }
    std::int64_t draw_ns(prng& random) const noexcept;
};

struct network_options {
    /// One way, for links that have no law of their own.
    latency_law latency =
        latency_law::heavy_tail(std::chrono::microseconds(30), std::chrono::milliseconds(1));
    /// What a direction of a connection holds: in flight and unread.
    std::size_t buffer_bytes = 64 * 1024;
    /// One send or receive in so many moves fewer bytes than it could; 0: none.
    std::uint32_t short_one_in = 0;
    /// Descriptors at once; beyond, open and accept fail with EMFILE.
    std::size_t fds_max = 100'000;
};

/// Threads: as the world: the owner and simulated threads.
class DRAMA_API sim_network {
  public:
    /// Descriptors begin here, so that a real system call finds none of them.
    static constexpr int first_fd = 1'000'000;

    sim_network(internal::sim_scheduler& in, std::uint64_t seed);
    ~sim_network();
    sim_network(const sim_network&) = delete;
    sim_network& operator=(const sim_network&) = delete;

    /// May be changed at any time; holds for what begins later.
    network_options& options() noexcept { return options_; }
    /// The law of connections made later between two addresses, numeric and without port, both
    /// ways.
    void set_link(std::string_view one, std::string_view other, const latency_law& law);
    /// What name resolution answers for `name`. "localhost" is known. Requires: `ip` is numeric.
    void set_host(std::string name, std::string_view ip);

    std::uint64_t connections() const noexcept { return connections_; }
    std::size_t open_fds() const noexcept { return open_fds_; }

    // Below: for the simulated sockets, files and backends.

    internal::sim_scheduler& scheduler() noexcept { return scheduler_; }
    prng& random() noexcept { return random_; }

    /// A descriptor's number, or -EMFILE. The descriptor belongs to the network from then on.
    int add_fd(internal::sim_descriptor& made);
    /// Null if there is none.
    internal::sim_descriptor* find(int fd) noexcept;
    internal::sim_socket* find_socket(int fd) noexcept;
    void close(int fd) noexcept;
    void forget(int fd) noexcept;
    void abandon(internal::sim_backend& home) noexcept;

    result<int> open_socket(int family, int type, int protocol);
    result<void> bind(internal::sim_socket& socket, const socket_address& where);
    /// Gives an unbound socket an address from which it can reach `target`.
    void bind_for(internal::sim_socket& socket, const socket_address& target);
    void start_listening(internal::sim_socket& socket);
    void stop_listening(internal::sim_socket& socket) noexcept;
    /// Who listens at `target`; one of several (SO_REUSEPORT) is drawn. Null if nobody does.
    internal::sim_socket* listener_at(const socket_address& target) noexcept;
    const latency_law& law_between(const socket_address& one, const socket_address& other) noexcept;
    /// Destroys it when nothing on the stack speaks of it any more.
    void bury(internal::sim_socket& dead) noexcept;
    void count_connection() noexcept { ++connections_; }
    /// Fills op.context, a resolution, from the known hosts. Yields its outcome.
    std::int64_t resolve(operation& op);

  private:
    struct link {
        socket_address one;
        socket_address other;
        latency_law law;
    };
    struct host {
        std::string name;
        socket_address address;
    };
    bool is_taken(const socket_address& where, const internal::sim_socket& by) const noexcept;

    internal::sim_scheduler& scheduler_;
    network_options options_;
    prng random_;
    std::vector<internal::sim_descriptor*> fds_;
    std::vector<int> free_fds_;
    std::size_t open_fds_ = 0;
    std::vector<internal::sim_socket*> listeners_;
    std::vector<std::unique_ptr<internal::sim_socket>> dead_;
    std::deque<link> links_;  // connections point into it
    std::vector<host> hosts_;
    std::uint16_t next_port_ = 32'768;
    std::uint64_t connections_ = 0;
};

}  // namespace drama::inline v0
