// SPDX-License-Identifier: Apache-2.0
// /files against the power: clients put, remove and read, the power fails in place of each disk
// operation in turn, and the server that starts afterwards must have every answered change, whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "drama/base/prng.hpp"
#include "drama/sim/simulation.hpp"
#include "file_history.hpp"
#include "file_server.hpp"

namespace drama {
namespace {

using namespace testing_support;

constexpr std::size_t clients = 3;
constexpr std::size_t rounds = 5;
constexpr const char* data = "/tmp/data";

/// One world with its server, its clients, and what they have seen.
struct shop {
    simulation sim;
    file_history history;
    std::uint64_t versions = 0;
    std::uint64_t moments = 0;
    std::size_t successes = 0;
    std::vector<std::string> wrong;

    explicit shop(std::uint64_t seed) : sim(seed) {}
    /// Nobody hears answers of a machine without power.
    bool is_down() { return sim.disk().crashes() != 0; }
    void check(const std::string& key, const reply_seen& seen, file_history::moment asked) {
        std::optional<std::string> content;
        if (seen.status == 200) {
            content = seen.body;
        } else if (seen.status != 404) {
            return;
        }
        if (auto why = history.judge(key, content, asked, ++moments); !why.empty()) {
            wrong.push_back(std::move(why));
        }
    }
};

struct choice {
    std::string method;
    std::string tenant;
    std::string name;
    std::size_t bytes = 0;

    explicit choice(prng& random) {
        static constexpr std::array<const char*, 8> methods{"PUT", "PUT", "PUT",    "PUT",
                                                            "GET", "GET", "DELETE", "PUT"};
        static constexpr std::array<std::size_t, 4> sizes{20, 600, 5'000, 300'000};
        method = methods[random.below(methods.size())];
        tenant = random.below(2) == 0 ? "red" : "blue";
        name = "f" + std::to_string(random.below(3));
        bytes = sizes[random.below(sizes.size())];
    }
    std::string key() const { return tenant + '/' + name; }
    request_sent request(std::string body) const {
        return {method, "/files/" + name, std::move(body), tenant};
    }
};

task<result<void>> change_once(file_server* server, shop* in, choice what) {
    const std::uint64_t version = what.method == "PUT" ? ++in->versions : file_history::no_file;
    std::string body = version == 0 ? std::string() : content_of(version, what.bytes);
    const std::string key = what.key();
    const std::size_t number = in->history.begin(key, version, ++in->moments);
    reply_seen seen;
    auto asking = ask_once(server->where(), what.request(std::move(body)), &seen);
    auto asked = co_await std::move(asking);
    if (asked && seen.status != 0 && !in->is_down()) {
        const bool succeeded = seen.status == 201 || seen.status == 204;
        in->successes += succeeded ? 1 : 0;
        in->history.answer(key, number, succeeded, ++in->moments);
    }
    co_return result<void>();
}

task<result<void>> look_once(file_server* server, shop* in, choice what) {
    const auto began = ++in->moments;
    reply_seen seen;
    auto asking = ask_once(server->where(), what.request({}), &seen);
    auto asked = co_await std::move(asking);
    if (asked && !in->is_down()) {
        in->check(what.key(), seen, began);
    }
    co_return result<void>();
}

task<result<void>> client(file_server* server, shop* in, std::uint64_t seed) {
    prng random(seed);
    for (std::size_t i = 0; i != rounds && !in->is_down(); ++i) {
        choice what(random);
        auto acting =
            what.method == "GET" ? look_once(server, in, what) : change_once(server, in, what);
        auto acted = co_await std::move(acting);
        if (!acted) {
            co_return acted;
        }
    }
    co_return result<void>();
}

void let_clients_work(shop& in, file_server& server, std::uint64_t seed) {
    runtime& rt = server.on();
    std::vector<join_handle<result<void>>> all;
    for (std::size_t i = 0; i != clients; ++i) {
        const tenant payer = rt.tenants().get_or_create("client");
        all.push_back(*rt.try_spawn(payer, client, &server, &in, seed * clients + i));
    }
    for (auto& each : all) {
        EXPECT_TRUE(rt.sync_wait(std::move(each)));
    }
}

/// A server that starts on what the disk holds has all that was answered, and works.
void check_afterwards(shop& in) {
    file_server server(in.sim.world(), "auto", data);
    ASSERT_TRUE(server.start());
    for (const std::string& tenant : in.sim.disk().names("/tmp/data/files")) {
        EXPECT_THAT(in.sim.disk().names("/tmp/data/files/" + tenant),
                    ::testing::Each(::testing::Not(::testing::StartsWith(".drama-put-"))));
    }
    for (const auto& [key, changes] : in.history.all()) {
        const auto slash = key.find('/');
        const std::string path = "/files/" + key.substr(slash + 1);
        const std::string tenant = key.substr(0, slash);
        const auto began = ++in.moments;
        const reply_seen seen = server.ask("GET", path, {}, tenant);
        EXPECT_THAT(seen.status, ::testing::AnyOf(200, 404)) << key;
        in.check(key, seen, began);
        const std::string body = content_of(++in.versions, 700);
        EXPECT_THAT(server.ask("PUT", path, body, tenant).status, ::testing::AnyOf(201, 204));
        EXPECT_EQ(server.ask("GET", path, {}, tenant).body, body);
    }
    server.end();
}

struct outcome {
    bool crashed = false;
    std::size_t successes = 0;
    std::vector<std::string> wrong;
};

template <class Prepare>
outcome run(std::uint64_t seed, std::uint64_t crash_at, Prepare prepare) {
    shop in(seed);
    prepare(in.sim);
    {
        file_server server(in.sim.world(), "auto", data);
        EXPECT_TRUE(server.start());
        in.sim.disk().crash_at(crash_at);
        let_clients_work(in, server, seed);
        server.end();
    }
    const bool crashed = in.is_down();
    in.sim.disk().crash_at(0);
    if (crashed) {
        check_afterwards(in);
    }
    EXPECT_EQ(in.sim.leftovers(), "") << in.sim.replay();
    return {crashed, in.successes, std::move(in.wrong)};
}

constexpr auto as_it_is = [](simulation&) {};

TEST(FileCrash, AfterEachDiskOperationEveryAnsweredChangeIsFoundWhole) {
    const std::uint64_t first = seed_or(1);
    std::size_t crashes = 0;
    std::size_t successes = 0;
    for (std::uint64_t seed = first; seed != first + 6; ++seed) {
        for (std::uint64_t k = 1;; ++k) {
            const outcome seen = run(seed, k, as_it_is);
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
        const outcome seen =
            run(seed, 40, [](simulation& sim) { sim.disk().options().lies_about_syncs = true; });
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
    for (std::uint64_t k = 1; crashed; ++k) {
        shop in(seed);
        {
            file_server server(in.sim.world(), "auto", data);
            ASSERT_TRUE(server.start());
            in.sim.disk().crash_at(60);
            let_clients_work(in, server, seed);
            server.end();
        }
        ASSERT_TRUE(in.is_down());
        in.sim.disk().crash_at(k);
        {
            file_server server(in.sim.world(), "auto", data);
            ASSERT_TRUE(server.on().start());
            runtime& rt = server.on();
            auto prepared = rt.sync_wait(rt.tenants().system(), prepare_again, &server.store());
            crashed = in.sim.disk().crashes() == 2;
            EXPECT_TRUE(prepared || crashed) << prepared.error().message();
            server.end();
        }
        in.sim.disk().crash_at(0);
        check_afterwards(in);
        ASSERT_THAT(in.wrong, ::testing::IsEmpty()) << "at operation " << k << " of the start";
    }
}

}  // namespace
}  // namespace drama
