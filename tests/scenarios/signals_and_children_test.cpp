// SPDX-License-Identifier: Apache-2.0
// Signals and children of simulated nodes, by the calls that production uses.
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <span>
#include <string>
#include <vector>

#include "drama/coro/sleep.hpp"
#include "drama/net/process/child_process.hpp"
#include "drama/net/process/signal_set.hpp"
#include "drama/sim/node/sim_test_world.hpp"

namespace drama {
namespace {

task<result<void>> counts_signals(std::vector<int>* seen, std::size_t wanted) {
    DRAMA_CO_TRY(auto signals, signal_set::open({SIGHUP, SIGTERM}));
    while (seen->size() < wanted) {
        DRAMA_CO_TRY(const int number, co_await signals.wait());
        seen->push_back(number);
        auto slept = co_await sleep_for(10ms);
        if (!slept) {
            co_return slept;
        }
    }
    co_return result<void>();
}

TEST(SimSignals, ReachTheNodeThatTheyAreSentTo) {
    sim_test_world world({.seed = seed_or(1)});
    std::vector<int> here;
    std::vector<int> there;
    world.start("here", counts_signals, &here, std::size_t{2}).must_succeed();
    world.start("there", counts_signals, &there, std::size_t{1}).must_succeed();
    world.after(5ms, [&] { world.signal("here", SIGHUP); });
    world.after(40ms, [&] { world.signal("here", SIGTERM); });
    world.after(80ms, [&] {
        EXPECT_TRUE(there.empty());
        world.signal("there", SIGTERM);
    });
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(here, (std::vector{SIGHUP, SIGTERM}));
    EXPECT_EQ(there, std::vector{SIGTERM});
}

TEST(SimSignals, EqualOnesThatNobodyHasReadAreOne) {
    sim_test_world world({.seed = seed_or(1)});
    std::vector<int> seen;
    world.start("node", counts_signals, &seen, std::size_t{3}).must_succeed();
    world.after(1ms, [&] { world.signal("node", SIGHUP); });
    for (int i = 0; i < 3; ++i) {  // it sleeps after the first
        world.after(5ms, [&] { world.signal("node", SIGHUP); });
    }
    world.after(50ms, [&] { world.signal("node", SIGTERM); });
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(seen, (std::vector{SIGHUP, SIGHUP, SIGTERM}));
}

task<void> sleeps(int* ended) {
    auto slept = co_await sleep_for(1s);
    static_cast<void>(slept);
    ++*ended;
}

TEST(SimSignals, EndAProcessThatDoesNotReadThem) {
    sim_test_world world({.seed = seed_or(1)});
    int ended = 0;
    world.start("harmless", sleeps, &ended);
    world.start("deadly", sleeps, &ended);
    world.after(5ms, [&] { world.signal("harmless", SIGCHLD); });
    world.after(5ms, [&] { world.signal("deadly", SIGTERM); });
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(world.node("harmless").lives(), 1U);
    EXPECT_TRUE(world.node("deadly").now_is() == sim_node::state::dead);
}

struct told {
    std::string output;
    exit_status status;
};

task<result<void>> runs_a_child(std::string program, std::string argument, std::string input,
                                told* into) {
    child_options options;
    options.arguments.push_back(std::move(argument));
    options.input = child_stream::pipe;
    options.output = child_stream::pipe;
    DRAMA_CO_TRY(auto child, co_await child_process::start(std::move(program), std::move(options)));
    auto wrote = co_await child.input().write_all(std::as_bytes(std::span(input)));
    static_cast<void>(wrote);  // it may have ended
    child.input().close();
    for (;;) {
        std::array<char, 16> some{};
        DRAMA_CO_TRY(const std::size_t got,
                     co_await child.output().read_some(std::as_writable_bytes(std::span(some))));
        if (got == 0) {
            break;
        }
        into->output.append(some.data(), got);
    }
    DRAMA_CO_TRY(into->status, co_await child.wait());
    co_return result<void>();
}

TEST(SimChildren, SayWhatTheySayAndEnd) {
    sim_test_world world({.seed = seed_or(1)});
    world.children().define("shout", [](const std::vector<std::string>& arguments) {
        return child_script{.takes = 20ms,
                            .output = arguments.at(0) + '!' + std::string(100'000, '.'),
                            .exit_code = 3,
                            .reads_input = true};
    });
    told seen;
    world.start("node", runs_a_child, "shout", "hey", std::string(200'000, 'x'), &seen)
        .must_succeed();
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(seen.output.size(), 100'004U);
    EXPECT_EQ(seen.output.substr(0, 4), "hey!");
    EXPECT_EQ(seen.status, (exit_status{.code = 3}));
    EXPECT_GE(world.now().time_since_epoch(), 20ms);
}

TEST(SimChildren, OfAnUnknownNameDoNotStart) {
    sim_test_world world({.seed = seed_or(1)});
    told seen;
    sim_program& caller = world.start("node", runs_a_child, "nothing", "", "", &seen);
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(caller.error(), errno_code(ENOENT).message());
}

TEST(SimChildren, CannotBeStartedWhereAFaultSaysSo) {
    sim_test_world world({.seed = seed_or(1)});
    world.children().define("any", [](const auto&) { return child_script(); });
    told seen;
    sim_program& here = world.start("here", runs_a_child, "any", "", "", &seen);
    world.start("there", runs_a_child, "any", "", "", &seen).must_succeed();
    world.faults().add({.kind = fault_kind::thread_unavailable, .site = "child", .node = "here"});
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(here.error(), errno_code(EAGAIN).message());
}

task<result<void>> starts_and_signals(int signal, bool waits_first, exit_status* status) {
    auto starting = child_process::start("long");
    DRAMA_CO_TRY(auto child, co_await std::move(starting));
    if (waits_first) {  // the child is gone before anybody asks how it ended
        auto slept = co_await sleep_for(2h);
        static_cast<void>(slept);
    }
    const auto sent = child.kill(signal);
    EXPECT_NE(sent.has_value(), waits_first);
    DRAMA_CO_TRY(*status, co_await child.wait());
    co_return result<void>();
}

TEST(SimChildren, EndBySignalsUnlessTheyIgnoreThem) {
    struct expected {
        int signal;
        bool ignores;
        bool waits_first;
        exit_status status;
    };
    for (const expected& each : {expected{SIGTERM, false, false, {.signal = SIGTERM}},
                                 expected{SIGTERM, true, false, {.code = 7}},
                                 expected{SIGKILL, true, false, {.signal = SIGKILL}},
                                 expected{SIGKILL, false, true, {.code = 7}}}) {
        sim_test_world world({.seed = seed_or(1)});
        world.set_longest(10h);
        world.children().define("long", [&](const auto&) {
            return child_script{.takes = 1h, .exit_code = 7, .ignores_terminate = each.ignores};
        });
        exit_status status;
        world.start("node", starts_and_signals, each.signal, each.waits_first, &status)
            .must_succeed();
        EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
        EXPECT_EQ(status, each.status);
    }
}

task<result<void>> leaves_a_child() {
    child_options options;
    options.output = child_stream::pipe;
    DRAMA_CO_TRY(auto child, co_await child_process::start("long", std::move(options)));
    co_return result<void>();  // its destructor kills it
}

TEST(SimChildren, GoWithTheirParentsHandleAndWithItsMachine) {
    for (const bool is_killed : {false, true}) {
        sim_test_world world({.seed = seed_or(1)});
        world.children().define(
            "long", [](const auto&) { return child_script{.takes = 1h, .output = "late"}; });
        exit_status status;
        if (is_killed) {
            world.start("node", starts_and_signals, 0, false, &status);
            world.after(1min, [&] { world.kill("node"); });
        } else {
            world.start("node", leaves_a_child).must_succeed();
        }
        EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
        EXPECT_EQ(world.net().open_fds(), 0U);
        EXPECT_LT(world.now().time_since_epoch(), 2min);
    }
}

task<result<void>> keeps_a_child() {
    child_options options;
    options.input = child_stream::pipe;
    options.output = child_stream::pipe;
    DRAMA_CO_TRY(auto child, co_await child_process::start("long", std::move(options)));
    co_return co_await sleep_for(1h);
}

TEST(SimChildren, OfAProcessThatHasEndedAreNoLeak) {
    sim_test_world world({.seed = seed_or(1)});
    int ended = 0;
    world.children().define(
        "long", [](const auto&) { return child_script{.takes = 1h, .output = "late"}; });
    world.start("node", keeps_a_child);
    world.start("other", sleeps, &ended);
    world.after(5ms, [&] { world.end_process("node"); });
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(ended, 1);
}

TEST(SimChildren, AreRefusedWhereTheWorldHasHadTooManyProcesses) {
    sim_test_world world({.seed = seed_or(1)});
    told seen;
    world.children().define("any", [](const auto&) { return child_script(); });
    world.net().options().processes_max = 2;
    sim_program& only = world.start("node", runs_a_child, "any", "", "", &seen);
    world.run_for(1s);
    sim_program& refused = world.start("node", runs_a_child, "any", "", "", &seen);
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(only.error(), "");
    EXPECT_EQ(refused.error(), errno_code(EAGAIN).message());
}

task<result<void>> hears_of_its_child(bool* heard) {
    DRAMA_CO_TRY(auto signals, signal_set::open({SIGCHLD}));
    auto starting = child_process::start("long");
    DRAMA_CO_TRY(auto child, co_await std::move(starting));
    DRAMA_CO_TRY(const int number, co_await signals.wait());
    *heard = number == SIGCHLD;
    DRAMA_CO_TRY(const exit_status status, co_await child.wait());
    co_return status.is_success() ? result<void>() : fail(errc::bad_argument);
}

TEST(SimChildren, AreToldOfBySigchld) {
    sim_test_world world({.seed = seed_or(1)});
    world.children().define("long", [](const auto&) { return child_script{.takes = 1s}; });
    bool heard = false;
    world.start("node", hears_of_its_child, &heard).must_succeed();
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_TRUE(heard);
}

}  // namespace
}  // namespace drama
