// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/explore/replay_token.hpp"

#include <gtest/gtest.h>

#include "drama/sim/explore/search_step.hpp"

namespace drama {
namespace {

TEST(ReplayToken, ReadsWhatItWrites) {
    const replay_token token{0x9f3c2a71, "pct3+swarm", "4f00ba11"};
    const std::string text = token.to_text();
    EXPECT_EQ(text, "v1:9f3c2a71:pct3+swarm:4f00ba11");

    const auto read = replay_token::parse(text);

    ASSERT_TRUE(read);
    EXPECT_EQ(read->seed, token.seed);
    EXPECT_EQ(read->how, token.how);
    EXPECT_EQ(read->build, token.build);
}

TEST(ReplayToken, ReadsSeedsAlone) {
    EXPECT_EQ(replay_token::parse("17")->seed, 17U);
    EXPECT_EQ(replay_token::parse("0x11")->seed, 17U);
    EXPECT_EQ(replay_token::parse("v1:11")->seed, 17U);
    EXPECT_EQ(replay_token::parse("v1:11")->how, "");
}

TEST(ReplayToken, RefusesWhatIsNone) {
    for (const char* const text : {"", "v1", "v1:", "v1:xyz", "v2:11:walk", "v1:11:", "v1:11::ab",
                                   "v1:11:walk:", "v1:11:wa lk", "v1:11:WALK", "11:walk"}) {
        EXPECT_FALSE(replay_token::parse(text)) << text;
    }
}

TEST(ReplayToken, RefusesToSpeakForAnotherBuild) {
    const std::string own = build_id();
    ASSERT_EQ(own.size(), 8U);

    EXPECT_EQ(why_refused({1, "walk", own}, own), "");
    EXPECT_EQ(why_refused({1, "walk", ""}, own), "");
    const std::string why = why_refused({1, "walk", "00000000"}, own);
    EXPECT_NE(why.find("00000000"), std::string::npos);
    EXPECT_NE(why.find("DRAMA_SEED=v1:1:walk"), std::string::npos);
}

TEST(SearchStep, ReadsWhatItWrites) {
    for (const char* const text :
         {"walk", "walk+swarm", "pos", "pos+swarm", "pct2", "pct3+swarm", "starve+swarm", "bounded",
          "bounded.12-1.40-0", "loop.thread_unavailable.3.once", "loop.disk_error.3.on",
          "loop.stop.120.2"}) {
        const auto step = search_step::parse(text);
        ASSERT_TRUE(step) << text;
        EXPECT_EQ(step->to_text(), text);
    }
}

TEST(SearchStep, RefusesWhatIsNone) {
    for (const char* const text :
         {"", "wal", "walk.1", "pct", "pct0", "pctx", "bounded+swarm", "bounded.1", "bounded.1-",
          "bounded.1-2x", "loop", "loop.thread.3", "loop.thread.x.on", "loop.stop.1",
          "loop.x.1.on"}) {
        EXPECT_FALSE(search_step::parse(text)) << text;
    }
}

TEST(SearchStep, SamplesEveryStrategyInItsShare) {
    int walks = 0;
    int starved = 0;
    int threes = 0;
    for (std::uint64_t seed = 0; seed != 1'000; ++seed) {
        const search_step step = search_step::sample(seed);
        EXPECT_TRUE(step.swarm);
        walks += step.kind == search_kind::walk ? 1 : 0;
        starved += step.kind == search_kind::starve ? 1 : 0;
        threes += step.kind == search_kind::pct && step.depth == 3 ? 1 : 0;
    }
    EXPECT_NEAR(walks, 400, 60);
    EXPECT_NEAR(starved, 100, 40);
    EXPECT_NEAR(threes, 120, 40);
}

}  // namespace
}  // namespace drama
