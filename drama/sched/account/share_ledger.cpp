// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/account/share_ledger.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>

namespace drama::inline v0 {
namespace {

constexpr double price_memory_ns = 100e6;

}  // namespace

void share_ledger::observe(resource of, bool has_waiters, duration since_last) noexcept {
    if (mode_ == mode::strict) {
        return;
    }
    auto& price = prices_[static_cast<std::size_t>(of)];
    const double part = 1 - std::exp(-static_cast<double>(since_last.count()) / price_memory_ns);
    const double before = price.load(std::memory_order_relaxed);
    const double seen = before + ((has_waiters ? 1.0 : 0.0) - before) * part;
    price.store(std::max(price_min, seen), std::memory_order_relaxed);
}

void share_ledger::join(tenant_share& share) noexcept {
    auto& of = static_cast<accounted_share&>(share);
    if (of.queues_joined_.fetch_add(1, std::memory_order_relaxed) == 0) {
        groups_->join(of.group_, of.own_weight_);
    }
    refresh(of);
}

void share_ledger::leave(tenant_share& share) noexcept {
    auto& of = static_cast<accounted_share&>(share);
    if (of.queues_joined_.fetch_sub(1, std::memory_order_relaxed) == 1) {
        groups_->leave(of.group_, of.own_weight_);
    }
}

void share_ledger::charge(tenant_share& share, resource of, duration used, instant now) noexcept {
    auto& payer = static_cast<accounted_share&>(share);
    const auto r = static_cast<std::size_t>(of);
    const double price = prices_[r].load(std::memory_order_relaxed);
    const double whole = static_cast<double>(used.count()) * price *
                         capacities_[static_cast<std::size_t>(resource::cpu)] / capacities_[r];
    const std::int64_t now_epoch = now.time_since_epoch() / epoch;
    std::int64_t more = 0;
    {
        const std::lock_guard held(payer.lock_);
        if (payer.epoch_ != now_epoch) {
            payer.epoch_ = now_epoch;
            payer.used_.fill(0);
            payer.dominant_ = 0;
        }
        payer.used_[r] += std::max<std::int64_t>(1, std::llround(whole));
        more = std::max<std::int64_t>(0, payer.used_[r] - payer.dominant_);
        payer.dominant_ += more;
    }
    refresh(payer);
    if (more > 0) {
        share.charge(duration(more));
        groups_->charge(payer.group_, duration(more));
    }
}

void share_ledger::maybe_update(instant now) noexcept {
    if (!groups_->is_due(now) || is_updating_.exchange(true, std::memory_order_acquire)) {
        return;
    }
    groups_->update(now);
    is_updating_.store(false, std::memory_order_release);
}

}  // namespace drama::inline v0
