// SPDX-License-Identifier: Apache-2.0
// Test support: N virtual workers serve a fair queue in virtual time, with tenants whose polls are
// generated. A deterministic event loop; the same seed gives the same run.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <vector>

#include "drama/base/prng.hpp"
#include "drama/sched/fair_queue.hpp"

namespace drama::inline v0 {

struct virtual_tenant;

struct virtual_item : work_item {
    virtual_tenant* owner = nullptr;
    duration cost{};
};

/// A tenant and what the run measured of it.
struct virtual_tenant {
    virtual_tenant(double weight, latency setting, std::size_t shards) : share(weight, setting) {
        for (std::size_t i = 0; i != shards; ++i) {
            lanes.push_back(std::make_unique<lane_set>(share));
        }
    }

    tenant_share share;
    std::vector<std::unique_ptr<lane_set>> lanes;  // one a shard
    std::size_t home = 0;                          // the shard that served it last
    /// Cost of the item that replaces a finished one; none for a tenant that is not a hog.
    std::function<duration()> refill;
    work_class refill_class = work_class::read;
    bool keep_waits = false;

    duration served{};
    std::size_t finished = 0;
    std::size_t items = 0;  // queued or running
    duration wait_max{};
    std::vector<duration> waits;  // queued to started, if keep_waits
    std::array<std::vector<duration>, work_classes> waits_by_class;
};

/// The p-th part of `samples`, e.g. 0.99. Requires: not empty.
inline duration percentile(std::vector<duration> samples, double p) {
    std::sort(samples.begin(), samples.end());
    const auto last = static_cast<double>(samples.size() - 1);
    return samples[static_cast<std::size_t>(p * last)];
}

class virtual_workers {
  public:
    virtual_workers(policy order, std::size_t workers, std::uint64_t seed)
        : random(seed), queue(order, workers, queue_id::async), workers_(workers) {}
    virtual_workers(const virtual_workers&) = delete;
    ~virtual_workers() { drain(); }

    virtual_tenant& add(double weight = 1, latency setting = latency::normal) {
        virtual_tenant& tenant = tenants.emplace_back(weight, setting, workers_.size());
        owners_[&tenant.share] = &tenant;
        return tenant;
    }

    /// A tenant that always has `items` items, each of a cost that `cost` draws.
    virtual_tenant& add_hog(double weight, std::size_t items, std::function<duration()> cost,
                            work_class cls = work_class::read) {
        virtual_tenant& hog = add(weight);
        hog.home = random.below(workers_.size());
        hog.refill = std::move(cost);
        hog.refill_class = cls;
        for (std::size_t i = 0; i != items; ++i) {
            submit(hog, cls, hog.refill());
        }
        return hog;
    }

    /// Queues an item now: at an idle worker if there is one, else where the tenant was last or at
    /// another, by what waits there.
    void submit(virtual_tenant& tenant, work_class cls, duration cost) {
        virtual_item& item = take_item();
        item.owner = &tenant;
        item.cost = cost;
        item.cls = cls;
        ++tenant.items;
        place(item, choose(tenant));
    }

    /// How long what `tenant` runs now has run: no part of `served` yet.
    duration unfinished(const virtual_tenant& tenant) const {
        duration total{};
        for (const worker& each : workers_) {
            if (each.item != nullptr && each.item->owner == &tenant) {
                total += now - each.item_started;
            }
        }
        return total;
    }
    /// What `tenant` has used and is not charged for yet.
    duration unsettled(const virtual_tenant& tenant) const {
        duration total = unfinished(tenant);
        for (const worker& each : workers_) {
            if (each.current && &each.current.lanes->share() == &tenant.share) {
                total += each.used;
            }
        }
        return total;
    }
    std::size_t idle_workers() const {
        return static_cast<std::size_t>(std::count_if(
            workers_.begin(), workers_.end(), [](const worker& each) { return each.idle; }));
    }

    /// Calls `act` at `when`.
    void at(instant when, std::function<void()> act) {
        events_.push({when, ++order_, std::move(act)});
    }

    /// Calls `act` now and then every `draw()`, until the run ends.
    void every(std::function<duration()> draw, std::function<void()> act) {
        at(now + draw(), [this, draw, act] {
            act();
            every(draw, act);
        });
    }

    void run_until(instant end) {
        while (!events_.empty() && events_.top().when <= end) {
            const event next = events_.top();
            events_.pop();
            now = next.when;
            next.act();
        }
        now = end;
    }
    void run_for(duration span) { run_until(now + span); }

    /// A cost with an exponential distribution, at least 100 ns and at most `cap`.
    std::function<duration()> exponential(duration mean, duration cap) {
        return [this, mean, cap] {
            const double ns = -std::log(1 - random.unit()) * static_cast<double>(mean.count());
            return std::clamp(duration(static_cast<std::int64_t>(ns)), duration(100), cap);
        };
    }

    prng random;
    std::deque<virtual_tenant> tenants;
    fair_queue queue;
    instant now = instant(1s);
    std::size_t turns = 0;
    std::size_t steals = 0;
    std::size_t turns_cut_short = 0;
    /// Called when an item was queued.
    std::function<void(const virtual_item&)> on_push;
    /// Called as an item starts.
    std::function<void(const virtual_item&)> on_start;
    /// Called when a turn was granted.
    std::function<void(const lane_set&)> on_turn;

  private:
    struct worker {
        turn current;
        duration used{};
        virtual_item* item = nullptr;
        instant item_started{};
        bool idle = true;
        bool interrupted = false;
        std::size_t turns = 0;
    };
    struct event {
        instant when;
        std::uint64_t order;
        std::function<void()> act;
        bool operator<(const event& other) const {
            return when != other.when ? when > other.when : order > other.order;
        }
    };

    virtual_item& take_item() {
        if (spare_.empty()) {
            return items_.emplace_back();
        }
        virtual_item* item = spare_.back();
        spare_.pop_back();
        return *item;
    }

    std::size_t choose(const virtual_tenant& tenant) {
        for (std::size_t i = 0; i != workers_.size(); ++i) {
            const std::size_t w = (tenant.home + i) % workers_.size();
            if (workers_[w].idle) {
                return w;
            }
        }
        return queue.less_urgent_of(tenant.home, random.below(workers_.size()));
    }

    void place(virtual_item& item, std::size_t at_shard) {
        const bool urgent = queue.shard(at_shard).push(*item.owner->lanes[at_shard], item, now);
        workers_[at_shard].interrupted |= urgent;
        if (on_push) {
            on_push(item);
        }
        // Whoever idles looks for work when there is more than its own worker is about to run.
        const auto idle = std::find_if(workers_.begin(), workers_.end(),
                                       [](const worker& each) { return each.idle; });
        const bool is_busy = !workers_[at_shard].idle;
        wake(is_busy && idle != workers_.end() ? static_cast<std::size_t>(idle - workers_.begin())
                                               : at_shard);
    }

    void wake(std::size_t w) {
        if (workers_[w].idle) {
            workers_[w].idle = false;
            at(now, [this, w] { begin_turn(w); });
        }
    }

    void begin_turn(std::size_t w) {
        worker& self = workers_[w];
        ++self.turns;
        help(w);
        self.current = queue.shard(w).pick(now);
        if (!self.current && take_from_any(w)) {
            self.current = queue.shard(w).pick(now);
        }
        if (!self.current) {
            self.idle = true;
            return;
        }
        ++turns;
        if (on_turn) {
            on_turn(*self.current.lanes);
        }
        self.used = duration(0);
        self.interrupted = false;
        next_item(w);
    }

    void next_item(std::size_t w) {
        worker& self = workers_[w];
        self.item = static_cast<virtual_item*>(queue.shard(w).pop(*self.current.lanes, now));
        if (self.item == nullptr) {
            end_turn(w);
            return;
        }
        const duration wait = now - self.item->queued_at;
        virtual_tenant& owner = *self.item->owner;
        owner.home = w;
        self.item_started = now;
        owner.wait_max = std::max(owner.wait_max, wait);
        if (owner.keep_waits) {
            owner.waits.push_back(wait);
            owner.waits_by_class[static_cast<std::size_t>(self.item->cls)].push_back(wait);
        }
        if (on_start) {
            on_start(*self.item);
        }
        at(now + self.item->cost, [this, w] { finish_item(w); });
    }

    void finish_item(std::size_t w) {
        worker& self = workers_[w];
        virtual_item& item = *self.item;
        virtual_tenant& owner = *item.owner;
        self.item = nullptr;
        self.used += item.cost;
        owner.served += item.cost;
        ++owner.finished;
        if (owner.refill) {
            item.cost = owner.refill();
            item.cls = owner.refill_class;
            place(item, w);
        } else {
            --owner.items;
            spare_.push_back(&item);
        }
        if (now >= self.current.ends || self.interrupted) {
            turns_cut_short += self.interrupted ? 1 : 0;
            end_turn(w);
        } else {
            next_item(w);
        }
    }

    void end_turn(std::size_t w) {
        worker& self = workers_[w];
        queue.shard(w).settle(*self.current.lanes, self.used, now);
        self.current = {};
        begin_turn(w);
    }

    void help(std::size_t w) {
        const std::size_t other = queue.shard_to_help(w, workers_[w].turns);
        if (other != w && queue.shard(w).size() != 0) {
            take_from(w, other);
        }
    }
    bool take_from_any(std::size_t w) {
        for (std::size_t i = 1; i != workers_.size(); ++i) {
            if (take_from(w, (w + i) % workers_.size())) {
                return true;
            }
        }
        return false;
    }
    bool take_from(std::size_t w, std::size_t other) {
        fair_shard& victim = queue.shard(other);
        lane_set* from = victim.steal_candidate(now);
        if (from == nullptr || from->empty()) {
            return false;
        }
        ++steals;
        virtual_tenant& owner = *owners_.at(&from->share());
        return victim.steal(*from, *owner.lanes[w], queue.shard(w), 64, now) != 0;
    }

    void drain() {
        for (std::size_t w = 0; w != workers_.size(); ++w) {
            fair_shard& shard = queue.shard(w);
            turn t = workers_[w].current ? workers_[w].current : shard.pick(now);
            while (t) {
                while (shard.pop(*t.lanes, now) != nullptr) {
                }
                shard.settle(*t.lanes, 1ns, now);
                t = shard.pick(now);
            }
        }
    }

    std::vector<worker> workers_;
    std::map<const tenant_share*, virtual_tenant*> owners_;
    std::deque<virtual_item> items_;
    std::vector<virtual_item*> spare_;
    std::priority_queue<event> events_;
    std::uint64_t order_ = 0;
};

}  // namespace drama::inline v0
