// SPDX-License-Identifier: Apache-2.0
// Small worlds around what tenants share. A pool of connections: some of its users give up, the
// server refuses and drops, the pool is closed under them; nothing is lent twice, nothing is lost.
// A rate limiter: nobody gets more than the rate, and all that is there is used.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/sim/explore/sim_test.hpp"
#include "drama/sync/connection_pool.hpp"
#include "drama/sync/rate_limiter.hpp"

namespace drama {
namespace {

std::string tenant_name(std::size_t number) {
    return "tenant " + std::to_string(number % 3);
}

/// Counts what is open. What befalls connections depends on their number.
struct server {
    int open = 0;
    int opened = 0;
    int asked = 0;

    bool refuses() noexcept { return ++asked % 5 == 0; }
    bool drops() noexcept { return ++asked % 4 == 0; }
};

class connection {
  public:
    explicit connection(server& to) noexcept : to_(&to) { ++to.open; }
    connection(connection&& other) noexcept : to_(std::exchange(other.to_, nullptr)) {}
    connection& operator=(connection&&) = delete;
    ~connection() {
        EXPECT_FALSE(is_lent_);
        if (to_ != nullptr) {
            --to_->open;
        }
    }
    void lend() { EXPECT_FALSE(std::exchange(is_lent_, true)) << "lent twice"; }
    void take_back() { is_lent_ = false; }

  private:
    server* to_;
    bool is_lent_ = false;
};

task<result<connection>> connect(server* to) {
    auto slept = co_await sleep_for(20us);
    if (!slept) {
        co_return fail(slept.error());
    }
    if (to->refuses()) {
        co_return fail(std::make_error_code(std::errc::connection_refused));
    }
    ++to->opened;
    co_return connection(*to);
}

task<bool> ping(server* to) {
    auto slept = co_await sleep_for(5us);
    co_return slept.has_value() && !to->drops();
}

using pool = connection_pool<connection>;

struct shared_pool {
    explicit shared_pool(std::size_t most)
        : lends({.open = [this] { return connect(&db); },
                 .check = [this](connection*) { return ping(&db); },
                 .max_open = most,
                 .max_idle = most - most / 3,
                 .idle_timeout = 100us}) {}

    server db;
    pool lends;
    std::size_t lent = 0;
    std::size_t lent_most = 0;
    bool was_shut_down = false;
};

task<void> use(shared_pool* from, duration patience, duration length) {
    for (int i = 0; i != 4; ++i) {
        auto got = co_await from->lends.acquire(patience);
        if (!got) {
            continue;
        }
        (*got)->lend();
        from->lent_most = std::max(from->lent_most, ++from->lent);
        auto slept = co_await sleep_for(length);
        --from->lent;
        (*got)->take_back();
        if (!slept || i == 2) {
            got->discard();
        }
    }
}

task<void> use_briefly(shared_pool* from, duration patience) {
    auto ended = co_await with_deadline(patience, use(from, 1h, 30us));
    static_cast<void>(ended);
}

task<void> shut_down(shared_pool* which, duration after) {
    auto slept = co_await sleep_for(after);
    static_cast<void>(slept);
    auto ended = co_await which->lends.shut_down();
    if (ended) {
        EXPECT_EQ(which->lent, 0U);
        EXPECT_EQ(which->db.open, 0);
        which->was_shut_down = true;
    }
}

DRAMA_SIM_TEST(SharingScenario, APoolLosesNoConnectionAndLendsNoneTwice) {
    const std::size_t most = world.capacity(4);
    auto& shared = world.keep<shared_pool>(most);
    world.survives_stops();
    world.survives({fault_kind::timer_late});
    for (std::size_t i = 0; i != 5; ++i) {
        const duration some(1 + world.random().below(100'000));
        world.start_as("node", tenant_name(i), use, &shared, some, some / 2);
        world.start_as("node", "hasty", use_briefly, &shared, some * 2);
    }
    world.start_as("node", "tending", [](pool* lends) { return lends->tend(); }, &shared.lends);
    world.start_as("node", "owner", shut_down, &shared, duration(2ms));
    world.always([&shared, most] {
        return shared.lent <= most && shared.db.open <= static_cast<int>(most);
    });
    world.finally([&shared] {
        shared.lends.close();
        EXPECT_EQ(shared.lends.lent(), 0U) << "a place is lost";
        EXPECT_EQ(shared.db.open, 0) << "a connection is lost";
    });
}

DRAMA_SIM_TEST(SharingScenario, APoolThatIsShutDownSendsEverybodyHome) {
    const std::size_t most = world.capacity(3);
    auto& shared = world.keep<shared_pool>(most);
    for (std::size_t i = 0; i != 6; ++i) {
        world.start_as("node", tenant_name(i), use, &shared, duration(1h), duration(40us));
    }
    const duration after(1 + world.random().below(200'000));
    world.start_as("node", "owner", shut_down, &shared, duration(after));
    world.finally([&shared] { EXPECT_TRUE(shared.was_shut_down); });
}

struct toll {
    static constexpr double per_s = 10'000;
    static constexpr double burst = 3;

    struct passes {
        std::size_t tokens = 0;
        instant first = never;
    };

    rate_limiter by{{.per_s = per_s, .burst = burst}};
    std::array<passes, 3> tenants;
    std::size_t waiting = 0;

    void pass(std::size_t tenant, std::size_t tokens, instant now) {
        passes& mine = tenants[tenant];
        mine.first = std::min(mine.first, now);
        mine.tokens += tokens;
        const double earned = std::chrono::duration<double>(now - mine.first).count() * per_s;
        EXPECT_LE(static_cast<double>(mine.tokens), burst + earned + 0.01) << "beyond the rate";
    }
};

task<void> pass(toll* at, std::size_t tenant, duration patience) {
    runnable& self = co_await this_task();
    for (std::size_t i = 0; i != 5; ++i) {
        const std::size_t tokens = 1 + i % 2;
        ++at->waiting;
        auto passed = co_await at->by.acquire(tokens, patience);
        --at->waiting;
        if (passed) {
            at->pass(tenant, tokens, self.home->now());
        }
    }
}

task<void> pass_briefly(toll* at, std::size_t tenant, duration patience) {
    auto ended = co_await with_deadline(patience, pass(at, tenant, 1h));
    static_cast<void>(ended);
}

DRAMA_SIM_TEST(SharingScenario, ALimiterLetsNobodyBeyondTheRateAndForgetsNobody) {
    auto& at = world.keep<toll>();
    world.survives_stops();
    world.survives({fault_kind::timer_late});
    for (std::size_t i = 0; i != 6; ++i) {
        const duration some(1 + world.random().below(300'000));
        const std::size_t tenant = i % 3;
        world.start_as("node", tenant_name(tenant), pass, &at, std::size_t{tenant},
                       duration(i % 2 == 0 ? 1h : some));
        world.start_as("node", tenant_name(tenant), pass_briefly, &at, std::size_t{tenant}, some);
    }
    world.finally([&at] { EXPECT_EQ(at.waiting, 0U); });
}

DRAMA_SIM_TEST(SharingScenario, WhoGivesUpTakesNothingFromThoseWhoWait) {
    auto& at = world.keep<toll>();
    const std::size_t patient = 1 + world.capacity(3);
    for (std::size_t i = 0; i != patient; ++i) {
        world.start_as("node", "tenant 0", pass, &at, std::size_t{0}, duration(1h));
        world.start_as("node", "tenant 0", pass_briefly, &at, std::size_t{1},
                       duration(1 + world.random().below(300'000)));
    }
    const instant began = world.now();
    world.finally([&at, &world, began, patient] {
        EXPECT_EQ(at.tenants[0].tokens, patient * 7);
        const auto all = static_cast<double>(at.tenants[0].tokens + at.tenants[1].tokens);
        const double earned = std::chrono::duration<double>(world.now() - began).count();
        EXPECT_LE(all, toll::burst + earned * toll::per_s + 0.01);
    });
}

}  // namespace
}  // namespace drama
