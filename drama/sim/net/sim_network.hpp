// SPDX-License-Identifier: Apache-2.0
// The network of a simulated world: TCP, UDP, Unix sockets and pipes of all runtimes in it, with
// latencies drawn from the seed, bounded buffers and bandwidth, and whatever is cut or clogged; and
// the table of all descriptors.
//
//     world.net().latency(heavy_tail(1ms, 50ms));
//     world.net().partition("bank", "client");
//     world.run_for(3s);
//     world.net().heal();
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"
#include "drama/base/prng.hpp"
#include "drama/fault/fault_kind.hpp"
#include "drama/io/io_backend.hpp"
#include "drama/io/socket_address.hpp"
#include "drama/sim/net/latency_law.hpp"
#include "drama/sim/node/sim_process.hpp"

namespace drama::inline v0 {

class account;

namespace internal {
class datagram_flights;
class descriptor_table;
class host_names;
class local_names;
class name_lookups;
class net_paths;
class sim_backend;
class sim_descriptor;
class sim_scheduler;
class sim_socket;
class swizzle;
struct net_path;
struct socket_kind;
}  // namespace internal

struct network_options {
    /// One way, for paths that have no law of their own.
    latency_law latency = heavy_tail(std::chrono::microseconds(30), std::chrono::milliseconds(1));
    /// What a direction of a connection holds: in flight and unread.
    std::size_t buffer_bytes = 64 * 1024;
    /// One send or receive in so many moves fewer bytes than it could; 0: none.
    std::uint32_t short_one_in = 0;
    /// How many of the datagrams are lost, come twice, or are overtaken by later ones: 0 to 1.
    double datagram_loss = 0;
    double datagram_duplication = 0;
    double datagram_reordering = 0;
    /// Descriptors at once; beyond, open and accept fail with EMFILE.
    std::size_t fds_max = 100'000;
    /// Processes that the world has ever had; beyond, children fail to start with EAGAIN.
    std::size_t processes_max = 100'000;
};

/// Where a fault of the network could happen.
struct network_point {
    fault_kind kind;
    std::string_view site;
    const account* payer = nullptr;
    std::size_t node = 0;
};

/// Where a path is named by two ends, each is a node's or host's name, a numeric address without
/// port, or "*": any other address than the one at the other end. Paths inside of one address
/// (loopback) are only reached by naming it twice. Unix sockets and pipes know no paths.
///
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

    // What it is like. All may be called at any time and hold for what is sent later.

    void latency(const latency_law& everywhere) noexcept { options_.latency = everywhere; }
    /// Both ways.
    void latency(std::string_view one, std::string_view other, const latency_law& law);
    /// Bytes per second each way; 0: without limit.
    void bandwidth(std::string_view one, std::string_view other, std::uint64_t bytes_per_s);
    void bandwidth(std::uint64_t bytes_per_s) { bandwidth("*", "*", bytes_per_s); }

    /// Nothing passes between the two, until heal: TCP repeats itself for 15 minutes and goes on
    /// where it was; datagrams are lost.
    void partition(std::string_view one, std::string_view other);
    /// From everybody else.
    void partition(std::string_view who) { partition(who, "*"); }
    void partition_one_way(std::string_view from, std::string_view to);
    void heal(std::string_view one, std::string_view other);
    /// Opens everything that is cut or clogged.
    void heal();
    /// What is sent waits on the way, and comes in order after unclog or heal. Nothing is lost.
    void clog(std::string_view one, std::string_view other);
    void unclog(std::string_view one, std::string_view other);
    /// Swizzle-clogging: a random part of the nodes is cut off by clogs, one after the other, and
    /// released in another order, all within `span`.
    void swizzle_clog(duration span);

    /// What name resolution answers for `name`; several calls add addresses. "localhost" is known.
    /// The address belongs to the node that has none of its own name unless it is another's.
    /// Requires: `ip` is numeric.
    void set_host(std::string name, std::string_view ip);
    /// What was said of `name` is forgotten.
    void forget_host(std::string_view name);
    /// One more machine, whose name resolves to its address; 127.0.0.1 is each machine's own.
    /// Yields its number; 0 is the one without a name, which is always there. The same name is the
    /// same machine.
    std::size_t add_node(std::string name);

    std::uint64_t connections() const noexcept { return connections_; }
    /// Without those of children, which may go on when the process that started them has ended.
    std::size_t open_fds() const noexcept;
    /// Processes that it has ever had: what is left of each stays until the world ends.
    std::size_t processes() const noexcept { return processes_.size(); }

    // Below: for the simulated sockets, files and backends.

    internal::sim_scheduler& scheduler() noexcept { return scheduler_; }
    internal::net_paths& paths() noexcept { return *paths_; }
    internal::host_names& hosts() noexcept { return *hosts_; }
    internal::local_names& locals() noexcept { return *locals_; }
    internal::datagram_flights& flights() noexcept { return *flights_; }
    internal::descriptor_table& table() noexcept { return *table_; }
    prng& random() noexcept { return random_; }

    /// A descriptor's number, or -EMFILE. The descriptor belongs to the network from then on.
    int add_fd(internal::sim_descriptor& made, internal::sim_process& by);
    /// Null if there is none.
    internal::sim_descriptor* find(int fd) noexcept;
    internal::sim_socket* find_socket(int fd) noexcept;
    void close(int fd) noexcept;
    void abandon(internal::sim_backend& home) noexcept;

    /// Another process on the machine of that number.
    internal::sim_process& start_process(std::size_t node);
    /// Ends a process at once: its operations complete as cancelled, and what it still asks for
    /// fails. Its connections end as those of a process do that exits; with `power_fails` they are
    /// reset.
    void kill(internal::sim_process& process, bool power_fails) noexcept;

    result<int> open_socket(internal::sim_process& by, int family, int type);
    result<std::array<int, 2>> open_pair(internal::sim_process& by, int type);
    result<std::array<int, 2>> open_pipe(internal::sim_process& by);
    result<void> bind(internal::sim_socket& socket, const socket_address& where);
    /// Gives an unbound socket an address from which it can reach `target`.
    void bind_for(internal::sim_socket& socket, const socket_address& target);
    /// From now on packets and requests to its address find it.
    void expose(internal::sim_socket& socket);
    void hide(internal::sim_socket& socket) noexcept;
    /// Who takes what a socket of the kind `sender` sends to `target`, from the address `from`; one
    /// of several (SO_REUSEPORT) is drawn. Null if nobody does.
    internal::sim_socket* receiver_at(const socket_address& target,
                                      const internal::socket_kind& sender,
                                      const socket_address& from) noexcept;
    /// When `bytes` that are sent now arrive.
    std::int64_t arrival_ns(internal::net_path& path, std::size_t bytes) noexcept;
    void count_connection() noexcept { ++connections_; }
    /// Of a child process.
    int next_pid() noexcept { return ++last_pid_; }
    /// Asks the world's plan, on the account of whoever pays, for a socket of `node`.
    std::optional<std::int64_t> decide(const network_point& at) noexcept;
    internal::name_lookups& lookups() noexcept { return *lookups_; }

  private:
    std::string checked(std::string_view end) const;
    bool is_taken(const socket_address& where, const internal::sim_socket& by) const noexcept;

    internal::sim_scheduler& scheduler_;
    network_options options_;
    prng random_;
    std::unique_ptr<internal::host_names> hosts_;
    std::unique_ptr<internal::local_names> locals_;
    std::unique_ptr<internal::net_paths> paths_;
    std::unique_ptr<internal::descriptor_table> table_;
    std::unique_ptr<internal::datagram_flights> flights_;
    std::unique_ptr<internal::name_lookups> lookups_;
    std::unique_ptr<internal::swizzle> swizzle_;
    std::vector<internal::sim_socket*> exposed_;
    std::deque<internal::sim_process> processes_;
    std::uint16_t next_port_ = 32'768;
    std::uint64_t connections_ = 0;
    int last_pid_ = 1;
};

}  // namespace drama::inline v0
