// SPDX-License-Identifier: Apache-2.0
// The hand-over protocol under every schedule, store buffers included.
#include "drama/runtime/core/ownership.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/support/interleaver.hpp"

namespace drama {
namespace {

using testing::checked_atomics;
using testing::interleaver;
using checked = basic_ownership<checked_atomics>;

struct outcome {
    std::size_t schedules = 0;
    int kept = 0;
    int taken = 0;
};

TEST(Ownership, GivesACoreToExactlyOneOfHolderAndWatchdogInEverySchedule) {
    outcome seen;
    interleaver search;
    std::unique_ptr<checked> word;
    bool kept = false;
    bool taken = false;

    seen.schedules = search.explore(
        [&]() -> std::vector<interleaver::body> {
            word = std::make_unique<checked>();
            kept = taken = false;
            return {
                [&] {
                    word->leave();
                    kept = word->enter();
                },
                [&] { taken = word->take([] { interleaver::current()->flush_all(); }, [] {}); }};
        },
        [&] {
            ASSERT_FALSE(kept && taken);
            ASSERT_TRUE(kept || taken);
            seen.kept += kept ? 1 : 0;
            seen.taken += taken ? 1 : 0;
        });

    EXPECT_GT(seen.kept, 0);
    EXPECT_GT(seen.taken, 0);
    EXPECT_GT(seen.schedules, 100U);
}

TEST(Ownership, WouldBreakWithoutTheBarrier) {
    int clashes = 0;
    interleaver search;
    std::unique_ptr<checked> word;
    bool kept = false;
    bool taken = false;

    search.explore(
        [&]() -> std::vector<interleaver::body> {
            word = std::make_unique<checked>();
            kept = taken = false;
            return {[&] {
                        word->leave();
                        kept = word->enter();
                    },
                    [&] { taken = word->take([] {}, [] {}); }};
        },
        [&] {
            clashes += kept && taken ? 1 : 0;
            if (clashes > 0) {
                search.stop();
            }
        });

    EXPECT_GT(clashes, 0) << "the search does not see what the barrier is for";
}

}  // namespace
}  // namespace drama
