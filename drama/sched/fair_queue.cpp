// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/fair_queue.hpp"

namespace drama::inline v0 {

fair_queue::fair_queue(policy order, std::size_t shard_count, queue_id id)
    : policy_(order), id_(id), clock_(static_cast<std::uint32_t>(shard_count)) {
    shards_.reserve(shard_count);
    for (std::size_t index = 0; index != shard_count; ++index) {
        shards_.push_back(std::make_unique<fair_shard>(*this, clock_, id, order));
    }
}

bool fair_queue::is_worth_stealing(virtual_time own, virtual_time other) const noexcept {
    if (other == no_deadline || own == no_deadline) {
        return other != no_deadline;
    }
    constexpr duration window = quantum * steal_quanta;
    const virtual_span margin =
        policy_ == policy::fifo ? window.count() * virtual_units_per_ns : clock_.progress(window);
    return before(advanced(other, margin), own);
}

std::size_t fair_queue::size() const noexcept {
    std::size_t total = 0;
    for (const auto& each : shards_) {
        total += each->size();
    }
    return total;
}

clock_sums fair_queue::sums() const noexcept {
    clock_sums total;
    for (const auto& each : shards_) {
        each->add_sums(total);
    }
    return total;
}

void fair_queue::update(instant now) noexcept {
    if (clock_.try_lead()) {
        clock_.update(now, sums());
    }
}

}  // namespace drama::inline v0
