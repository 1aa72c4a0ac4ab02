// SPDX-License-Identifier: Apache-2.0
// A world with a server of /files, clients that put, remove and read, and the judge of what they
// see: while it goes on, and on what is found after the power has failed.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "drama/base/prng.hpp"
#include "drama/sim/simulation.hpp"
#include "file_history.hpp"
#include "file_server.hpp"

namespace drama::testing_support {

inline constexpr std::size_t shop_clients = 3;
inline constexpr std::size_t shop_rounds = 5;
inline constexpr const char* shop_data = "/tmp/data";

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

inline task<result<void>> change_once(file_server* server, shop* in, choice what) {
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

inline task<result<void>> look_once(file_server* server, shop* in, choice what) {
    const auto began = ++in->moments;
    reply_seen seen;
    auto asking = ask_once(server->where(), what.request({}), &seen);
    auto asked = co_await std::move(asking);
    if (asked && !in->is_down()) {
        in->check(what.key(), seen, began);
    }
    co_return result<void>();
}

inline task<result<void>> client(file_server* server, shop* in, std::uint64_t seed) {
    prng random(seed);
    for (std::size_t i = 0; i != shop_rounds && !in->is_down(); ++i) {
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

inline void let_clients_work(shop& in, file_server& server, std::uint64_t seed) {
    runtime& rt = server.on();
    std::vector<join_handle<result<void>>> all;
    for (std::size_t i = 0; i != shop_clients; ++i) {
        const tenant payer = rt.tenants().get_or_create("client");
        all.push_back(*rt.try_spawn(payer, client, &server, &in, seed * shop_clients + i));
    }
    for (auto& each : all) {
        EXPECT_TRUE(rt.sync_wait(std::move(each)));
    }
}

/// A server that starts on what the disk holds has all that was answered, and works. `may_damage`:
/// instead of a content it may say that the disk has spoiled it.
inline void check_afterwards(shop& in, bool may_damage = false) {
    file_server server(in.sim.world(), "auto", shop_data);
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
        if (seen.status != 200 && seen.status != 404 && !(may_damage && seen.status == 500)) {
            in.wrong.push_back(key + " is answered with " + std::to_string(seen.status));
        }
        in.check(key, seen, began);
        const std::string body = content_of(++in.versions, 700);
        EXPECT_THAT(server.ask("PUT", path, body, tenant).status, ::testing::AnyOf(201, 204));
        EXPECT_EQ(server.ask("GET", path, {}, tenant).body, body);
    }
    server.end();
}

struct shop_outcome {
    bool crashed = false;  ///< while the clients worked
    std::size_t successes = 0;
    std::uint64_t faults = 0;
    std::vector<std::string> wrong;
};

/// One run: the clients work, with what `prepare(sim)` arranges; the power fails in place of their
/// k-th disk operation, or afterwards; the next server starts on what is left, without faults.
template <class Prepare>
shop_outcome run_shop(std::uint64_t seed, std::uint64_t crash_at, Prepare prepare,
                      bool may_damage = false) {
    shop in(seed);
    {
        file_server server(in.sim.world(), "auto", shop_data);
        EXPECT_TRUE(server.start());
        prepare(in.sim);
        in.sim.disk().crash_at(crash_at);
        let_clients_work(in, server, seed);
        server.end();
    }
    shop_outcome seen{in.is_down(), in.successes, in.sim.faults().log().size(), {}};
    in.sim.disk().crash_at(0);
    if (!seen.crashed) {
        in.sim.disk().crash();
    }
    seen.faults = in.sim.faults().log().size();
    in.sim.faults().clear();
    check_afterwards(in, may_damage);
    EXPECT_EQ(in.sim.leftovers(), "") << in.sim.replay();
    seen.wrong = std::move(in.wrong);
    return seen;
}

}  // namespace drama::testing_support
