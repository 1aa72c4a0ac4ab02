// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/net/sim_network.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/socket.h>

#include "drama/base/assert.hpp"
#include "drama/sim/internal/descriptor_table.hpp"
#include "drama/sim/internal/sim_scheduler.hpp"
#include "drama/sim/net/internal/datagram/datagram_flights.hpp"
#include "drama/sim/net/internal/host_names.hpp"
#include "drama/sim/net/internal/local/local_names.hpp"
#include "drama/sim/net/internal/local/local_socket.hpp"
#include "drama/sim/net/internal/name_lookups.hpp"
#include "drama/sim/net/internal/net_paths.hpp"
#include "drama/sim/net/internal/local/pipe_end.hpp"
#include "drama/sim/net/internal/swizzle.hpp"
#include "drama/sim/net/internal/tcp/tcp_socket.hpp"

namespace drama::inline v0 {

using namespace internal;

namespace {

int type_of(int type) noexcept {
    return type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
}

std::unique_ptr<sim_socket> make_socket(sim_network& network, const socket_kind& kind) {
    if (kind.type == SOCK_DGRAM) {
        return std::make_unique<datagram_socket>(network, kind);
    }
    if (kind.family == AF_UNIX) {
        return std::make_unique<local_socket>(network, kind);
    }
    return std::make_unique<tcp_socket>(network, kind);
}

}  // namespace

sim_network::sim_network(sim_scheduler& in, std::uint64_t seed)
    : scheduler_(in),
      random_(seed),
      hosts_(std::make_unique<host_names>()),
      locals_(std::make_unique<local_names>()),
      paths_(std::make_unique<net_paths>(
          in, [this](std::string_view name,
                     const socket_address& address) { return hosts_->means(name, address); })),
      table_(std::make_unique<descriptor_table>(in)),
      flights_(std::make_unique<datagram_flights>(*this)),
      lookups_(std::make_unique<name_lookups>(*this)),
      swizzle_(std::make_unique<swizzle>(*this, seed ^ 0x7377697au)) {
}

sim_network::~sim_network() {
    table_->close_all();
}

std::size_t sim_network::open_fds() const noexcept {
    std::size_t open = table_->open();
    for (const sim_process& each : processes_) {
        open -= each.is_child ? each.open_fds : 0;
    }
    return open;
}

int sim_network::add_fd(sim_descriptor& made, sim_process& by) {
    return table_->add(made, by, options_.fds_max);
}

sim_descriptor* sim_network::find(int fd) noexcept {
    return table_->find(fd);
}

sim_socket* sim_network::find_socket(int fd) noexcept {
    return dynamic_cast<sim_socket*>(find(fd));
}

void sim_network::close(int fd) noexcept {
    table_->close(fd);
}

void sim_network::abandon(sim_backend& home) noexcept {
    table_->abandon(home);
    lookups_->abandon(home);
}

sim_process& sim_network::start_process(std::size_t node) {
    return processes_.emplace_back(sim_process{.node = node, .machine = hosts_->node_name(node)});
}

void sim_network::kill(sim_process& process, bool power_fails) noexcept {
    process.is_dead = true;
    for (sim_backend* const each : process.backends) {
        abandon(*each);
    }
    table_->close_all_of(process, power_fails);
}

std::optional<std::int64_t> sim_network::decide(const network_point& at) noexcept {
    fault_plan& plan = scheduler_.faults();
    if (!plan.count_point(at.kind)) [[likely]] {
        return std::nullopt;
    }
    return plan.decide_counted(
        {.kind = at.kind, .site = at.site, .payer = at.payer, .node = hosts_->node_name(at.node)});
}

result<int> sim_network::open_socket(sim_process& by, int family, int type) {
    const socket_kind kind{by.node, family, type_of(type)};
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX) {
        return fail(errno_code(EAFNOSUPPORT));
    }
    if (kind.type != SOCK_STREAM && kind.type != SOCK_DGRAM) {
        return fail(errno_code(EPROTONOSUPPORT));
    }
    auto made = make_socket(*this, kind);
    const int fd = add_fd(*made, by);
    if (fd < 0) {
        return fail(errno_code(-fd));
    }
    made.release();
    return fd;
}

result<std::array<int, 2>> sim_network::open_pair(sim_process& by, int type) {
    DRAMA_TRY(const int one, open_socket(by, AF_UNIX, type));
    auto other = open_socket(by, AF_UNIX, type);
    if (!other) {
        table_->close(one);
        return fail(other.error());
    }
    if (type_of(type) == SOCK_DGRAM) {
        datagram_socket::connect(static_cast<datagram_socket&>(*find(one)),
                                 static_cast<datagram_socket&>(*find(*other)));
    } else {
        local_socket::connect(static_cast<local_socket&>(*find(one)),
                              static_cast<local_socket&>(*find(*other)));
    }
    return std::array{one, *other};
}

result<std::array<int, 2>> sim_network::open_pipe(sim_process& by) {
    auto through = std::make_shared<local_stream>(pipe_end::bytes_max);
    auto reads = std::make_unique<pipe_end>(through, true);
    auto writes = std::make_unique<pipe_end>(through, false);
    const int reader = add_fd(*reads, by);
    if (reader < 0) {
        return fail(errno_code(-reader));
    }
    reads.release();
    const int writer = add_fd(*writes, by);
    if (writer < 0) {
        through->writer = nullptr;
        table_->close(reader);
        return fail(errno_code(-writer));
    }
    writes.release();
    return std::array{reader, writer};
}

bool sim_network::is_taken(const socket_address& where, const sim_socket& by) const noexcept {
    return std::ranges::any_of(exposed_, [&](const sim_socket* each) {
        const bool overlaps =
            each->kind().type == by.kind().type && each->kind().node == by.kind().node &&
            each->local().port() == where.port() && each->family() == where.family() &&
            (is_any(each->local()) || is_any(where) || is_same_host(each->local(), where));
        const bool shares =
            each->option(SOL_SOCKET, SO_REUSEPORT) != 0 && by.option(SOL_SOCKET, SO_REUSEPORT) != 0;
        return overlaps && !shares;
    });
}

result<void> sim_network::bind(sim_socket& socket, const socket_address& where) {
    if (where.family() != socket.family()) {
        return fail(errno_code(EAFNOSUPPORT));
    }
    if (socket.is_bound()) {
        return fail(errno_code(EINVAL));
    }
    socket_address address = where;
    if (where.family() == AF_UNIX) {
        if (auto named = locals_->bind(socket, where); !named) {
            return named;
        }
    } else if (!hosts_->may_bind(socket.kind().node, where)) {
        return fail(errno_code(EADDRNOTAVAIL));
    } else if (where.port() == 0) {
        do {
            address = with_port(where, next_port_);
            next_port_ = next_port_ == 60'999 ? 32'768 : next_port_ + 1;
        } while (is_taken(address, socket));
    } else if (is_taken(address, socket)) {
        return fail(errno_code(EADDRINUSE));
    }
    socket.set_local(address);
    if (socket.kind().type == SOCK_DGRAM && where.family() != AF_UNIX) {
        expose(socket);
    }
    return {};
}

void sim_network::bind_for(sim_socket& socket, const socket_address& target) {
    if (target.family() == AF_UNIX) {
        return;  // the connecting end has no name
    }
    const auto bound = bind(socket, with_port(hosts_->source_for(socket.kind().node, target), 0));
    DRAMA_ASSERT(bound, "every port is taken");
}

void sim_network::expose(sim_socket& socket) {
    if (!socket.is_bound()) {
        const bool is_v4 = socket.family() == AF_INET;
        const auto bound = bind(socket, *socket_address::from_ip(is_v4 ? "0.0.0.0" : "::", 0));
        DRAMA_ASSERT(bound, "every port is taken");
    }
    exposed_.push_back(&socket);
}

void sim_network::hide(sim_socket& socket) noexcept {
    std::erase(exposed_, &socket);
}

sim_socket* sim_network::receiver_at(const socket_address& target, const socket_kind& sender,
                                     const socket_address& from) noexcept {
    const bool is_local = is_loopback(target) || is_any(target);
    const auto owner = is_local ? std::optional(sender.node) : hosts_->owner_of(target);
    sim_socket* found = nullptr;
    std::uint64_t candidates = 0;
    for (sim_socket* const each : exposed_) {
        if (each->kind().type != sender.type || each->family() != target.family() ||
            owner != each->kind().node || each->local().port() != target.port()) {
            continue;
        }
        if (!is_any(each->local()) && !is_any(target) && !is_same_host(each->local(), target)) {
            continue;
        }
        if (each->is_connected()) {
            if (is_same_host(each->peer(), from) && each->peer().port() == from.port()) {
                return each;
            }
            continue;
        }
        if (++candidates == 1 || random_.below(candidates) == 0) {
            found = each;
        }
    }
    return found;
}

std::int64_t sim_network::arrival_ns(net_path& path, std::size_t bytes) noexcept {
    std::int64_t leaves = scheduler_.now_ns();
    if (path.bytes_per_s != 0) {
        const auto takes = static_cast<std::int64_t>(static_cast<unsigned __int128>(bytes) *
                                                     1'000'000'000U / path.bytes_per_s);
        path.busy_until_ns = std::max(path.busy_until_ns, leaves) + takes;
        leaves = path.busy_until_ns;
    }
    return leaves + (path.law ? *path.law : options_.latency).draw_ns(random_);
}

}  // namespace drama::inline v0
