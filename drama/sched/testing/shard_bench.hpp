// SPDX-License-Identifier: Apache-2.0
// One fair queue that tests drive by hand.
#pragma once

#include <deque>

#include "drama/sched/fair_queue.hpp"

namespace drama::shard_tests {

inline constexpr instant start = instant(1s);

struct item : work_item {
    item(int number_in, work_class cls_in) : number(number_in) { cls = cls_in; }
    int number;
};

/// A tenant with a lane set in each of two shards.
struct tenant {
    explicit tenant(double weight, latency setting) : share(weight, setting) {}
    tenant_share share;
    lane_set lanes{share};
    lane_set lanes_at_1{share};
};

/// A queue of one or two shards, driven by hand; drained before its tenants die.
struct bench {
    explicit bench(policy order = policy::fair, std::size_t shards = 1)
        : queue(order, shards, queue_id::async) {}
    ~bench() {
        for (std::size_t i = 0; i != queue.shard_count(); ++i) {
            while (run_one(1us, i) != -1) {
            }
        }
    }

    tenant& add(double weight = 1, latency setting = latency::normal) {
        return tenants.emplace_back(weight, setting);
    }
    bool push(lane_set& lanes, work_class cls = work_class::read, std::size_t at = 0) {
        return queue.shard(at).push(lanes, items.emplace_back(next_number++, cls), now);
    }
    int pop(lane_set& lanes, std::size_t at = 0) {
        work_item* got = queue.shard(at).pop(lanes, now);
        return got == nullptr ? -1 : static_cast<item*>(got)->number;
    }
    /// Runs one item for `cost` as a turn of its own; returns its number, or -1 if there is none.
    int run_one(duration cost, std::size_t at = 0) {
        const turn t = queue.shard(at).pick(now);
        if (!t) {
            return -1;
        }
        const int number = pop(*t.lanes, at);
        now += cost;
        queue.shard(at).settle(*t.lanes, cost, now);
        return number;
    }

    std::deque<item> items;
    std::deque<tenant> tenants;
    fair_queue queue;
    fair_shard& shard = queue.shard(0);
    instant now = start;
    int next_number = 0;
};

}  // namespace drama::shard_tests
