// SPDX-License-Identifier: Apache-2.0
#include "drama/tenant/tenant_registry.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "drama/sched/fair_queue.hpp"
#include "drama/tenant/turn_tally.hpp"

namespace drama {
namespace {

TEST(TenantRegistry, FindsByNameAndByIdWhatItMade) {
    tenant_registry registry(2, 10);

    const tenant gold = registry.get_or_create("gold");

    EXPECT_EQ(registry.find("gold"), gold);
    EXPECT_EQ(registry.find(gold.id()), gold);
    EXPECT_EQ(registry.get_or_create("gold"), gold);
    EXPECT_FALSE(registry.find("silver"));
}

TEST(TenantRegistry, RefusesMoreThanItsLimitAndSharesTheRest) {
    tenant_registry registry(1, 2);
    registry.get_or_create("a");
    registry.get_or_create("b");

    const auto refused = registry.find_or_create("c");

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), errc::tenant_limit);
    EXPECT_EQ(registry.get_or_create("c"), registry.shared());
    EXPECT_TRUE(registry.find("b"));
}

TEST(TenantRegistry, RefusesNamesThatNobodyCouldRead) {
    tenant_registry registry(1, 10);

    EXPECT_EQ(registry.find_or_create("").error(), errc::bad_argument);
    EXPECT_EQ(registry.find_or_create(std::string(256, 'x')).error(), errc::bad_argument);
    EXPECT_TRUE(registry.find_or_create(std::string(255, 'x')));
}

// Under a sanitizer: the tenants that are always there must not be looked for where others grow.
TEST(TenantRegistry, ItsOwnTenantsAreReadWhileOthersAreMade) {
    tenant_registry registry(1, 10'000);
    const tenant system = registry.system();
    std::atomic<bool> done{false};
    std::thread maker([&] {
        for (int i = 0; i < 5'000; ++i) {
            registry.get_or_create(std::to_string(i));
        }
        done = true;
    });
    std::size_t wrong = 0;
    do {
        wrong += registry.system() == system && registry.unidentified().id() == 1 &&
                         registry.shared().id() == 2
                     ? 0
                     : 1;
    } while (!done);
    maker.join();
    EXPECT_EQ(wrong, 0U);
    EXPECT_EQ(registry.size(), 5'003U);
}

TEST(TenantRecord, CountsOperationsAndBytesPerCode) {
    tenant_record record(7, "t", 1);
    EXPECT_EQ(record.operations(), nullptr);

    record.charge_operation(op_code::recv, 100);
    record.charge_operation(op_code::recv, 50);
    record.charge_operation(op_code::recv, -104);

    const op_usage& recv = (*record.operations())[static_cast<std::size_t>(op_code::recv)];
    EXPECT_EQ(recv.operations.read(), 3U);
    EXPECT_EQ(recv.bytes.read(), 150U);
    EXPECT_EQ(recv.errors.read(), 1U);
}

TEST(TenantRecord, AddsUpTheHoldsOfAllItsLanes) {
    tenant_record record(7, "t", 2);
    tenant_record first(8, "a", 2);
    tenant_record second(9, "b", 2);
    record.lanes_on(0).holds().add(hold_cause::ahead_of_share, 5us, 2);
    record.lanes_on(0).holds().credit(first.share(), 2us);
    record.lanes_on(1).holds().add(hold_cause::ahead_of_share, 6us, 1);
    record.lanes_on(1).holds().credit(first.share(), 2us);
    record.lanes_on(1).holds().credit(second.share(), 3us);
    record.blocking_lanes().holds().add(hold_cause::kept_thread, 100us, 1);
    record.blocking_lanes().holds().add(hold_cause::no_capacity, 900us, 1);
    record.disk()->lanes.holds().add(hold_cause::unsynced_bytes, 1ms, 1);
    record.usage.gate_ns.add(10'000);

    const hold_figures async = record.held_in(queue_id::async);
    EXPECT_EQ(async.throttled_ns(), 11'000U);
    EXPECT_EQ(async.item_ns, 16'000U);
    EXPECT_EQ(async.beneficiaries[0].who, &first.share());
    EXPECT_EQ(async.beneficiaries[0].ns, 4'000U);
    EXPECT_EQ(async.beneficiaries[1].who, &second.share());
    EXPECT_EQ(async.beneficiaries[2].who, nullptr);
    EXPECT_EQ(record.held_in(queue_id::compute).throttled_ns(), 0U);
    EXPECT_EQ(record.held_in(queue_id::blocking).throttled_ns(), 100'000U);
    record.usage.limit_ns.add(20'000);
    record.usage.limit_item_ns.add(40'000);
    EXPECT_EQ(record.held_at_gates().throttled_ns(), 30'000U);
    EXPECT_EQ(record.held_at_gates().item_ns, 40'000U);
    EXPECT_EQ(record.throttled_ns(), 11'000U + 100'000U + 1'000'000U + 30'000U);
}

TEST(TenantRecord, TellsSinceWhenItsOldestWorkWaits) {
    tenant_record record(7, "t", 2);
    fair_queue queue(policy::fair, 2, queue_id::async);
    work_item early;
    work_item late;
    EXPECT_EQ(record.waiting_since(queue_id::async), never);
    EXPECT_EQ(record.waiting_since(queue_id::disk), never);

    queue.shard(1).push(record.lanes_on(1), early, instant(1s));
    queue.shard(0).push(record.lanes_on(0), late, instant(2s));

    EXPECT_EQ(record.waiting_since(queue_id::async), instant(1s));
    for (const std::size_t core : {1U, 0U}) {
        const turn granted = queue.shard(core).pick(instant(3s));
        ASSERT_NE(queue.shard(core).pop(*granted.lanes, instant(3s)), nullptr);
        queue.shard(core).settle(*granted.lanes, 1us, instant(3s));
        EXPECT_EQ(record.waiting_since(queue_id::async), core == 1 ? instant(2s) : never);
    }
}

TEST(TenantRecord, DemotesASiteAfterThreeOverrunsOnly) {
    tenant_record record(7, "t", 1);
    const task_site bad{std::source_location::current(), nullptr};
    const task_site good{std::source_location::current(), nullptr};

    record.note_overrun(bad);
    record.note_overrun(bad);
    EXPECT_FALSE(record.is_demoted_site(bad));
    record.note_overrun(bad);

    EXPECT_TRUE(record.is_demoted_site(bad));
    EXPECT_FALSE(record.is_demoted_site(good));
}

TEST(TenantRecord, ForgivesASiteAfterCalmPollsInARow) {
    tenant_record record(7, "t", 1);
    const task_site bad{std::source_location::current(), nullptr};
    const task_site worse{std::source_location::current(), nullptr};
    for (std::uint32_t i = 0; i < tenant_record::overruns_until_demoted; ++i) {
        record.note_overrun(bad);
        record.note_overrun(worse);
    }
    const auto calm = [&](std::uint32_t polls) {
        for (std::uint32_t i = 0; i < polls; ++i) {
            record.note_demoted_poll(bad, false);
        }
    };

    calm(tenant_record::calm_polls_until_forgiven - 1);
    record.note_demoted_poll(bad, true);
    calm(tenant_record::calm_polls_until_forgiven - 1);
    EXPECT_TRUE(record.is_demoted_site(bad));
    calm(1);

    EXPECT_FALSE(record.is_demoted_site(bad));
    EXPECT_TRUE(record.is_demoted_site(worse));
    EXPECT_EQ(record.note_overrun(bad), 1U);  // with nothing held against it
}

TEST(TurnTally, AddsWhatItNotedOnceWhenItIsFlushed) {
    tenant_record record(7, "t", 1);
    tenant_record other(8, "o", 1);
    turn_tally tally;
    tally.begin(record);

    tally.note_started();
    tally.note_started();
    tally.note_ended();
    tally.note_operation(op_code::recv, 100);
    tally.note_operation(op_code::recv, -104);
    tally.note_operation(op_code::accept, 17);

    EXPECT_TRUE(tally.is_of(&record));
    EXPECT_FALSE(tally.is_of(&other));
    EXPECT_EQ(record.tasks(), 0);
    tally.flush();
    EXPECT_EQ(record.tasks(), 1);
    EXPECT_EQ(tally.ended(), 1U) << "of this turn, flushed or not";
    tally.end();
    EXPECT_EQ(record.usage.tasks_started.read(), 2U);
    EXPECT_EQ(record.usage.tasks_ended.read(), 1U);
    const auto& table = *record.operations();
    EXPECT_EQ(table[static_cast<std::size_t>(op_code::recv)].operations.read(), 2U);
    EXPECT_EQ(table[static_cast<std::size_t>(op_code::recv)].bytes.read(), 100U);
    EXPECT_EQ(table[static_cast<std::size_t>(op_code::recv)].errors.read(), 1U);
    EXPECT_EQ(table[static_cast<std::size_t>(op_code::accept)].bytes.read(), 0U);
    EXPECT_FALSE(tally.is_of(&record));
}

}  // namespace
}  // namespace drama
