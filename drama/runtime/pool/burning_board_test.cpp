// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/pool/burning_board.hpp"

#include <gtest/gtest.h>

#include "drama/runtime/core/demoted_queue.hpp"
#include "drama/tenant/tenant_registry.hpp"

namespace drama {
namespace {

constexpr instant start = instant(1s);

/// A thread whose CPU clock the test turns.
class counted_thread final : public world_thread {
  public:
    duration cpu_time() const noexcept override { return used; }
    bool set_policy(thread_policy) noexcept override { return true; }
    bool request_stack() noexcept override { return false; }
    std::optional<std::size_t> take_stack(std::span<void*>) noexcept override { return {}; }
    std::int64_t id() const noexcept override { return 0; }
    void detach() noexcept override {}

    duration used{};
};

/// The clock stands: nobody is on the workers.
struct BurningBoard : testing::Test {
    tenant_record& record(const char* name) { return tenants.get_or_create(name).record(); }
    static virtual_span ms(double amount) {
        return static_cast<virtual_span>(amount * 1e6) * virtual_units_per_ns;
    }
    virtual_span ahead(tenant_record& who) {
        return gap(board.position_of(who, now), clock.at(now));
    }

    tenant_registry tenants{1, 10};
    fair_clock clock{1};
    burning_board board{clock};
    counted_thread thread;
    instant now = start;
};

TEST_F(BurningBoard, WhoBeginsStandsAtTheClockAndMovesOnByWhatItsThreadUses) {
    tenant_record& payer = record("payer");
    thread.used = 7ms;
    auto* const place = board.enter(payer, now, &thread, thread.used);
    ASSERT_NE(place, nullptr);
    EXPECT_EQ(board.count(), 1U);
    EXPECT_EQ(ahead(payer), 0);

    thread.used += 3ms;
    board.refresh(now);
    EXPECT_EQ(ahead(payer), ms(3));
    EXPECT_EQ(board.position(), board.position_of(payer, now));
    EXPECT_EQ(gap(board.deadline(), board.position()), ms(2));

    thread.used += 1ms;
    board.refresh(now);
    board.refresh(now);  // charges nothing twice
    EXPECT_EQ(board.leave(place), 4ms);
    EXPECT_EQ(board.count(), 0U);
    EXPECT_EQ(ahead(payer), ms(4));
}

TEST_F(BurningBoard, WhoLeftIsChargedNoMore) {
    tenant_record& payer = record("payer");
    auto* const place = board.enter(payer, now, &thread, 0ms);
    EXPECT_EQ(board.leave(place), 0ms);
    thread.used = 5ms;
    board.refresh(now);
    EXPECT_EQ(payer.share().service(), 0);
    EXPECT_EQ(board.leave(nullptr), 0ms);
}

TEST_F(BurningBoard, WhoIsFurthestBehindIsMostDue) {
    tenant_record& first = record("first");
    tenant_record& second = record("second");
    auto* const a = board.enter(first, now);
    auto* const b = board.enter(second, now);
    first.share().charge(6ms);
    second.share().charge(1ms);
    board.refresh(now);
    EXPECT_EQ(board.position(), board.position_of(second, now));
    second.share().charge(10ms);
    board.refresh(now);
    EXPECT_EQ(board.position(), board.position_of(first, now));
    board.leave(a);
    board.leave(b);
    EXPECT_EQ(board.deadline(), no_deadline);
}

TEST_F(BurningBoard, DebtIsKeptBetweenFunctionsUpToALimit) {
    tenant_record& payer = record("payer");
    board.leave(board.enter(payer, now));
    payer.share().charge(20ms);
    auto* const again = board.enter(payer, now);
    EXPECT_EQ(ahead(payer), ms(20));
    payer.share().charge(500ms);
    board.leave(again);
    EXPECT_EQ(ahead(payer), ms(100));
}

TEST_F(BurningBoard, WhoWaitsForAThreadKeepsWhatItIsOwed) {
    tenant_record& burning = record("burning");
    tenant_record& waiting = record("waiting");
    auto* const place = board.enter(burning, now, &thread, thread.used);
    board.join(waiting, now);
    thread.used += 30ms;
    board.refresh(now);
    EXPECT_EQ(gap(board.position_of(burning, now), board.position_of(waiting, now)), ms(30));

    board.part(waiting);  // gave up: of what it was owed, a little stays
    EXPECT_EQ(gap(board.position_of(burning, now), board.position_of(waiting, now)), ms(4));
    board.leave(place);
}

TEST_F(BurningBoard, WhoComesLateStandsWhereTheMostDueDoes) {
    auto* const place = board.enter(record("early"), now, &thread, thread.used);
    thread.used += 60ms;
    board.refresh(now);
    EXPECT_EQ(ahead(record("late")), ms(60));
    board.leave(place);
}

TEST_F(BurningBoard, CpusThatNoWorkerWantedAreForgotten) {
    tenant_record& payer = record("payer");
    tenant_record& other = record("other");
    auto* const place = board.enter(payer, now, &thread, thread.used);
    auto* const behind = board.enter(other, now);
    thread.used += 500ms;
    other.share().charge(450ms);
    board.refresh(now);
    EXPECT_EQ(ahead(other), ms(100));
    EXPECT_EQ(ahead(payer), ms(150));
    board.leave(place);
    board.leave(behind);
}

TEST_F(BurningBoard, WhoUsesNoneOfTheCpusThatAreLeftIsNotWaitedFor) {
    auto* const place = board.enter(record("payer"), now, &thread, thread.used);
    for (std::uint32_t i = 0; i != 2 * burning_board::patience; ++i) {
        board.note_left();
    }
    board.refresh(now);
    EXPECT_NE(board.deadline(), no_deadline);
    board.note_left();
    board.refresh(now);
    EXPECT_EQ(board.deadline(), no_deadline);
    thread.used += 1ms;
    board.refresh(now);
    EXPECT_NE(board.deadline(), no_deadline);
    board.leave(place);
}

TEST_F(BurningBoard, WithoutAPlaceItOnlyIsNotSeen) {
    tenant_record& payer = record("payer");
    std::vector<burning_board::place*> places;
    for (std::size_t i = 0; i != burning_board::places_max; ++i) {
        places.push_back(board.enter(payer, now));
        ASSERT_NE(places.back(), nullptr);
    }
    EXPECT_EQ(board.enter(payer, now), nullptr);
    board.leave(places.front());
    places.front() = board.enter(payer, now);
    EXPECT_NE(places.front(), nullptr);
    for (auto* const each : places) {
        board.leave(each);
    }
}

struct waiting final : runnable {
    explicit waiting(tenant_record& of) { payer = &of; }
    void run(trampoline&) noexcept {}
};

TEST_F(BurningBoard, DemotedTasksOfWhoBurnedLessGoFirst) {
    tenant_record& heavy = record("heavy");
    tenant_record& light = record("light");
    board.leave(board.enter(heavy, now));
    board.leave(board.enter(light, now));
    heavy.share().charge(30ms);
    waiting first(heavy);
    waiting second(heavy);
    waiting third(light);
    internal::demoted_queue queue(policy::fair, board);
    queue.push(first, now);
    queue.push(second, now);
    queue.push(third, now + 1ms);
    EXPECT_EQ(queue.size(), 3U);
    EXPECT_EQ(heavy.queued().async, 2U);
    EXPECT_EQ(queue.next_position(now), board.position_of(light, now));
    EXPECT_EQ(queue.pop(now), &third);
    EXPECT_EQ(queue.pop(now), &first);
    EXPECT_EQ(queue.pop(now), &second);
    EXPECT_EQ(queue.pop(now), nullptr);
    EXPECT_EQ(queue.next_position(now), no_deadline);
    EXPECT_EQ(queue.size(), 0U);
}

TEST_F(BurningBoard, UnderFifoDemotedTasksRunInOrderOfArrival) {
    tenant_record& heavy = record("heavy");
    tenant_record& light = record("light");
    board.leave(board.enter(heavy, now));
    heavy.share().charge(30ms);
    waiting first(heavy);
    waiting second(light);
    internal::demoted_queue queue(policy::fifo, board);
    queue.push(first, now);
    queue.push(second, now + 1ms);
    EXPECT_EQ(queue.pop(now), &first);
    EXPECT_EQ(queue.pop(now), &second);
}

}  // namespace
}  // namespace drama
