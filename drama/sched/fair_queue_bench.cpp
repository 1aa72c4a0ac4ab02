// SPDX-License-Identifier: Apache-2.0
// What one scheduling decision costs with many backlogged tenants.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

#include "drama/base/prng.hpp"
#include "drama/sched/fair_queue.hpp"

namespace drama {
namespace {

struct tenant {
    tenant_share share;
    lane_set lanes{share};
    work_item item;
};

/// One turn: pick, take one item, push it again (so the backlog stays), settle.
void one_turn(fair_shard& shard, instant& now, duration cost) {
    const turn t = shard.pick(now);
    work_item* item = shard.pop(*t.lanes, now);
    now += cost;
    shard.push(*t.lanes, *item, now);
    shard.settle(*t.lanes, cost, now);
}

/// The decision alone: pick, settle and requeue.
void one_decision(fair_shard& shard, instant& now, duration cost) {
    const turn t = shard.pick(now);
    now += cost;
    shard.settle(*t.lanes, cost, now);
}

template <auto Step>
void turns(benchmark::State& state, policy order) {
    const auto count = static_cast<std::size_t>(state.range(0));
    fair_queue queue(order, 1, queue_id::async);
    fair_shard& shard = queue.shard(0);
    std::deque<tenant> tenants(count);
    instant now(1s);
    for (auto& each : tenants) {
        shard.push(each.lanes, each.item, now);
    }
    prng random(1);
    std::vector<duration> costs(1024);
    for (auto& cost : costs) {
        cost = duration(1'000 + random.below(50'000));
    }
    std::size_t next = 0;
    for (std::size_t warm = 0; warm != 2 * count; ++warm) {
        Step(shard, now, costs[next++ & 1023]);
    }
    for (auto _ : state) {
        Step(shard, now, costs[next++ & 1023]);
    }
    state.SetItemsProcessed(state.iterations());
    while (const turn t = shard.pick(now)) {
        while (shard.pop(*t.lanes, now) != nullptr) {
        }
        shard.settle(*t.lanes, 1us, now);
    }
}

void decision(benchmark::State& state) {
    turns<one_decision>(state, policy::fair);
}

void fair_turn(benchmark::State& state) {
    turns<one_turn>(state, policy::fair);
}
void fifo_turn(benchmark::State& state) {
    turns<one_turn>(state, policy::fifo);
}
BENCHMARK(decision)->Arg(1'000)->Arg(1'000'000);
BENCHMARK(fair_turn)->Arg(1)->Arg(10)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);
BENCHMARK(fifo_turn)->Arg(1'000)->Arg(1'000'000);

/// A tenant that comes with one item and leaves after it, beside `range` backlogged ones.
void light_tenant_comes_and_goes(benchmark::State& state) {
    fair_queue queue(policy::fair, 1, queue_id::async);
    fair_shard& shard = queue.shard(0);
    std::deque<tenant> hogs(static_cast<std::size_t>(state.range(0)));
    tenant light;
    light.share.set_weight(100);  // within its share, so that it is served at once
    light.item.cls = work_class::write;
    instant now(1s);
    for (auto& each : hogs) {
        shard.push(each.lanes, each.item, now);
    }
    for (auto _ : state) {
        now += 100us;
        shard.push(light.lanes, light.item, now);
        turn t = shard.pick(now);
        while (t.lanes != &light.lanes) {
            work_item* item = shard.pop(*t.lanes, now);
            now += 20us;
            shard.push(*t.lanes, *item, now);
            shard.settle(*t.lanes, 20us, now);
            t = shard.pick(now);
        }
        benchmark::DoNotOptimize(shard.pop(light.lanes, now));
        now += 1us;
        shard.settle(light.lanes, 1us, now);
    }
    while (const turn t = shard.pick(now)) {
        while (shard.pop(*t.lanes, now) != nullptr) {
        }
        shard.settle(*t.lanes, 1us, now);
    }
}
BENCHMARK(light_tenant_comes_and_goes)->Arg(0)->Arg(1'000);

}  // namespace
}  // namespace drama
