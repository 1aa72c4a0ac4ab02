// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/internal/sim_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "drama/sim/internal/sim_backend.hpp"

namespace drama::inline v0::internal {
namespace {

// As Linux: a connection request that found the backlog full is repeated after 1, 2, 4 ... seconds.
constexpr int tries_max = 6;
constexpr std::int64_t first_retry_ns = 1'000'000'000;

std::uint64_t option_key(int level, int name) noexcept {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(level)) << 32 |
           static_cast<std::uint32_t>(name);
}

}  // namespace

sim_socket::sim_socket(sim_network& network, int family) noexcept
    : network_(network), family_(family) {
    arrival_.at = this;
    arrival_.fire = &on_arrival;
    handshake_.at = this;
    handshake_.fire = &on_handshake;
}

sim_socket::~sim_socket() {
    network_.scheduler().cancel(arrival_);
    network_.scheduler().cancel(handshake_);
}

int sim_socket::option(int level, int name) const noexcept {
    for (const auto& [key, value] : options_) {
        if (key == option_key(level, name)) {
            return value;
        }
    }
    return 0;
}

void sim_socket::set_option(int level, int name, int value) {
    for (auto& [key, kept] : options_) {
        if (key == option_key(level, name)) {
            kept = value;
            return;
        }
    }
    options_.emplace_back(option_key(level, name), value);
}

// Operations.

std::int64_t sim_socket::attempt(operation& op, bool again) noexcept {
    switch (op.code) {
        case op_code::accept:
            return attempt_accept(op);
        case op_code::connect:
            return attempt_connect(op, again);
        case op_code::recv:
            return receive(op.buffer, op.length, op.flags);
        case op_code::read:
            return receive(op.buffer, op.length, 0);
        case op_code::send:
        case op_code::write:
            return send(op.buffer, op.length);
        case op_code::recv_msg:
            return receive_message(op);
        case op_code::send_msg:
            return send_message(op);
        default:
            return -EINVAL;
    }
}

std::int64_t sim_socket::attempt_accept(operation& op) noexcept {
    if (phase_ != phase::listening) {
        return -EINVAL;
    }
    if (listening_->queue.empty()) {
        return not_yet;
    }
    sim_socket& child = *listening_->queue.front();
    const int made = network_.add_fd(child);
    if (made < 0) {
        return made;
    }
    child.leave_listener();
    if (op.address != nullptr && op.address_length_out != nullptr) {
        const std::size_t bytes = std::min<std::size_t>(*op.address_length_out, child.peer_.size());
        std::memcpy(op.address, child.peer_.data(), bytes);
        *op.address_length_out = child.peer_.size();
    }
    return made;
}

std::int64_t sim_socket::attempt_connect(operation& op, bool again) noexcept {
    switch (phase_) {
        case phase::connected:
            return again ? 0 : -EISCONN;
        case phase::connecting:
            return not_yet;
        case phase::listening:
            return -EISCONN;
        case phase::dead:
        case phase::fresh:
            break;
    }
    if (again) {
        return error_ != 0 ? -take_error() : -ECONNABORTED;
    }
    if (op.address == nullptr || op.length < sizeof(sa_family_t)) {
        return -EINVAL;
    }
    if (op.address->sa_family != family_) {
        return -EAFNOSUPPORT;
    }
    peer_ = socket_address(op.address, static_cast<socklen_t>(op.length));
    if (!is_bound_) {
        network_.bind_for(*this, peer_);
    }
    take_error();
    phase_ = phase::connecting;
    tries_ = 0;
    handshake_at_ = handshake_step::asks;
    law_ = &network_.law_between(local_, peer_);
    sim_scheduler& scheduler = network_.scheduler();
    scheduler.schedule(handshake_, scheduler.now_ns() + law_->draw_ns(network_.random()));
    return not_yet;
}

// Fewer bytes than possible, now and then: streams promise no more.
std::size_t sim_socket::shorten(std::size_t bytes) noexcept {
    const std::uint32_t one_in = network_.options().short_one_in;
    if (one_in == 0 || bytes < 2 || network_.random().below(one_in) != 0) {
        return bytes;
    }
    return 1 + network_.random().below(bytes - 1);
}

std::int64_t sim_socket::receive(void* into, std::size_t length, int flags) noexcept {
    if (phase_ == phase::fresh || phase_ == phase::listening) {
        return -ENOTCONN;
    }
    if (readable_ != 0) {
        const std::size_t count = shorten(std::min(length, readable_));
        received_.peek(into, count, 0);
        if ((flags & MSG_PEEK) == 0) {
            received_.drop(count);
            readable_ -= count;
            if (other_ != nullptr && other_->is_open_) {
                other_->serve();  // there is room again
            }
        }
        return static_cast<std::int64_t>(count);
    }
    if (error_ != 0) {
        return -take_error();
    }
    return end_arrived_ || read_shut_ || phase_ == phase::dead ? 0 : not_yet;
}

std::size_t sim_socket::room() const noexcept {
    const std::size_t most = network_.options().buffer_bytes;
    return other_ == nullptr || !other_->is_open_ ? most
                                                  : most - std::min(most, other_->received_.size());
}

std::int64_t sim_socket::send(const void* from, std::size_t length) noexcept {
    if (error_ != 0) {
        return -take_error();
    }
    if (phase_ == phase::connecting) {
        return not_yet;
    }
    if (phase_ != phase::connected || write_shut_) {
        return -EPIPE;
    }
    const std::size_t count = shorten(std::min(length, room()));
    if (count == 0) {
        return length == 0 ? 0 : not_yet;
    }
    if (other_->is_open_) {
        other_->received_.push(from, count);
    }
    transmit(segment_kind::data, count);
    return static_cast<std::int64_t>(count);
}

std::int64_t sim_socket::receive_message(operation& op) noexcept {
    std::int64_t total = 0;
    op.message->msg_namelen = 0;
    op.message->msg_controllen = 0;
    op.message->msg_flags = 0;
    for (std::size_t i = 0; i < op.message->msg_iovlen; ++i) {
        const iovec& part = op.message->msg_iov[i];
        if (part.iov_len == 0) {
            continue;
        }
        const std::int64_t got =
            total != 0 && readable_ == 0 ? not_yet : receive(part.iov_base, part.iov_len, op.flags);
        if (got <= 0) {
            return total != 0 ? total : got;
        }
        total += got;
        if (static_cast<std::size_t>(got) < part.iov_len || (op.flags & MSG_PEEK) != 0) {
            break;
        }
    }
    return total;
}

std::int64_t sim_socket::send_message(operation& op) noexcept {
    std::int64_t total = 0;
    for (std::size_t i = 0; i < op.message->msg_iovlen; ++i) {
        const iovec& part = op.message->msg_iov[i];
        const std::int64_t sent = send(part.iov_base, part.iov_len);
        if (sent < 0) {
            return total != 0 ? total : sent;
        }
        total += sent;
        if (static_cast<std::size_t>(sent) < part.iov_len) {
            break;
        }
    }
    return total;
}

bool sim_socket::may_serve_writers() noexcept {
    return phase_ != phase::connected || error_ != 0 || write_shut_ ||
           room() >= network_.options().buffer_bytes / 3;
}

int sim_socket::events() noexcept {
    if (phase_ == phase::listening) {
        return listening_->queue.empty() ? 0 : POLLIN | POLLRDNORM;
    }
    int found = error_ != 0 ? POLLERR : 0;
    if (phase_ == phase::connecting) {
        return found;
    }
    if (phase_ != phase::connected) {
        found |= POLLHUP | POLLOUT | POLLWRNORM;
        return phase_ == phase::dead ? found | POLLIN | POLLRDNORM | POLLRDHUP : found;
    }
    const bool no_more = end_arrived_ || read_shut_;
    if (readable_ != 0 || no_more || error_ != 0) {
        found |= POLLIN | POLLRDNORM;
    }
    if (no_more) {
        found |= POLLRDHUP | (write_shut_ ? POLLHUP : 0);
    }
    return may_serve_writers() ? found | POLLOUT | POLLWRNORM : found;
}

// The connection.

void sim_socket::transmit(segment_kind kind, std::size_t bytes) noexcept {
    sim_socket& to = *other_;
    sim_scheduler& scheduler = network_.scheduler();
    const std::int64_t at_ns =
        std::max(to.last_arrival_ns_, scheduler.now_ns() + law_->draw_ns(network_.random()));
    to.last_arrival_ns_ = at_ns;
    to.inbox_.push_back({kind, bytes, at_ns});
    if (!to.arrival_.is_scheduled()) {
        scheduler.schedule(to.arrival_, at_ns);
    }
}

void sim_socket::on_arrival(timed_event& event) noexcept {
    sim_socket& self = *static_cast<arrival_event&>(event).at;
    sim_scheduler& scheduler = self.network_.scheduler();
    while (!self.inbox_.empty() && self.inbox_.front().at_ns <= scheduler.now_ns()) {
        const segment got = self.inbox_.front();
        self.inbox_.pop_front();
        scheduler.note(sim_event::arrival, static_cast<std::uint64_t>(got.kind) << 56 ^ got.bytes);
        self.receive_segment(got);
    }
    if (!self.inbox_.empty() && !self.is_buried_ && !self.arrival_.is_scheduled()) {
        scheduler.schedule(self.arrival_, self.inbox_.front().at_ns);
    }
}

void sim_socket::receive_segment(const segment& got) noexcept {
    if (got.kind == segment_kind::reset) {
        receive_reset();
        return;
    }
    if (!is_open_) {
        if (got.kind != segment_kind::end) {
            reset_peer();
        }
        return;
    }
    if (phase_ == phase::dead) {
        return;
    }
    switch (got.kind) {
        case segment_kind::data:
            readable_ += got.bytes;
            break;
        case segment_kind::syn_ack:
            phase_ = phase::connected;
            transmit(segment_kind::ack, 0);
            break;
        case segment_kind::ack:
            if (listener_ != nullptr) {
                listener_->listening_->queue.push_back(this);
                listener_->serve();
            }
            return;
        case segment_kind::end:
            end_arrived_ = true;
            break;
        case segment_kind::reset:
            break;
    }
    serve();
}

void sim_socket::receive_reset() noexcept {
    if (phase_ != phase::connected && phase_ != phase::connecting) {
        return;
    }
    error_ = phase_ == phase::connecting ? ECONNREFUSED : end_arrived_ ? EPIPE : ECONNRESET;
    phase_ = phase::dead;
    has_reset_ = true;
    if (is_half_open()) {
        leave_listener();
        is_open_ = false;
    }
    if (is_open_) {
        serve();
    } else {
        bury_if_over();
    }
}

void sim_socket::finish_sending() noexcept {
    if (!write_shut_ && !has_reset_ && phase_ == phase::connected) {
        transmit(segment_kind::end, 0);
    }
    write_shut_ = true;
}

void sim_socket::reset_peer() noexcept {
    if (!has_reset_ && other_ != nullptr) {
        has_reset_ = true;
        transmit(segment_kind::reset, 0);
    }
}

result<void> sim_socket::shutdown(int how) noexcept {
    if (phase_ == phase::listening && how != SHUT_WR) {
        stop_listening();
        phase_ = phase::dead;
        serve();
        return {};
    }
    if (phase_ != phase::connected) {
        return fail(errno_code(ENOTCONN));
    }
    if (how != SHUT_RD) {
        finish_sending();
    }
    read_shut_ = read_shut_ || how != SHUT_WR;
    serve();
    return {};
}

void sim_socket::on_close() noexcept {
    retire();
    if (phase_ == phase::listening) {
        stop_listening();
    }
    network_.scheduler().cancel(handshake_);
    if (other_ != nullptr && phase_ == phase::connected) {
        if (readable_ != 0) {
            reset_peer();  // the peer must learn that its bytes were not read
        } else {
            finish_sending();
        }
    }
    is_open_ = false;
    received_ = byte_ring();
    readable_ = 0;
    bury_if_over();
}

void sim_socket::bury_if_over() noexcept {
    if (is_open_ || (other_ != nullptr && other_->is_open_)) {
        return;
    }
    for (sim_socket* const end : {this, other_}) {
        if (end != nullptr && !std::exchange(end->is_buried_, true)) {
            network_.scheduler().cancel(end->arrival_);
            network_.bury(*end);
        }
    }
}

// Listening and the handshake.

result<void> sim_socket::listen(int backlog) {
    if (phase_ != phase::fresh && phase_ != phase::listening) {
        return fail(errno_code(EINVAL));
    }
    if (listening_ == nullptr) {
        listening_ = std::make_unique<listening>();
        network_.start_listening(*this);
    }
    // Linux lets one more wait than was asked for, and takes 0 as the least.
    listening_->backlog = static_cast<std::size_t>(std::clamp(backlog, 0, 4096)) + 1;
    phase_ = phase::listening;
    return {};
}

void sim_socket::stop_listening() noexcept {
    network_.stop_listening(*this);
    const auto left = std::exchange(listening_->children, {});
    listening_->queue.clear();
    for (sim_socket* const child : left) {
        child->listener_ = nullptr;
        child->reset_peer();
        child->phase_ = phase::dead;
        child->on_close();
    }
}

void sim_socket::leave_listener() noexcept {
    listening& from = *listener_->listening_;
    std::erase(from.children, this);
    std::erase(from.queue, this);
    listener_ = nullptr;
}

bool sim_socket::is_half_open() const noexcept {
    return listener_ != nullptr && std::ranges::find(listener_->listening_->queue, this) ==
                                       listener_->listening_->queue.end();
}

void sim_socket::on_handshake(timed_event& event) noexcept {
    sim_socket& self = *static_cast<arrival_event&>(event).at;
    if (self.handshake_at_ == handshake_step::is_refused) {
        self.phase_ = phase::fresh;
        self.error_ = self.tries_ > tries_max ? ETIMEDOUT : ECONNREFUSED;
        self.serve();
        return;
    }
    self.ask_listener();
}

void sim_socket::ask_listener() noexcept {
    sim_scheduler& scheduler = network_.scheduler();
    sim_socket* const listener = network_.listener_at(peer_);
    scheduler.note(sim_event::arrival, listener == nullptr ? 1 : 2);
    if (listener == nullptr) {
        handshake_at_ = handshake_step::is_refused;
        scheduler.schedule(handshake_, scheduler.now_ns() + law_->draw_ns(network_.random()));
    } else if (listener->listening_->children.size() < listener->listening_->backlog) {
        open_child(*listener);
    } else {
        if (++tries_ > tries_max) {
            handshake_at_ = handshake_step::is_refused;
        }
        scheduler.schedule(handshake_, scheduler.now_ns() + (first_retry_ns << (tries_ - 1)));
    }
}

void sim_socket::open_child(sim_socket& listener) noexcept {
    auto* const child = new sim_socket(network_, family_);
    child->set_local(peer_);
    child->peer_ = local_;
    child->law_ = law_;
    child->other_ = this;
    child->listener_ = &listener;
    child->phase_ = phase::connected;
    other_ = child;
    listener.listening_->children.push_back(child);
    network_.count_connection();
    child->transmit(segment_kind::syn_ack, 0);
}

}  // namespace drama::inline v0::internal
