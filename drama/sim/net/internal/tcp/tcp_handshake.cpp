// SPDX-License-Identifier: Apache-2.0
// How a simulated TCP connection begins: listening, the backlog, requests that are repeated.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "drama/sim/internal/descriptor_table.hpp"
#include "drama/sim/internal/sim_scheduler.hpp"
#include "drama/sim/net/internal/host_names.hpp"
#include "drama/sim/net/internal/tcp/tcp_socket.hpp"

namespace drama::inline v0::internal {
namespace {

// As Linux: a connection request without an answer is repeated after 1, 2, 4 ... seconds.
constexpr int tries_max = 6;
constexpr std::int64_t first_retry_ns = 1'000'000'000;
static_assert(connect_timeout_ns == 127 * first_retry_ns);  // 1 + 2 + 4 + ... + 64
// Nobody has the address: the last router says so.
constexpr std::int64_t unreachable_ns = 3 * first_retry_ns;

}  // namespace

result<void> tcp_socket::listen(int backlog) {
    if (phase_ != phase::fresh && phase_ != phase::listening) {
        return fail(errno_code(EINVAL));
    }
    if (listening_ == nullptr) {
        listening_ = std::make_unique<listening>();
        network_.expose(*this);
    }
    // Linux lets one more wait than was asked for, and takes 0 as the least.
    listening_->backlog = static_cast<std::size_t>(std::clamp(backlog, 0, 4096)) + 1;
    phase_ = phase::listening;
    return {};
}

void tcp_socket::stop_listening() noexcept {
    network_.hide(*this);
    const auto left = std::exchange(listening_->children, {});
    listening_->queue.clear();
    for (tcp_socket* const child : left) {
        child->listener_ = nullptr;
        child->reset_peer();
        child->phase_ = phase::dead;
        child->on_close();
    }
}

void tcp_socket::leave_listener() noexcept {
    listening& from = *listener_->listening_;
    std::erase(from.children, this);
    std::erase(from.queue, this);
    listener_ = nullptr;
}

bool tcp_socket::is_half_open() const noexcept {
    return listener_ != nullptr && std::ranges::find(listener_->listening_->queue, this) ==
                                       listener_->listening_->queue.end();
}

void tcp_socket::on_handshake(timed_event& event) noexcept {
    tcp_socket& self = *static_cast<own_event&>(event).at;
    switch (self.handshake_at_) {
        case handshake_step::asks:
            self.ask_listener();
            return;
        case handshake_step::is_refused:
            self.phase_ = phase::fresh;
            self.error_ = self.refusal_;
            self.serve();
            return;
        case handshake_step::times_out:
            self.reset_peer();
            self.break_with(ETIMEDOUT);
            return;
    }
}

void tcp_socket::refuse_at(std::int64_t at_ns, int error) noexcept {
    handshake_at_ = handshake_step::is_refused;
    refusal_ = error;
    network_.scheduler().schedule(handshake_, at_ns);
}

// The request or its answer was lost, or the backlog is full.
void tcp_socket::ask_again() noexcept {
    sim_scheduler& scheduler = network_.scheduler();
    const std::int64_t at_ns = scheduler.now_ns() + (first_retry_ns << tries_);
    if (++tries_ > tries_max) {
        refuse_at(at_ns, ETIMEDOUT);
    } else {
        scheduler.schedule(handshake_, at_ns);
    }
}

void tcp_socket::ask_listener() noexcept {
    sim_scheduler& scheduler = network_.scheduler();
    if (!out_->is_open(scheduler.now_ns()) || ask(fault_kind::backlog_full, "tcp.connect")) {
        scheduler.note(sim_event::arrival, 3);
        ask_again();
        return;
    }
    auto* const listener = static_cast<tcp_socket*>(network_.receiver_at(peer_, kind(), local_));
    scheduler.note(sim_event::arrival, listener == nullptr ? 1 : 2);
    if (listener == nullptr) {
        const bool is_known = is_loopback(peer_) || network_.hosts().owner_of(peer_).has_value();
        refuse_at(is_known ? network_.arrival_ns(*in_, 0) : scheduler.now_ns() + unreachable_ns,
                  is_known ? ECONNREFUSED : EHOSTUNREACH);
    } else if (listener->listening_->children.size() < listener->listening_->backlog) {
        open_child(*listener);
    } else {
        ask_again();
    }
}

void tcp_socket::open_child(tcp_socket& listener) noexcept {
    auto* const child = new tcp_socket(network_, listener.kind());
    child->set_local(peer_);
    child->peer_ = local_;
    child->out_ = in_;
    child->in_ = out_;
    child->other_ = this;
    child->listener_ = &listener;
    child->phase_ = phase::connected;
    child->options_ = listener.options_;
    other_ = child;
    listener.listening_->children.push_back(child);
    network_.count_connection();
    sim_scheduler& scheduler = network_.scheduler();
    handshake_at_ = handshake_step::times_out;
    scheduler.schedule(handshake_, scheduler.now_ns() + connect_timeout_ns);
    child->transmit(segment_kind::syn_ack, 0);
}

}  // namespace drama::inline v0::internal
