// SPDX-License-Identifier: Apache-2.0
// What stands before a listening socket: it accepts, and when descriptors run out it closes waiting
// connections with the help of a reserve instead of spinning or leaving clients in silence.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <source_location>
#include <utility>

#include "drama/coro/sleep.hpp"
#include "drama/coro/task.hpp"
#include "drama/io/io_fd.hpp"
#include "drama/net/socket_wait.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama::inline v0::internal {

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

/// A listening socket and the reserve: a descriptor that is given up to accept a connection which
/// cannot be served. Threads: several tasks may accept.
class DRAMA_API accept_gate {
  public:
    /// What an accept does next.
    enum class verdict : std::uint8_t { retry, pause, give_up };

    accept_gate(io_fd listening, int address_family) noexcept;
    ~accept_gate() { close(); }
    accept_gate(const accept_gate&) = delete;
    accept_gate& operator=(const accept_gate&) = delete;

    io_fd& listener() noexcept { return listener_; }
    std::uint64_t refused() const noexcept { return refused_.load(std::memory_order_relaxed); }

    /// Takes a free descriptor as the reserve. False if there is none.
    bool refill() noexcept;
    /// Closes a connection that came in place of the reserve.
    void refuse(io_fd connection) noexcept;
    verdict judge(std::error_code error, bool used_reserve) noexcept;
    void close() noexcept;

  private:
    void give_up_reserve() noexcept;

    io_fd listener_;
    const int family_;
    std::atomic<int> reserve_{-1};  // taken and given by exchange alone
    std::atomic<std::uint64_t> refused_{0};
};

/// Pauses of an accept that cannot serve anyone.
inline constexpr duration accept_pause_first = std::chrono::milliseconds(1);
inline constexpr duration accept_pause_max = std::chrono::milliseconds(50);

/// Waits for a connection and makes a Stream of (io_fd, peer's socket_address).
///
/// 1. Out of descriptors: give up the reserve and accept again at once.
/// 2. A connection that came in its place is kept if the reserve can be had back, else closed, and
///    the reserve taken again.
/// 3. After that, pause: the backlog absorbs the clients. Errors of single clients pause too, so
///    that a lasting one (a firewall's EPERM) does not spin.
/// 4. While the process is saturated, one connection each accept_pause(): a trickle, so that nobody
///    starves, and the rest stays in the kernel's backlog.
template <class Stream>
task<result<Stream>> accept_from(accept_gate* gate, std::source_location at) {
    duration pause = accept_pause_first;
    bool used_reserve = false;
    if (const duration trickle = accept_pause(); trickle > duration::zero()) {
        auto slept = co_await sleep_for(trickle, at);
        if (!slept) {
            co_return fail(slept.error());
        }
    }
    for (;;) {
        socket_address peer;
        auto accepted = co_await accept_wait(gate->listener().get(), peer, at);
        if (accepted) {
            io_fd socket(gate->listener().io(), static_cast<int>(*accepted));
            if (!used_reserve || gate->refill()) {
                co_return Stream(std::move(socket), peer);
            }
            gate->refuse(std::move(socket));
        } else {
            const auto next = gate->judge(accepted.error(), used_reserve);
            if (next == accept_gate::verdict::give_up) {
                co_return fail(net_error(accepted.error()));
            }
            if (next == accept_gate::verdict::retry) {
                used_reserve = true;
                continue;
            }
        }
        used_reserve = !gate->refill();
        auto slept = co_await sleep_for(pause, at);
        if (!slept) {
            co_return fail(slept.error());
        }
        pause = std::min(pause * 2, accept_pause_max);
    }
}

}  // namespace drama::inline v0::internal
