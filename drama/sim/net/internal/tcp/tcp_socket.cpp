// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/net/internal/tcp/tcp_socket.hpp"

#include <algorithm>
#include <cerrno>

#include <sys/socket.h>

#include "drama/sim/internal/descriptor_table.hpp"
#include "drama/sim/internal/sim_scheduler.hpp"

namespace drama::inline v0::internal {
namespace {

// As Linux: what is not acknowledged is sent again after 0.2, 0.4, 0.8 ... seconds, at most 120
// apart, and given up after the fifteenth time.
constexpr std::int64_t repeat_first_ns = 200'000'000;
constexpr std::int64_t repeat_longest_ns = 120'000'000'000;
constexpr std::int64_t give_up_ns = 924'600'000'000;
constexpr std::int64_t give_up_half_open_ns = 63'000'000'000;

// The first repetition after `now`, of what was sent at `sent`.
std::int64_t next_repeat_ns(std::int64_t sent, std::int64_t now) noexcept {
    std::int64_t at = sent;
    for (std::int64_t pause = repeat_first_ns; at <= now;
         pause = std::min(pause * 2, repeat_longest_ns)) {
        at += pause;
    }
    return at;
}

}  // namespace

tcp_socket::tcp_socket(sim_network& network, const socket_kind& kind) noexcept
    : sim_socket(network, kind) {
    for (own_event* const each : {&arrival_, &silence_, &handshake_}) {
        each->at = this;
    }
    arrival_.fire = &on_arrival;
    silence_.fire = &on_silence;
    handshake_.fire = &on_handshake;
}

tcp_socket::~tcp_socket() {
    for (own_event* const each : {&arrival_, &silence_, &handshake_}) {
        network_.scheduler().cancel(*each);
    }
    if (mishaps_ != nullptr) {
        network_.scheduler().cancel(*mishaps_);
    }
    if (waits_for_path_) {
        in_->forget(*this);
    }
}

// A segment that drew a shorter latency than the one before it waits behind it: bytes keep their
// order.
void tcp_socket::transmit(segment_kind kind, std::size_t bytes) noexcept {
    tcp_socket& to = *other_;
    if (is_silent() && kind != segment_kind::ack) {
        return;
    }
    const std::int64_t at_ns = network_.arrival_ns(*out_, bytes) + delay_ns(bytes);
    to.inbox_.push_back({kind, bytes, at_ns});
    if (!to.arrival_.is_scheduled() && !to.waits_for_path_) {
        network_.scheduler().schedule(to.arrival_, at_ns);
    }
}

void tcp_socket::on_arrival(timed_event& event) noexcept {
    tcp_socket& self = *static_cast<own_event&>(event).at;
    sim_scheduler& scheduler = self.network_.scheduler();
    if (!self.in_->is_open(scheduler.now_ns())) {
        self.wait_for_path();
        return;
    }
    if (self.waits_for_path_) {  // the path opened by itself
        self.in_->forget(self);
        self.on_open();
        return;
    }
    while (!self.inbox_.empty() && !self.is_buried_ &&
           self.inbox_.front().at_ns <= scheduler.now_ns()) {
        segment got = self.inbox_.front();
        if (const std::int64_t pause = self.other_->trickle_ns();
            pause != 0 && got.kind == segment_kind::data && got.bytes > 1) {
            self.inbox_.front() = {got.kind, got.bytes - 1, scheduler.now_ns() + pause};
            got.bytes = 1;
        } else {
            self.inbox_.pop_front();
        }
        scheduler.note(sim_event::arrival, static_cast<std::uint64_t>(got.kind) << 56 ^ got.bytes);
        self.receive_segment(got);
    }
    if (!self.inbox_.empty() && !self.is_buried_ && !self.arrival_.is_scheduled()) {
        scheduler.schedule(self.arrival_, self.inbox_.front().at_ns);
    }
}

// What arrives finds the path closed. On a cut one it is lost, and sent again; on a clogged one it
// waits. Either way it comes after the path has opened, unless its sender gives up before.
void tcp_socket::wait_for_path() noexcept {
    sim_scheduler& scheduler = network_.scheduler();
    if (!waits_for_path_) {
        waits_for_path_ = true;
        held_since_ns_ = scheduler.now_ns();
        in_->waiters.push_back(this);
        if (in_->loses(held_since_ns_) && !other_->silence_.is_scheduled()) {
            scheduler.schedule(
                other_->silence_,
                held_since_ns_ + (other_->is_half_open() ? give_up_half_open_ns : give_up_ns));
        }
    }
    if (const std::int64_t opens_ns = in_->opens_ns(); opens_ns > scheduler.now_ns()) {
        scheduler.schedule(arrival_, opens_ns);
    }
}

void tcp_socket::on_open() noexcept {
    sim_scheduler& scheduler = network_.scheduler();
    const bool was_lost = other_->silence_.is_scheduled();
    scheduler.cancel(other_->silence_);
    scheduler.cancel(arrival_);
    waits_for_path_ = false;
    const std::int64_t now = scheduler.now_ns();
    scheduler.schedule(arrival_, was_lost ? next_repeat_ns(held_since_ns_, now) : now);
}

// Nobody has acknowledged for so long that the peer counts as gone. It may live, and learns of it
// when it sends the next time.
void tcp_socket::on_silence(timed_event& event) noexcept {
    static_cast<own_event&>(event).at->break_with(ETIMEDOUT);
}

void tcp_socket::break_with(int error) noexcept {
    if (phase_ != phase::connected && phase_ != phase::connecting) {
        return;
    }
    error_ = error;
    phase_ = phase::dead;
    if (other_ != nullptr) {
        other_->inbox_.clear();  // nobody repeats it any more
        network_.scheduler().cancel(other_->arrival_);
    }
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

void tcp_socket::receive_segment(const segment& got) noexcept {
    if (got.kind == segment_kind::reset) {
        receive_reset();
        return;
    }
    if (!is_open_ || phase_ == phase::dead) {
        if (got.kind != segment_kind::end) {
            reset_peer();
        }
        return;
    }
    switch (got.kind) {
        case segment_kind::data:
            readable_ += got.bytes;
            break;
        case segment_kind::syn_ack:
            network_.scheduler().cancel(handshake_);
            phase_ = phase::connected;
            transmit(segment_kind::ack, 0);
            ask_at_start();
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

void tcp_socket::receive_reset() noexcept {
    if (phase_ != phase::connected && phase_ != phase::connecting) {
        return;
    }
    network_.scheduler().cancel(handshake_);
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

void tcp_socket::finish_sending() noexcept {
    if (!write_shut_ && !has_reset_ && phase_ == phase::connected) {
        transmit(segment_kind::end, 0);
    }
    write_shut_ = true;
}

void tcp_socket::reset_peer() noexcept {
    if (!has_reset_ && other_ != nullptr) {
        has_reset_ = true;
        transmit(segment_kind::reset, 0);
    }
}

result<void> tcp_socket::shutdown(int how) noexcept {
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

void tcp_socket::on_power_loss() noexcept {
    if (phase_ == phase::connected) {
        reset_peer();
    }
}

void tcp_socket::on_close() noexcept {
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

void tcp_socket::bury_if_over() noexcept {
    if (is_open_ || (other_ != nullptr && other_->is_open_)) {
        return;
    }
    for (tcp_socket* const end : {this, other_}) {
        if (end != nullptr && !std::exchange(end->is_buried_, true)) {
            network_.scheduler().cancel(end->arrival_);
            network_.scheduler().cancel(end->silence_);
            network_.table().bury(*end);
        }
    }
}

}  // namespace drama::inline v0::internal
