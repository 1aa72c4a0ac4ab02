// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/net/internal/datagram/datagram_flights.hpp"

#include <algorithm>
#include <utility>

#include "drama/sim/internal/sim_scheduler.hpp"
#include "drama/sim/net/internal/host_names.hpp"

namespace drama::inline v0::internal {
namespace {

// So much later a packet comes that others shall overtake.
constexpr std::int64_t overtaken_ns = 20'000'000;

}  // namespace

datagram_flights::~datagram_flights() {
    for (const auto& each : flights_) {
        network_.scheduler().cancel(*each);
    }
}

bool datagram_flights::happens(double chance) noexcept {
    return chance > 0 && network_.random().unit() < chance;
}

datagram_flights::flight& datagram_flights::take() {
    if (idle_.empty()) {
        flights_.push_back(std::make_unique<flight>());
        flights_.back()->of = this;
        flights_.back()->fire = &on_arrival;
        idle_.reserve(flights_.size());
        return *flights_.back();
    }
    flight& taken = *idle_.back();
    idle_.pop_back();
    taken.is_refusal = false;
    return taken;
}

void datagram_flights::launch(flight& made, std::int64_t extra_ns) {
    made.path = &network_.paths().between(made.packet.from, made.to);
    net_path& path = *made.path;
    std::int64_t at_ns = network_.arrival_ns(path, made.packet.bytes.size());
    if (path.from == path.to && extra_ns == 0) {
        at_ns = path.last_packet_ns = std::max(path.last_packet_ns, at_ns);
    }
    network_.scheduler().schedule(made, at_ns + extra_ns);
}

void datagram_flights::send(const datagram_socket& sender, const socket_address& to,
                            datagram_packet packet, const account* payer) {
    const network_options& options = network_.options();
    const auto fault = network_.decide({.kind = fault_kind::datagram_mangled,
                                        .site = "udp.send",
                                        .payer = payer,
                                        .node = sender.kind().node});
    if (happens(options.datagram_loss) || fault == 0) {
        return;
    }
    const bool is_overtaken = happens(options.datagram_reordering) || fault == 2;
    int copies = happens(options.datagram_duplication) || fault == 1 ? 2 : 1;
    for (; copies != 0; --copies) {
        flight& made = take();
        made.sender = sender.kind();
        made.to = is_any(to) ? network_.hosts().source_for(sender.kind().node, to) : to;
        if (is_any(to)) {
            made.to = with_port(made.to, to.port());
        }
        made.packet = copies == 1 ? std::move(packet) : packet;
        launch(made,
               is_overtaken ? static_cast<std::int64_t>(network_.random().below(overtaken_ns)) : 0);
    }
}

void datagram_flights::on_arrival(timed_event& event) noexcept {
    auto& self = static_cast<flight&>(event);
    datagram_flights& all = *self.of;
    sim_scheduler& scheduler = all.network_.scheduler();
    const std::int64_t now = scheduler.now_ns();
    self.path->forget(self);
    if (!self.path->is_open(now) && !self.path->loses(now)) {  // clogged
        self.path->waiters.push_back(&self);
        if (const std::int64_t opens_ns = self.path->opens_ns(); opens_ns > now) {
            scheduler.schedule(self, opens_ns);
        }
        return;
    }
    scheduler.note(sim_event::arrival, std::uint64_t{8} << 56 ^ self.packet.bytes.size());
    if (!self.path->loses(now)) {
        all.land(self);
    }
    all.idle_.push_back(&self);
}

void datagram_flights::flight::on_open() noexcept {
    sim_scheduler& scheduler = of->network_.scheduler();
    scheduler.cancel(*this);
    scheduler.schedule(*this, scheduler.now_ns());
}

void datagram_flights::land(flight& landed) {
    auto* const target = static_cast<datagram_socket*>(
        network_.receiver_at(landed.to, landed.sender, landed.packet.from));
    if (target == nullptr) {
        if (!landed.is_refusal) {
            refuse(landed);
        }
    } else if (landed.is_refusal) {
        target->report_refused(landed.packet.from);
    } else {
        target->deliver(std::move(landed.packet));
    }
}

void datagram_flights::refuse(const flight& unwanted) {
    const auto owner = network_.hosts().owner_of(unwanted.to);
    if (!owner && !is_loopback(unwanted.to)) {
        return;  // nobody is there to say so
    }
    flight& made = take();
    made.is_refusal = true;
    made.sender = unwanted.sender;
    made.sender.node = owner.value_or(unwanted.sender.node);
    made.to = unwanted.packet.from;
    made.packet = {unwanted.to, {}};
    launch(made, 0);
}

}  // namespace drama::inline v0::internal
