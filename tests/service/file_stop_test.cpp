// SPDX-License-Identifier: Apache-2.0
// Puts that meet each other, a deadline or a stop at any moment, in simulated worlds.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "drama/coro/context.hpp"
#include "drama/fs/directory.hpp"
#include "drama/sim/simulation.hpp"
#include "file_server.hpp"

namespace drama {
namespace {

using namespace testing_support;
using outcome = cli::file_store::put_outcome;

constexpr std::size_t seeds = 60;

/// What stands in one tenant's folder after a run.
struct remains {
    std::vector<std::string> names;
    std::string content;
};

task<result<void>> look(cli::file_store* store, remains* out) {
    auto getting = store->get("t-someone", "a");
    DRAMA_CO_TRY(out->content, co_await std::move(getting));
    DRAMA_CO_TRY(const auto listed, co_await list_directory("/tmp/data/files/t-someone"));
    for (const directory_item& each : listed) {
        out->names.push_back(each.name);
    }
    co_return result<void>();
}

remains look_at(file_server& server) {
    remains found;
    runtime& rt = server.on();
    EXPECT_TRUE(rt.sync_wait(rt.tenants().system(), look, &server.store(), &found));
    return found;
}

task<result<outcome>> put_within(cli::file_store* store, duration limit, std::string content) {
    auto putting = with_deadline(limit, store->put("t-someone", "a", content));
    co_return co_await std::move(putting);
}

TEST(FileStop, APutThatMissesItsDeadlineChangesNothing) {
    std::size_t in_time = 0;
    std::size_t late = 0;
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
        simulation sim(seed);
        file_server server(sim.world(), "auto", "/tmp/data");
        ASSERT_TRUE(server.start());
        runtime& rt = server.on();
        const tenant someone = rt.tenants().get_or_create("someone");
        std::string expected = "old";
        ASSERT_TRUE(rt.sync_wait(someone, put_within, &server.store(), duration(1h), expected));
        for (duration limit = 20us; limit < 40ms; limit = limit * 5 / 3) {
            const std::string content = "put within " + std::to_string(limit.count());
            auto put = rt.sync_wait(someone, put_within, &server.store(), limit, content);
            if (put) {
                expected = content;
                ++in_time;
            } else {
                ASSERT_EQ(put.error(), errc::deadline_exceeded) << sim.replay();
                ++late;
            }
            const remains found = look_at(server);
            ASSERT_EQ(found.content, expected) << sim.replay() << " within " << limit.count();
            ASSERT_EQ(found.names, std::vector<std::string>{"a"}) << sim.replay();
        }
        server.end();
        EXPECT_EQ(sim.leftovers(), "") << sim.replay();
    }
    EXPECT_GT(in_time, seeds);
    EXPECT_GT(late, seeds);
}

TEST(FileStop, AStopOfTheServerLeavesOneWholeVersion) {
    std::size_t answered = 0;
    std::size_t cut = 0;
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
        simulation sim(seed);
        reply_seen seen;
        {
            file_server server(sim.world(), "auto", "/tmp/data");
            ASSERT_TRUE(server.start());
            ASSERT_EQ(server.ask("PUT", "/files/a", "old").status, 201);
            auto asked = server.begin({"PUT", "/files/a", "new"}, &seen);
            sim.run_for(200us * (seed % 40));
            server.end();
        }
        file_server next(sim.world(), "auto", "/tmp/data");
        ASSERT_TRUE(next.start());
        const remains found = look_at(next);
        next.end();
        ASSERT_EQ(found.names, std::vector<std::string>{"a"}) << sim.replay();
        if (seen.status == 204) {
            ++answered;
            ASSERT_EQ(found.content, "new") << sim.replay();
        } else {
            ++cut;
            ASSERT_TRUE(found.content == "old" || found.content == "new") << sim.replay();
        }
    }
    EXPECT_GT(answered, 0U);
    EXPECT_GT(cut, 0U);
}

TEST(FileStop, PutsOfOneNameAtOnceLeaveOneOfThemWhole) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
        simulation sim(seed);
        file_server server(sim.world(), "auto", "/tmp/data");
        ASSERT_TRUE(server.start());
        constexpr std::size_t puts = 6;
        std::vector<reply_seen> seen(puts);
        std::vector<join_handle<result<void>>> asked;
        std::vector<std::string> contents;
        for (std::size_t i = 0; i < puts; ++i) {
            contents.emplace_back(3000 * (i + 1), static_cast<char>('a' + i));
            asked.push_back(server.begin({"PUT", "/files/a", contents.back()}, &seen[i]));
        }
        for (auto& each : asked) {
            ASSERT_TRUE(server.on().sync_wait(std::move(each))) << sim.replay();
        }
        const remains found = look_at(server);

        EXPECT_EQ(std::ranges::count(seen, 201, &reply_seen::status), 1) << sim.replay();
        EXPECT_EQ(std::ranges::count(seen, 204, &reply_seen::status), puts - 1) << sim.replay();
        EXPECT_EQ(std::ranges::count(contents, found.content), 1) << sim.replay();
        EXPECT_EQ(found.names, std::vector<std::string>{"a"}) << sim.replay();
        server.end();
    }
}

task<result<void>> churn_within(cli::file_store* store, duration limit) {
    auto churning = with_deadline(limit, store->churn("t-someone", 1024 * 1024));
    co_return co_await std::move(churning);
}

TEST(FileStop, AChurnThatMissesItsDeadlineLeavesNoFile) {
    std::size_t in_time = 0;
    std::size_t late = 0;
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
        simulation sim(seed);
        file_server server(sim.world(), "auto", "/tmp/data");
        ASSERT_TRUE(server.start());
        ASSERT_EQ(server.ask("PUT", "/files/a", "kept").status, 201);
        runtime& rt = server.on();
        const tenant someone = rt.tenants().get_or_create("someone");
        for (duration limit = 50us; limit < 60ms; limit = limit * 5 / 2) {
            auto churned = rt.sync_wait(someone, churn_within, &server.store(), limit);
            ++(churned ? in_time : late);
            if (!churned) {
                ASSERT_EQ(churned.error(), errc::deadline_exceeded) << sim.replay();
            }
            ASSERT_EQ(look_at(server).names, std::vector<std::string>{"a"}) << sim.replay();
        }
        server.end();
        EXPECT_EQ(sim.leftovers(), "") << sim.replay();
    }
    EXPECT_GT(in_time, 0U);
    EXPECT_GT(late, seeds);
}

TEST(FileTenants, BeyondTheLimitShareNoFolder) {
    simulation sim(seed_or(1));
    file_server server(sim.world(), "auto", "/tmp/data", 2);  // the client is one
    ASSERT_TRUE(server.start());

    EXPECT_EQ(server.ask("PUT", "/files/a", "mine", "first").status, 201);
    const reply_seen put = server.ask("PUT", "/files/a", "other's", "second");
    const reply_seen got = server.ask("GET", "/files/a", "", "third");

    EXPECT_EQ(put.status, 503) << put.body;
    EXPECT_EQ(got.status, 503) << got.body;
    EXPECT_EQ(server.ask("GET", "/files/a", "", "first").body, "mine");
}

}  // namespace
}  // namespace drama
