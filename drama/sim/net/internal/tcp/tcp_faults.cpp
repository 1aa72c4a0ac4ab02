// SPDX-License-Identifier: Apache-2.0
// The faults of a simulated connection: where the plan is asked, and what its answers do.
#include <algorithm>
#include <cerrno>

#include "drama/sim/internal/sim_scheduler.hpp"
#include "drama/sim/net/internal/tcp/tcp_socket.hpp"

namespace drama::inline v0::internal {
namespace {

std::int64_t later_ns(std::int64_t now, std::int64_t length) noexcept {
    return saturating_add(instant(duration(now)), duration(length)).time_since_epoch().count();
}

}  // namespace

std::optional<std::int64_t> tcp_socket::ask(fault_kind kind, std::string_view site) noexcept {
    return network_.decide({.kind = kind, .site = site, .payer = payer_, .node = kind_.node});
}

tcp_mishaps& tcp_socket::mishaps() noexcept {
    if (mishaps_ == nullptr) {
        mishaps_ = std::make_unique<tcp_mishaps>();
        mishaps_->at = this;
        mishaps_->fire = [](timed_event& event) noexcept {
            static_cast<tcp_mishaps&>(event).at->serve();
        };
    }
    return *mishaps_;
}

bool tcp_socket::is_silent() const noexcept {
    return (mishaps_ != nullptr && mishaps_->is_silent) ||
           (other_->mishaps_ != nullptr && other_->mishaps_->is_silent);
}

std::int64_t tcp_socket::trickle_ns() const noexcept {
    return mishaps_ == nullptr ? 0 : mishaps_->trickle_ns;
}

// A connect that fails by plan says so when a real answer would come.
bool tcp_socket::fails_to_connect() noexcept {
    const auto error = ask(fault_kind::connect_fails, "tcp.connect");
    if (!error) {
        return false;
    }
    refuse_at(*error == ETIMEDOUT ? network_.scheduler().now_ns() + connect_timeout_ns
                                  : network_.arrival_ns(*out_, 0),
              static_cast<int>(*error));
    return true;
}

// The connection stands, at the end that asked for it.
void tcp_socket::ask_at_start() noexcept {
    if (ask(fault_kind::connect_then_silence, "tcp.connect")) {
        mishaps().is_silent = true;
    }
    if (in_->last_byte && ask(fault_kind::stale_reply, "tcp.connect")) {
        received_.push(&*in_->last_byte, 1);
        ++readable_;
    }
}

// The path of one segment: how much later it comes, and what becomes of the links.
std::int64_t tcp_socket::delay_ns(std::size_t bytes) noexcept {
    std::int64_t delay = ask(fault_kind::net_latency, "tcp.segment").value_or(0);
    if (const auto rate = ask(fault_kind::bandwidth_collapse, "tcp.segment"); rate && *rate > 0) {
        delay += static_cast<std::int64_t>(bytes) * 1'000'000'000 / *rate;
    }
    const std::int64_t now = network_.scheduler().now_ns();
    if (const auto length = ask(fault_kind::partition, "tcp.segment")) {
        out_->cut_until_ns = later_ns(now, *length < 0 ? -*length : *length);
        in_->cut_until_ns = *length < 0 ? in_->cut_until_ns : out_->cut_until_ns;
    }
    if (const auto span = ask(fault_kind::swizzle_clog, "tcp.segment"); span && *span > 0) {
        network_.swizzle_clog(duration(*span));
    }
    return delay;
}

std::size_t tcp_socket::window(std::size_t room) const noexcept {
    if (mishaps_ == nullptr) {
        return room;
    }
    if (network_.scheduler().now_ns() < mishaps_->closed_until_ns) {
        return 0;
    }
    return mishaps_->is_never_read ? std::min(room, mishaps_->window_left) : room;
}

// How much of `count` bytes may go; 0: nothing now.
std::size_t tcp_socket::limit_send(std::size_t count) noexcept {
    sim_scheduler& scheduler = network_.scheduler();
    if (const auto length = ask(fault_kind::zero_window, "tcp.send"); length && *length > 0) {
        tcp_mishaps& all = mishaps();
        all.closed_until_ns = later_ns(scheduler.now_ns(), *length);
        scheduler.cancel(all);
        scheduler.schedule(all, all.closed_until_ns);
        return 0;
    }
    if (ask(fault_kind::peer_never_reads, "tcp.send") && !mishaps().is_never_read) {
        mishaps().window_left = room();
        mishaps().is_never_read = true;
    }
    if (const auto most = ask(fault_kind::short_transfer, "tcp.send"); most && *most > 0) {
        count = std::min(count, static_cast<std::size_t>(*most));
    }
    return count;
}

void tcp_socket::deliver(const void* from, std::size_t count) noexcept {
    if (count == 0) {
        return;
    }
    if (other_->is_open_) {
        other_->received_.push(from, count);
    }
    out_->last_byte = static_cast<const std::byte*>(from)[count - 1];
    transmit(segment_kind::data, count);
}

// What was sent goes on its way; the sender cannot tell what becomes of it.
void tcp_socket::pass(const void* from, std::size_t count) noexcept {
    if (mishaps_ != nullptr && mishaps_->has_ended) {
        return;
    }
    const auto reset_after = ask(fault_kind::connection_reset, "tcp.send");
    const auto end_after = ask(fault_kind::half_close, "tcp.send");
    if (const auto pause = ask(fault_kind::slow_trickle, "tcp.send"); pause && *pause > 0) {
        mishaps().trickle_ns = *pause;
    }
    if (reset_after || end_after) {
        const std::int64_t after = reset_after ? *reset_after : *end_after;
        count = after > 0 ? std::min(count, static_cast<std::size_t>(after) - 1)
                          : network_.random().below(count + 1);
    }
    deliver(from, count);
    if (mishaps_ != nullptr && mishaps_->is_never_read) {
        mishaps_->window_left -= std::min(mishaps_->window_left, count);
    }
    if (reset_after) {
        tear();
    } else if (end_after) {
        mishaps().has_ended = true;
        transmit(segment_kind::end, 0);
    }
}

// Somebody between the ends resets both.
void tcp_socket::tear() noexcept {
    other_->reset_peer();
    reset_peer();
}

}  // namespace drama::inline v0::internal
