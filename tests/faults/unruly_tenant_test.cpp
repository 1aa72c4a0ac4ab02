// SPDX-License-Identifier: Apache-2.0
// One tenant misbehaves, another one works: the same seed without and with the misdeeds, and what
// the bystander got done may differ only within its bounds.
#include <cstdint>
#include <string>
#include <vector>

#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/fault/interference.hpp"
#include "drama/fault/unruly_tenant.hpp"
#include "drama/runtime/blocking.hpp"
#include "tests/faults/town.hpp"

namespace drama::faults {
namespace {

using enum fault_kind;

constexpr std::uint64_t seeds = 4;
// A turn of the neighbour on each core, a hand-over at 1 ms, and the wheel's slack.
constexpr isolation_bounds small_difference{.lost_work = 0, .longer = 0.5, .later = 2500us};

int look_up() {
    sim::block(50us);
    return 1;
}

task<void> bystander(simulation* in, work_log* log) {
    for (int i = 0; i < 60; ++i) {
        const instant due = in->now() + 1ms;
        auto slept = co_await sleep_for(1ms);
        sim::spend(20us);
        auto found = co_await blocking(look_up);
        if (!slept || !found) {
            co_return;
        }
        log->note(in->now() - due);
    }
}

// Seeds are tried until one fails.
std::string isolation_under(const rules& misdeeds, std::uint64_t& fired, std::size_t workers) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + seeds; ++seed) {
        const auto run = [&](bool with_misdeeds) {
            work_log log;
            town place(seed, with_misdeeds ? misdeeds : rules(), quiet(workers));
            place.start("b", bystander, &place.sim, &log);
            place.start("a", unruly_tenant, place.rt.handle(), place.of("a"), unruly_options{});
            place.run();
            for (const fault_rule& each : misdeeds) {
                fired += place.sim.faults().fired(each.kind);
            }
            return log;
        };
        const std::string fault = check_isolation(run, small_difference);
        if (!fault.empty()) {
            return fault + "; " + replay_line(seed);
        }
    }
    return {};
}

void expect_isolated(const rules& misdeeds, std::size_t workers = 2) {
    std::uint64_t fired = 0;
    EXPECT_EQ(isolation_under(misdeeds, fired, workers), "");
    EXPECT_GT(fired, 0U);
}

TEST(UnrulyTenant, FloodsWithTasksAlone) {
    expect_isolated({{.kind = tenant_floods, .tenant = "a", .site = "flood.tasks"}});
}

task<void> work_a_little() {
    sim::spend(50us);
    co_return;
}

task<void> flood_with_work(scope_handle children) {
    const auto count = decide_here(tenant_floods, "flood.work");
    for (std::int64_t i = 0; i < count.value_or(0); ++i) {
        EXPECT_TRUE(children.spawn(work_a_little));
    }
    co_return;
}

task<void> flood_once() {
    co_await in_scope(flood_with_work);
}

// Half a second of work for the only worker, while others come and go.
TEST(UnrulyTenant, FloodsWithWorkAlone) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + seeds; ++seed) {
        const auto run = [&](bool floods) {
            work_log log;
            town place(
                seed,
                {{.kind = tenant_floods, .tenant = "a", .site = "flood.work", .value = 10'000}},
                quiet(1));
            place.start("b", bystander, &place.sim, &log);
            place.start(floods ? "a" : "c", flood_once);
            place.run();
            return log;
        };
        EXPECT_EQ(check_isolation(run, small_difference), "") << replay_line(seed);
    }
}

TEST(UnrulyTenant, FloodsWithTimersAlone) {
    expect_isolated({{.kind = tenant_floods, .tenant = "a", .site = "flood.timers"}});
}

TEST(UnrulyTenant, FloodsWithBlockingCallsAlone) {
    expect_isolated(
        {{.kind = tenant_floods, .tenant = "a", .site = "flood.blocking", .value = 200}});
}

TEST(UnrulyTenant, FloodsWithMemoryAlone) {
    expect_isolated({{.kind = tenant_floods, .tenant = "a", .site = "flood.memory"}});
}

TEST(UnrulyTenant, HogsItsThreadAlone) {
    expect_isolated({{.kind = tenant_never_yields, .tenant = "a"}});
}

TEST(UnrulyTenant, HogsTheOnlyThreadAlone) {
    expect_isolated({{.kind = tenant_never_yields, .tenant = "a"}}, 1);
}

TEST(UnrulyTenant, StallsItsCallsAlone) {
    expect_isolated(
        {{.kind = blocking_stalls, .tenant = "a", .value = 1'000'000'000},
         {.kind = tenant_floods, .tenant = "a", .site = "flood.blocking", .value = 50}});
}

TEST(UnrulyTenant, IsLateAlone) {
    expect_isolated({{.kind = timer_late, .tenant = "a"}});
}

TEST(UnrulyTenant, HasNoMemoryAlone) {
    std::uint64_t fired = 0;
    EXPECT_EQ(isolation_under({{.kind = buffers_exhausted, .tenant = "a"},
                               {.kind = task_migrates, .tenant = "a"}},
                              fired, 2),
              "");
    EXPECT_GT(fired, 0U);
}

struct requests {
    int admitted = 0;
    int refused = 0;
    int inside = 0;
    int inside_max = 1'000;  ///< at an admission; more are a violation
    int violations = 0;
};

task<void> ask_for_permits(tenant self, requests* seen) {
    for (int i = 0; i < 40; ++i) {
        {
            const auto permit = self.try_admit();
            ++(permit ? seen->admitted : seen->refused);
        }
        auto slept = co_await sleep_for(1ms);
        static_cast<void>(slept);
    }
}

// Permits that are not given back count against the tenant that has them.
TEST(TenantLeaksPermits, MeetsItsOwnLimit) {
    requests a;
    requests b;
    town place(seed_or(1), {{.kind = tenant_leaks_permits, .tenant = "a"}});
    place.of("a").set({.limit = {.requests = 5}});
    place.of("b").set({.limit = {.requests = 5}});
    place.start("a", unruly_tenant, place.rt.handle(), place.of("a"), unruly_options{.rounds = 1});
    place.start("a", ask_for_permits, place.of("a"), &a);
    place.start("b", ask_for_permits, place.of("b"), &b);
    place.run();
    place.expect_fired(tenant_leaks_permits);
    EXPECT_GT(a.refused, 20);
    EXPECT_EQ(b.refused, 0);
    EXPECT_EQ(place.of("a").record().requests.load(), 0) << "all were given back";
}

task<void> request_by_request(tenant self, requests* seen, int count) {
    for (int i = 0; i < count; ++i) {
        auto permit = co_await self.admit();
        if (!permit) {
            ++seen->refused;
            co_return;
        }
        ++seen->admitted;
        seen->violations += seen->inside >= seen->inside_max ? 1 : 0;
        ++seen->inside;
        auto slept = co_await sleep_for(1ms);
        static_cast<void>(slept);
        --seen->inside;
    }
}

// Limits shrink while requests run and wait: those that run end, those that wait have their turn.
TEST(TenantReconfigured, InMidRequestLosesNobody) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + seeds; ++seed) {
        requests a;
        town place(seed, {{.kind = tenant_reconfigured, .when = nth(1), .tenant = "a"}});
        for (int i = 0; i < 10; ++i) {
            place.start("a", request_by_request, place.of("a"), &a, 10);
        }
        place.start("a", unruly_tenant, place.rt.handle(), place.of("a"), unruly_options{});
        place.sim.run_for(7ms);  // after the fault
        place.of("a").set({.limit = {.requests = 2}});
        a.inside_max = 2;
        place.run();
        place.expect_fired(tenant_reconfigured);
        EXPECT_EQ(a.admitted, 100) << place.sim.replay();
        EXPECT_EQ(a.refused, 0) << place.sim.replay();
        EXPECT_EQ(a.violations, 0) << place.sim.replay();
        EXPECT_EQ(place.of("a").record().requests.load(), 0);
    }
}

task<void> never_ends() {
    for (;;) {
        auto slept = co_await sleep_for(1s);
        if (!slept) {
            co_return;
        }
    }
}

// It posts and calls while it is told to stop: what comes then is refused or given up.
TEST(TenantFillsShutdown, AndShutdownEndsAllTheSame) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + seeds; ++seed) {
        runtime_options options = quiet(2);
        options.blocking_threads_max = 2;
        town place(seed,
                   {{.kind = tenant_fills_shutdown, .tenant = "a", .value = 300},
                    {.kind = blocking_stalls, .tenant = "a", .value = 100'000'000}},
                   options);
        place.start("a", unruly_tenant, place.rt.handle(), place.of("a"),
                    unruly_options{.rounds = 1'000});
        place.start("b", never_ends);
        place.sim.run_for(20ms);
        const instant began = place.sim.now();
        EXPECT_TRUE(place.rt.stop()) << place.sim.replay();
        place.is_stopped = true;
        place.expect_fired(tenant_fills_shutdown);
        EXPECT_LT(place.sim.now() - began, 1s) << place.sim.replay();
        EXPECT_EQ(place.sim.leftovers(), "") << place.sim.replay();
    }
}

TEST(TenantIgnoresStop, ForLessThanTheDeadline) {
    town place(seed_or(1), {{.kind = tenant_ignores_stop, .tenant = "a"}});
    place.start("a", unruly_tenant, place.rt.handle(), place.of("a"),
                unruly_options{.rounds = 1'000});
    place.start("b", never_ends);
    place.sim.run_for(20ms);
    const instant began = place.sim.now();
    EXPECT_TRUE(place.rt.stop());
    place.is_stopped = true;
    place.expect_fired(tenant_ignores_stop);
    EXPECT_GE(place.sim.now() - began, 100ms);
    EXPECT_EQ(place.sim.leftovers(), "");
}

// The deadline passes, and stop says so; what is left ends by itself.
TEST(TenantIgnoresStop, ForLongerThanTheDeadline) {
    runtime_options options = quiet(2);
    options.shutdown_deadline = 1s;
    town place(seed_or(1), {{.kind = tenant_ignores_stop, .tenant = "a", .value = 20'000'000'000}},
               options);
    place.start("a", unruly_tenant, place.rt.handle(), place.of("a"),
                unruly_options{.rounds = 1'000});
    place.sim.run_for(20ms);
    const instant began = place.sim.now();
    const auto stopped = place.rt.stop();
    place.is_stopped = true;
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error(), errc::deadline_exceeded);
    EXPECT_LT(place.sim.now() - began, 2s);
    place.expect_fired(tenant_ignores_stop);
    place.sim.run_for(30s);
}

}  // namespace
}  // namespace drama::faults
