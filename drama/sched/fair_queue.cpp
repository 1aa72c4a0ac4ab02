// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/fair_queue.hpp"

#include <algorithm>

namespace drama::inline v0 {

fair_queue::fair_queue(policy order, std::size_t shard_count, queue_id id, share_ledger* ledger)
    : policy_(order), id_(id), ledger_(ledger), clock_(static_cast<std::uint32_t>(shard_count)) {
    shards_.reserve(shard_count);
    for (std::size_t index = 0; index != shard_count; ++index) {
        shards_.push_back(std::make_unique<fair_shard>(*this, clock_, id, order, ledger));
    }
}

void fair_queue::set_class_order(bool is_on) noexcept {
    for (const auto& each : shards_) {
        each->set_class_order(is_on);
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

std::size_t fair_queue::shard_to_help(std::size_t own, std::uint64_t turn) const noexcept {
    constexpr std::uint64_t turns_between_looks = 8;
    const std::size_t count = shards_.size();
    const virtual_time mine = shards_[own]->earliest_deadline();
    const bool looks_at_all = count <= shards_looked_at || mine == no_deadline;
    if (!looks_at_all && turn % turns_between_looks != 0) {
        const std::size_t urgent = most_urgent_.load(std::memory_order_relaxed);
        const bool helps =
            urgent != own && is_worth_stealing(mine, shards_[urgent]->earliest_deadline());
        return helps ? urgent : own;
    }
    const std::size_t first = looks_at_all ? 1 : 1 + turn / turns_between_looks % (count - 1);
    const std::size_t last = looks_at_all ? count - 1 : first;
    std::size_t best = own;
    virtual_time best_deadline = mine;
    for (std::size_t step = first; step <= last; ++step) {
        const std::size_t other = (own + step) % count;
        const virtual_time its = shards_[other]->earliest_deadline();
        const bool is_better = best == own ? is_worth_stealing(mine, its)
                                           : its != no_deadline && before(its, best_deadline);
        if (is_better) {
            best = other;
            best_deadline = its;
        }
    }
    return best;
}

std::size_t fair_queue::less_urgent_of(std::size_t last, std::size_t other) const noexcept {
    const virtual_time mine = shards_[last]->earliest_with_running();
    const virtual_time its = shards_[other]->earliest_with_running();
    const bool is_better = mine != no_deadline && (its == no_deadline || before(mine, its));
    return is_better ? other : last;
}

virtual_span fair_queue::members_behind(virtual_time clock) const noexcept {
    if (shards_.size() > shards_looked_at) {
        return 0;
    }
    const clock_sums members = sums();
    if (members.weight <= 0) {
        return 0;
    }
    // Sum of w (V - v_i): small, and exact although both terms wrap.
    const auto behind = static_cast<std::int64_t>(static_cast<std::uint64_t>(members.weight) *
                                                      static_cast<std::uint64_t>(clock) -
                                                  members.moment);
    return std::max<virtual_span>(0, behind / members.weight);
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
        if (ledger_ != nullptr) {
            ledger_->maybe_update(now);
        }
        publish_most_urgent();
        clock_.update(now, sums());
    }
}

void fair_queue::publish_most_urgent() noexcept {
    std::size_t best = 0;
    virtual_time best_deadline = no_deadline;
    for (std::size_t index = 0; index != shards_.size(); ++index) {
        const virtual_time its = shards_[index]->earliest_deadline();
        if (its != no_deadline && (best_deadline == no_deadline || before(its, best_deadline))) {
            best = index;
            best_deadline = its;
        }
    }
    most_urgent_.store(static_cast<std::uint32_t>(best), std::memory_order_relaxed);
}

}  // namespace drama::inline v0
