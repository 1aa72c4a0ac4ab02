// SPDX-License-Identifier: Apache-2.0
#include "drama/net/tcp_listener.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>
#include <vector>

#include <netinet/tcp.h>

#include "drama/coro/sleep.hpp"
#include "drama/net/resolve.hpp"

namespace drama::inline v0 {
namespace internal {

/// The listening socket, and the reserve: a descriptor that is given up to accept a connection
/// which cannot be served.
struct accept_gate {
    static constexpr duration pause_first = std::chrono::milliseconds(1);
    static constexpr duration pause_max = std::chrono::milliseconds(50);

    accept_gate(io_fd listening, int address_family) noexcept
        : listener(std::move(listening)), family(address_family) {
        refill();
    }

    ~accept_gate() { close(); }
    accept_gate(const accept_gate&) = delete;
    accept_gate& operator=(const accept_gate&) = delete;

    /// Takes a free descriptor as the reserve. False if there is none.
    bool refill() noexcept {
        if (reserve.load(std::memory_order_acquire) >= 0) {
            return true;
        }
        auto opened = listener.io().open_socket(family, SOCK_STREAM, 0);
        if (!opened) {
            return false;
        }
        int none = -1;
        if (!reserve.compare_exchange_strong(none, *opened, std::memory_order_acq_rel)) {
            listener.io().close(*opened);  // another accept was faster
        }
        return true;
    }
    void give_up_reserve() noexcept {
        const int held = reserve.exchange(-1, std::memory_order_acq_rel);
        if (held >= 0) {
            listener.io().close(held);
        }
    }
    void close() noexcept {
        give_up_reserve();
        listener.reset();
    }

    io_fd listener;
    const int family;
    std::atomic<int> reserve{-1};  // taken and given by exchange alone
    std::atomic<std::uint64_t> refused{0};
};

void close_gate::operator()(accept_gate* gate) const noexcept {
    delete gate;
}

namespace {

class accept_wait : public io_awaiter {
  public:
    accept_wait(int listener, socket_address& peer, std::source_location at) noexcept
        : io_awaiter(op_code::accept, work_class::accept, at) {
        peer.prepare_output();
        op().fd = listener;
        op().address = peer.data();
        op().address_length_out = peer.size_address();
    }
    [[nodiscard]] result<std::int64_t> await_resume() noexcept { return finish(); }
};

bool is_lack_of_descriptors(std::error_code error) noexcept {
    return error == errno_code(EMFILE) || error == errno_code(ENFILE) ||
           error == errno_code(ENOBUFS) || error == errno_code(ENOMEM);
}

// accept reports what befell a waiting connection; the next one may be fine. See accept(2).
bool concerns_one_client(std::error_code error) noexcept {
    if (error.category() != std::system_category()) {
        return false;
    }
    switch (error.value()) {
        case ENETDOWN:
        case EPROTO:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case ENETUNREACH:
        case ECONNABORTED:
        case EPERM:
            return true;
        default:
            return false;
    }
}

// 1. Out of descriptors: give up the reserve and accept again at once.
// 2. A connection that came in its place is kept if the reserve can be had back, else closed, and
//    the reserve taken again.
// 3. After that, wait: there is nothing better to do than to let the backlog absorb the clients.
//    Errors of single clients wait too, so that a lasting one (a firewall's EPERM) does not spin.
task<result<tcp_stream>> accept_from(accept_gate* gate) {
    duration pause = accept_gate::pause_first;
    bool used_reserve = false;
    for (;;) {
        socket_address peer;
        auto accepted =
            co_await accept_wait(gate->listener.get(), peer, std::source_location::current());
        if (accepted) {
            io_fd socket(gate->listener.io(), static_cast<int>(*accepted));
            if (!used_reserve || gate->refill()) {
                co_return tcp_stream(std::move(socket), peer);
            }
            socket.reset();
            gate->refused.fetch_add(1, std::memory_order_relaxed);
        } else if (is_lack_of_descriptors(accepted.error())) {
            if (!used_reserve) {
                gate->give_up_reserve();
                used_reserve = true;
                continue;
            }
        } else if (!concerns_one_client(accepted.error())) {
            co_return fail(net_error(accepted.error()));
        }
        used_reserve = !gate->refill();
        auto slept = co_await sleep_for(pause);
        if (!slept) {
            co_return fail(slept.error());
        }
        pause = std::min(pause * 2, accept_gate::pause_max);
    }
}

result<io_fd> listen_at(io_system& io, const socket_address& where, const listen_options& options) {
    DRAMA_TRY(const int opened, io.open_socket(where.family(), SOCK_STREAM, 0));
    io_fd socket(io, opened);
    const auto set = [&](int level, int option) { return io.set_option(opened, level, option, 1); };
    if (auto done = set(SOL_SOCKET, SO_REUSEADDR); !done) {
        return fail(done.error());
    }
    if (options.reuse_port) {
        if (auto done = set(SOL_SOCKET, SO_REUSEPORT); !done) {
            return fail(done.error());
        }
    }
    if (options.no_delay) {  // accepted sockets inherit it: no call for each of them
        if (auto done = set(IPPROTO_TCP, TCP_NODELAY); !done) {
            return fail(done.error());
        }
    }
    if (auto bound = io.bind(opened, where); !bound) {
        return fail(bound.error());
    }
    if (auto listening = io.listen(opened, options.backlog); !listening) {
        return fail(listening.error());
    }
    return socket;
}

}  // namespace
}  // namespace internal

tcp_listener::tcp_listener() noexcept = default;
tcp_listener::tcp_listener(tcp_listener&&) noexcept = default;
tcp_listener& tcp_listener::operator=(tcp_listener&&) noexcept = default;
tcp_listener::~tcp_listener() = default;

task<result<tcp_listener>> tcp_listener::bind(endpoint where, listen_options options) {
    auto lookup = resolve(std::move(where));
    auto found = co_await std::move(lookup);
    if (!found) {
        co_return fail(found.error());
    }
    io_system& io = internal::current_io();
    std::error_code error;
    for (const socket_address& address : *found) {
        auto socket = internal::listen_at(io, address, options);
        if (!socket) {
            error = socket.error();
            continue;
        }
        tcp_listener made;
        made.gate_.reset(new internal::accept_gate(*std::move(socket), address.family()));
        co_return std::move(made);
    }
    co_return fail(error);
}

task<result<tcp_stream>> tcp_listener::accept() {
    DRAMA_ASSERT(is_open(), "accept on a listener that was closed or moved from");
    return internal::accept_from(gate_.get());
}

result<socket_address> tcp_listener::local() const {
    return gate_->listener.io().local_address(gate_->listener.get());
}

std::uint64_t tcp_listener::refused_for_descriptors() const noexcept {
    return gate_ == nullptr ? 0 : gate_->refused.load(std::memory_order_relaxed);
}

bool tcp_listener::is_open() const noexcept {
    return gate_ != nullptr && static_cast<bool>(gate_->listener);
}

int tcp_listener::fd() const noexcept {
    return gate_ == nullptr ? -1 : gate_->listener.get();
}

void tcp_listener::close() noexcept {
    if (gate_ != nullptr) {
        gate_->close();
    }
}

}  // namespace drama::inline v0
