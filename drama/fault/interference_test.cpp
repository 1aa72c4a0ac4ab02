// SPDX-License-Identifier: Apache-2.0
#include "drama/fault/interference.hpp"

#include <gtest/gtest.h>

namespace drama {
namespace {

work_log log_of(int pieces, duration each, duration last) {
    work_log made;
    for (int i = 1; i < pieces; ++i) {
        made.note(each);
    }
    made.note(last);
    return made;
}

TEST(WorkLog, TellsQuantiles) {
    work_log log;
    EXPECT_EQ(log.quantile(0.5), 0us);
    for (int i = 1; i <= 100; ++i) {
        log.note(duration(i));
    }

    EXPECT_EQ(log.quantile(0.5), duration(50));
    EXPECT_EQ(log.quantile(0.99), duration(99));
    EXPECT_EQ(log.quantile(1), duration(100));
    EXPECT_EQ(log.quantile(0), duration(1));
}

TEST(Interference, IsNoneWithinTheBounds) {
    const isolation_bounds bounds{.lost_work = 0.1, .longer = 0.5, .later = 10us};
    const work_log without = log_of(100, 100us, 200us);

    EXPECT_EQ(interference(without, without, {.longer = 0, .later = 0us}), "");
    EXPECT_EQ(interference(without, log_of(100, 160us, 310us), bounds), "");
}

TEST(Interference, AllowsThePartOfWorkThatMayBeLost) {
    const work_log without = log_of(100, 100us, 100us);

    EXPECT_EQ(interference(without, log_of(90, 100us, 100us), {.lost_work = 0.1}), "");
}

TEST(Interference, NamesWhatIsOutside) {
    const isolation_bounds bounds{.lost_work = 0.1, .longer = 0.5, .later = 10us};
    const work_log without = log_of(100, 100us, 200us);

    EXPECT_EQ(interference(without, log_of(89, 100us, 200us), bounds),
              "work was lost: 89 pieces of 100");
    EXPECT_EQ(interference(without, log_of(100, 161us, 200us), bounds),
              "the median latency went from 100 us to 161 us");
    EXPECT_EQ(interference(without, log_of(100, 100us, 311us), bounds),
              "the maximum latency went from 200 us to 311 us");
}

TEST(Interference, RunsOnceWithoutAndOnceWithFaults) {
    const auto run = [](bool with_faults) {
        return with_faults ? log_of(10, 1ms, 1ms) : log_of(10, 100us, 100us);
    };

    EXPECT_EQ(check_isolation(run), "the median latency went from 100 us to 1000 us");
}

}  // namespace
}  // namespace drama
