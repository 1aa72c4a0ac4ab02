// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/explore/deviations.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "drama/sim/internal/sim_scheduler.hpp"

namespace drama {
namespace {

using internal::sim_thread;

constexpr duration_range wakes{500ns, 5us};

// Asks a strategy a hundred mixed questions; what it answers.
std::vector<std::int64_t> answers_of(schedule_strategy& asked) {
    sim_thread threads[3];
    std::vector<sim_thread*> ready;
    for (std::uint64_t i = 0; i != 3; ++i) {
        threads[i].id = i + 1;
        ready.push_back(&threads[i]);
    }
    std::vector<std::int64_t> answers;
    for (int i = 0; i != 100; ++i) {
        const std::size_t chosen = asked.choose(ready);
        answers.push_back(static_cast<std::int64_t>(ready[chosen]->id));
        answers.push_back(asked.delay_ns(schedule_delay::wake, *ready[chosen], wakes));
        answers.push_back(asked.preempts(*ready[chosen], 4) ? 1 : 0);
        std::swap(ready[0], ready[i % 3]);
    }
    return answers;
}

TEST(Deviations, PlayedBackAreTheSameSchedule) {
    random_walk walk(7);
    recording_schedule recorder(walk);
    const auto recorded = answers_of(recorder);
    ASSERT_GT(recorder.deviations().size(), 100U);

    deviating_schedule again(recorder.deviations());

    EXPECT_EQ(answers_of(again), recorded);
}

TEST(Deviations, LeftOutLeaveThePlainestSchedule) {
    deviating_schedule plain({});
    recording_schedule recorder(plain);

    const auto answers = answers_of(recorder);

    EXPECT_TRUE(recorder.deviations().empty());
    for (std::size_t i = 0; i < answers.size(); i += 3) {
        EXPECT_EQ(answers[i], 1) << "a thread runs on until it waits";
        EXPECT_EQ(answers[i + 1], 500);
        EXPECT_EQ(answers[i + 2], 0);
    }
}

TEST(Deviations, AreNamedForReaders) {
    EXPECT_EQ(to_text({question::choose, 0, 12, 3}), "choose, number 12: thread 3");
    EXPECT_EQ(to_text({question::wake, 2, 0, 700}), "wake of thread 2, number 0: 700 ns");
    EXPECT_EQ(to_text({question::preempts, 2, 5, 1}), "preempts of thread 2, number 5: yes");
}

}  // namespace
}  // namespace drama
