// SPDX-License-Identifier: Apache-2.0
// The threads that keep CPUs alert: there while wanted, one a CPU, gone with their owner.
#include "drama/runtime/world/pulse_threads.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "drama/coro/sleep.hpp"
#include "drama/coro/when.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama {
namespace {

std::size_t pulse_threads() {
    std::size_t count = 0;
    std::error_code ignored;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", ignored)) {
        std::string name;
        std::getline(std::ifstream(task.path() / "comm"), name);
        count += name == "drama-pulse" ? 1 : 0;
    }
    return count;
}

// A thread names itself when it first runs.
bool become(std::size_t wanted) {
    for (int look = 0; look < 100'000; ++look) {
        if (pulse_threads() == wanted) {
            return true;
        }
        ::sched_yield();
    }
    return false;
}

std::size_t cpus() {
    cpu_set_t allowed;
    ::sched_getaffinity(0, sizeof allowed, &allowed);
    return static_cast<std::size_t>(CPU_COUNT(&allowed));
}

TEST(PulseThreads, HasAThreadForEachCpuAndTakesThemWithIt) {
    {
        internal::pulse_threads pulse;
        EXPECT_EQ(pulse_threads(), 0U);
        pulse.add();
        pulse.add();
        EXPECT_TRUE(become(cpus()));
        pulse.remove();
        pulse.remove();
        pulse.add();  // and sleepers can be woken again
        EXPECT_TRUE(become(cpus()));
    }
    EXPECT_TRUE(become(0));
}

bool burn_until_pulse() {
    return become(cpus());
}

// How often they have gone to sleep so far, all together.
std::uint64_t sleeps() {
    std::uint64_t sum = 0;
    std::error_code ignored;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", ignored)) {
        std::ifstream status(task.path() / "status");
        std::string line;
        std::getline(status, line);
        if (!line.ends_with("drama-pulse")) {
            continue;
        }
        constexpr std::string_view label = "voluntary_ctxt_switches:";
        while (std::getline(status, line)) {
            sum += line.starts_with(label) ? std::stoull(line.substr(label.size())) : 0;
        }
    }
    return sum;
}

bool beat() {
    const std::uint64_t before = sleeps();
    for (int look = 0; look < 100'000; ++look) {
        if (sleeps() >= before + 20) {
            return true;
        }
        ::sched_yield();
    }
    return false;
}

// Between two of some hundred looks at a row nothing happens, which takes some milliseconds.
bool become_still() {
    for (int look = 0; look < 100; ++look) {
        const std::uint64_t before = sleeps();
        for (int time = 0; time < 300; ++time) {
            ::sched_yield();
            static_cast<void>(sleeps());
        }
        if (sleeps() == before) {
            return true;
        }
    }
    return false;
}

TEST(PulseThreads, SleepWhileNobodyWantsThemAndBeatAgainThen) {
    internal::pulse_threads pulse;
    pulse.add();
    ASSERT_TRUE(become(cpus()));
    EXPECT_TRUE(beat());
    pulse.remove();
    EXPECT_TRUE(become_still());
    pulse.add();
    EXPECT_TRUE(beat());
    pulse.remove();
}

task<bool> keep_worker_busy(const std::atomic<bool>* over) {
    while (!over->load()) {
        auto go_on = co_await yield_now();
        if (!go_on) {
            co_return false;
        }
    }
    co_return true;
}

task<bool> burn(std::atomic<bool>* over) {
    auto seen = co_await compute(burn_until_pulse);
    over->store(true);
    co_return seen && *seen;
}

task<bool> burn_beside_busy() {
    std::atomic<bool> over = false;
    auto done = co_await when_all(burn(&over), keep_worker_busy(&over));
    co_return done&& std::get<0>(*done);
}

TEST(PulseThreads, BeatsWhileAComputeFunctionBurnsBesideABusyWorker) {
    {
        runtime_options options;
        options.workers = 1;
        runtime rt(options);
        const auto seen = rt.run(burn_beside_busy());
        EXPECT_TRUE(seen && *seen);
    }
    EXPECT_TRUE(become(0));
}

}  // namespace
}  // namespace drama
