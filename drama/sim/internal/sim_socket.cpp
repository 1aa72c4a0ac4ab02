// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/internal/sim_socket.hpp"

#include <algorithm>
#include <cerrno>

#include <sys/socket.h>

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

// A segment that drew a shorter latency than the one before it waits behind it: bytes keep their
// order.
void sim_socket::transmit(segment_kind kind, std::size_t bytes) noexcept {
    sim_socket& to = *other_;
    sim_scheduler& scheduler = network_.scheduler();
    const std::int64_t at_ns = scheduler.now_ns() + law_->draw_ns(network_.random());
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
