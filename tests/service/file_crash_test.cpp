// SPDX-License-Identifier: Apache-2.0
// /files against the power: clients put, remove and read, the power fails in place of each disk
// operation in turn, and the server that starts afterwards must have every answered change, whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "file_shop.hpp"

namespace drama {
namespace {

using namespace testing_support;

constexpr auto as_it_is = [](simulation&) {};

TEST(FileCrash, AfterEachDiskOperationEveryAnsweredChangeIsFoundWhole) {
    const std::uint64_t first = seed_or(1);
    std::size_t crashes = 0;
    std::size_t successes = 0;
    for (std::uint64_t seed = first; seed != first + 6; ++seed) {
        for (std::uint64_t k = 1;; ++k) {
            const shop_outcome seen = run_shop(seed, k, as_it_is);
            ASSERT_THAT(seen.wrong, ::testing::IsEmpty())
                << replay_line(seed) << ", power lost at operation " << k;
            if (!seen.crashed) {
                successes += seen.successes;
                break;
            }
            ++crashes;
        }
    }
    EXPECT_GT(crashes, 300U);
    EXPECT_GT(successes, 30U);
}

TEST(FileCrash, ADiskThatLiesAboutItsSyncsIsFoundOut) {
    const std::uint64_t first = seed_or(1);
    std::size_t found = 0;
    for (std::uint64_t seed = first; seed != first + 40; ++seed) {
        const shop_outcome seen = run_shop(
            seed, 40, [](simulation& sim) { sim.disk().options().lies_about_syncs = true; });
        found += seen.wrong.empty() ? 0 : 1;
    }
    EXPECT_GT(found, 10U) << "the judge of this file would not notice a lost put";
}

task<result<void>> prepare_again(cli::file_store* store) {
    auto preparing = store->prepare();
    co_return co_await std::move(preparing);
}

TEST(FileCrash, APowerLossDuringTheNextStartLosesNothing) {
    const std::uint64_t seed = seed_or(1);
    bool crashed = true;
    std::size_t crashes = 0;
    for (std::uint64_t k = 1; crashed; ++k) {
        shop in(seed);
        {
            file_server server(in.sim.world(), "auto", shop_data);
            ASSERT_TRUE(server.start());
            in.sim.disk().crash_at(60);
            let_clients_work(in, server, seed);
            server.end();
        }
        ASSERT_TRUE(in.is_down());
        in.sim.disk().crash_at(k);
        {
            file_server server(in.sim.world(), "auto", shop_data);
            ASSERT_TRUE(server.on().start());
            runtime& rt = server.on();
            auto prepared = rt.sync_wait(rt.tenants().system(), prepare_again, &server.store());
            crashed = in.sim.disk().crashes() == 2;
            crashes += crashed ? 1 : 0;
            EXPECT_TRUE(prepared || crashed) << prepared.error().message();
            server.end();
        }
        in.sim.disk().crash_at(0);
        check_afterwards(in);
        ASSERT_THAT(in.wrong, ::testing::IsEmpty()) << "at operation " << k << " of the start";
    }
    EXPECT_GT(crashes, 3U);
}

}  // namespace
}  // namespace drama
