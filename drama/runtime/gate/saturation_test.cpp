// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/gate/saturation.hpp"

#include <gtest/gtest.h>

namespace drama {
namespace {

/// Feeds samples every 10 ms of virtual time.
class sampler {
  public:
    /// One interval of 100 ms with these signals; `served` polls in it.
    void interval(saturation& into, saturation_signals seen, std::uint64_t served) {
        if (polls_ == 0) {
            into.sample({}, now_);  // begins the first interval
        }
        for (int i = 0; i < 10; ++i) {
            now_ += 10ms;
            polls_ += served / 10;
            seen.polls = polls_;
            into.sample(seen, now_);
        }
    }
    instant now() const { return now_; }
    void skip(duration by) { now_ += by; }

  private:
    instant now_ = long_ago + 1h;
    std::uint64_t polls_ = 0;
};

saturation_signals queued(std::size_t tasks) {
    saturation_signals seen;
    seen.async_queued = tasks;
    return seen;
}

// 1 000 polls in 100 ms: 500 queued tasks are 50 ms of work.
TEST(Saturation, IsOverOnceTheStandingQueueTakes50Ms) {
    saturation under;
    sampler feed;
    feed.interval(under, queued(0), 1000);

    feed.interval(under, queued(400), 1000);
    EXPECT_FALSE(under.is_over());
    EXPECT_NEAR(under.read().process, 0.8, 0.01);
    feed.interval(under, queued(600), 1000);

    EXPECT_TRUE(under.is_over());
    EXPECT_EQ(under.read().cause, resource::cpu);
    EXPECT_GT(under.accept_pause(), duration::zero());
}

TEST(Saturation, IgnoresBurstsThatDrainWithinTheInterval) {
    saturation under;
    sampler feed;
    feed.interval(under, queued(0), 1000);
    instant now = feed.now();
    std::uint64_t polls = 1000;

    for (int i = 0; i < 100; ++i) {
        now += 10ms;
        polls += 100;
        saturation_signals seen = queued(i % 9 == 0 ? 0 : 100'000);
        seen.polls = polls;
        under.sample(seen, now);
    }

    EXPECT_FALSE(under.is_over());
}

TEST(Saturation, NeedsTwoCalmIntervalsToComeBack) {
    saturation under;
    sampler feed;
    feed.interval(under, queued(10'000), 1000);
    feed.interval(under, queued(10'000), 1000);
    ASSERT_TRUE(under.is_over());

    feed.interval(under, queued(300), 1000);  // 0.6: neither over nor calm
    feed.interval(under, queued(300), 1000);
    feed.interval(under, queued(300), 1000);
    EXPECT_TRUE(under.is_over());
    feed.interval(under, queued(100), 1000);
    feed.interval(under, queued(300), 1000);  // starts the count anew
    feed.interval(under, queued(100), 1000);
    EXPECT_TRUE(under.is_over());
    feed.interval(under, queued(100), 1000);
    feed.interval(under, queued(100), 1000);

    EXPECT_FALSE(under.is_over());
    EXPECT_EQ(under.accept_pause(), duration::zero());
}

TEST(Saturation, ShrinksTheDelayOfTenantsFastAndGrowsItSlowly) {
    saturation under;
    sampler feed;
    EXPECT_EQ(under.delay_max(), 1s);

    for (int i = 0; i < 30; ++i) {
        feed.interval(under, queued(10'000), 1000);
    }
    EXPECT_EQ(under.delay_max(), 10ms) << "who has less than this in the queue is never refused";
    for (int i = 0; i < 4; ++i) {
        feed.interval(under, queued(0), 1000);
    }

    EXPECT_GT(under.delay_max(), 30ms);
    EXPECT_LT(under.delay_max(), 100ms);
}

TEST(Saturation, CountsAFullBlockingPoolOnly) {
    saturation under;
    sampler feed;
    saturation_signals seen;
    seen.blocking_wait = 1s;
    for (int i = 0; i < 3; ++i) {
        feed.interval(under, seen, 1000);
    }
    EXPECT_FALSE(under.is_over()) << "a pool that may grow will";

    seen.is_blocking_full = true;
    for (int i = 0; i < 3; ++i) {
        feed.interval(under, seen, 1000);
    }
    EXPECT_TRUE(under.is_over());
    EXPECT_EQ(under.read().cause, resource::blocking);
}

TEST(Saturation, ForgetsWhatItSawBeforeALongSleep) {
    saturation under;
    sampler feed;
    feed.interval(under, queued(0), 1000);
    feed.skip(10s);

    // The first sample after it: no rate is known yet, nothing may be judged.
    saturation_signals seen = queued(5000);
    seen.polls = 1001;
    under.sample(seen, feed.now());

    EXPECT_FALSE(under.is_over());
}

}  // namespace
}  // namespace drama
