// SPDX-License-Identifier: Apache-2.0
// Runs every scenario on every backend, and prints which ran where. Also: the ends of runtimes that
// have operations in flight.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "drama/fs/directory.hpp"
#include "drama/fs/file.hpp"
#include "drama/net/pipe.hpp"
#include "drama/net/process/signal_set.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"
#include "tests/conformance/scenario.hpp"

namespace drama::conformance {
namespace {

constexpr duration scenario_time_max = std::chrono::seconds(20);

std::vector<scenario> all_scenarios() {
    std::vector<scenario> all;
    for (const auto group : {tcp_scenarios(), stop_scenarios(), datagram_scenarios(),
                             unix_scenarios(), pipe_scenarios(), file_scenarios(), disk_scenarios(),
                             directory_scenarios(), process_scenarios(), descriptor_scenarios()}) {
        all.insert(all.end(), group.begin(), group.end());
    }
    return all;
}

// What ran, for the table at the end.
std::map<std::string, std::map<std::string, const char*>>& outcomes() {
    static std::map<std::string, std::map<std::string, const char*>> table;
    return table;
}

class print_outcomes : public ::testing::Environment {
  public:
    void TearDown() override {
        std::printf("%-44s %-6s %-6s %-6s\n", "scenario", "epoll", "uring", "sim");
        for (auto& [name, by_backend] : outcomes()) {
            const auto mark = [&](const char* backend) {
                const char* found = by_backend[backend];
                return found == nullptr ? "-" : found;
            };
            std::printf("%-44s %-6s %-6s %-6s\n", name.c_str(), mark("epoll"), mark("uring"),
                        mark("sim"));
        }
        std::printf("%zu scenarios\n", outcomes().size());
    }
};

const auto* const printer = ::testing::AddGlobalTestEnvironment(new print_outcomes);

class temporary_directory {
  public:
    temporary_directory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "conformanceXXXXXX");
        path_ = ::mkdtemp(pattern.data());
    }
    temporary_directory(const temporary_directory&) = delete;
    temporary_directory& operator=(const temporary_directory&) = delete;
    ~temporary_directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

runtime_options on(const std::string& io, std::size_t workers = 2) {
    runtime_options options;
    options.workers = workers;
    options.io = io;
    options.log = [](const std::string&) {};
    options.on_stall = [](const stall_report&) {};
    return options;
}

// Before any thread of a runtime exists: the signal scenarios need it.
void prepare_signals() {
    EXPECT_TRUE(block_signals({SIGUSR1}));
}

class Conformance : public ::testing::TestWithParam<std::tuple<const char*, scenario>> {};

TEST_P(Conformance, EndsAlikeOnEveryBackend) {
    prepare_signals();
    const auto [backend, what] = GetParam();
    runtime rt(on(backend));
    if (auto started = rt.start(); !started) {
        outcomes()[what.name][backend] = "none";
        GTEST_SKIP() << "not available here: " << started.error().message();
    }
    ASSERT_EQ(rt.io_name(), backend);
    const temporary_directory directory;

    const auto outcome = rt.run(with_deadline(scenario_time_max, what.run(directory.path())));

    EXPECT_TRUE(outcome) << outcome.error().message();
    outcomes()[what.name][backend] = HasFailure() ? "FAILED" : "ok";
}

INSTANTIATE_TEST_SUITE_P(All, Conformance,
                         ::testing::Combine(::testing::Values("epoll", "uring"),
                                            ::testing::ValuesIn(all_scenarios())),
                         [](const ::testing::TestParamInfo<Conformance::ParamType>& of) {
                             return std::string(std::get<0>(of.param)) + "_" +
                                    std::get<1>(of.param).name;
                         });

// The simulated world, which answers as the kernel does: under several seeds, so that latencies and
// schedules differ.

constexpr std::uint64_t simulated_seeds = 8;

task<result<void>> run_in_new_directory(scenario what) {
    const std::string directory = "/tmp/scenario";
    auto made = co_await make_directory(directory, 0700);
    if (!made) {
        co_return made;
    }
    co_return co_await with_deadline(scenario_time_max, what.run(directory));
}

class SimulatedConformance : public ::testing::TestWithParam<scenario> {};

TEST_P(SimulatedConformance, EndsAsOnTheMachine) {
    const scenario what = GetParam();
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + simulated_seeds && !HasFailure(); ++seed) {
        SCOPED_TRACE(replay_line(seed));
        simulation sim(seed);
        runtime rt(sim.world(), on("auto"));
        sim.watch(rt);
        ASSERT_TRUE(rt.start());

        const auto outcome = rt.sync_wait(rt.tenants().system(), run_in_new_directory, what);

        EXPECT_TRUE(outcome) << outcome.error().message();
        EXPECT_TRUE(rt.stop());
        EXPECT_EQ(sim.leftovers(), "");
    }
    outcomes()[what.name]["sim"] = HasFailure() ? "FAILED" : "ok";
}

std::vector<scenario> simulated_scenarios() {
    std::vector<scenario> all = all_scenarios();
    std::erase_if(all, [](const scenario& each) { return each.needs_kernel; });
    return all;
}

INSTANTIATE_TEST_SUITE_P(All, SimulatedConformance, ::testing::ValuesIn(simulated_scenarios()),
                         [](const ::testing::TestParamInfo<scenario>& of) {
                             return std::string(of.param.name);
                         });

// Teardown: the runtime is stopped while operations are in flight.

class Teardown : public ::testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        rt_.emplace(on(GetParam()));
        if (auto started = rt_->start(); !started) {
            GTEST_SKIP() << "not available here: " << started.error().message();
        }
    }
    tenant payer() { return rt_->tenants().get_or_create("payer"); }

    std::optional<runtime> rt_;
};

task<std::error_code> read_for_ever(std::atomic<int>* waiting) {
    auto both = co_await connected_pair();
    if (!both) {
        co_return both.error();
    }
    std::array<std::byte, 16> buffer;
    waiting->fetch_add(1);
    auto got = co_await both->server.read_some(buffer);
    co_return got ? std::error_code() : got.error();
}

TEST_P(Teardown, EndsReadsInFlight) {
    constexpr int readers = 50;
    std::atomic<int> waiting{0};
    std::vector<join_handle<std::error_code>> handles;
    for (int i = 0; i < readers; ++i) {
        auto spawned = rt_->try_spawn(payer(), read_for_ever, &waiting);
        ASSERT_TRUE(spawned);
        handles.push_back(*std::move(spawned));
    }
    while (waiting.load() != readers) {
        std::this_thread::yield();
    }

    EXPECT_TRUE(rt_->stop());

    for (auto& each : handles) {
        EXPECT_TRUE(each.is_done());
    }
}

task<std::error_code> accept_for_ever(std::atomic<int>* waiting) {
    auto listener = co_await tcp_listener::bind(loopback());
    if (!listener) {
        co_return listener.error();
    }
    waiting->fetch_add(1);
    auto got = co_await listener->accept();
    co_return got ? std::error_code() : got.error();
}

TEST_P(Teardown, EndsAcceptsInFlight) {
    std::atomic<int> waiting{0};
    auto spawned = rt_->try_spawn(payer(), accept_for_ever, &waiting);
    ASSERT_TRUE(spawned);
    while (waiting.load() != 1) {
        std::this_thread::yield();
    }

    EXPECT_TRUE(rt_->stop());

    EXPECT_TRUE(spawned->is_done());
}

task<std::error_code> write_files(std::string path, std::atomic<int>* waiting) {
    open_options options;
    options.access = file_access::write_only;
    options.create = true;
    auto opened = co_await file::open(path, options);
    if (!opened) {
        co_return opened.error();
    }
    const std::string text(100'000, 'x');
    waiting->fetch_add(1);
    for (;;) {
        auto written = co_await opened->write_at(0, bytes_of(text));
        if (!written) {
            co_return written.error();
        }
        auto synced = co_await opened->sync_data();
        if (!synced) {
            co_return synced.error();
        }
    }
}

TEST_P(Teardown, EndsFileOperationsInFlight) {
    const temporary_directory directory;
    std::atomic<int> waiting{0};
    std::vector<join_handle<std::error_code>> handles;
    for (int i = 0; i < 20; ++i) {
        const std::string path = directory.path() + "/" + std::to_string(i);
        auto spawned = rt_->try_spawn(payer(), write_files, path, &waiting);
        ASSERT_TRUE(spawned);
        handles.push_back(*std::move(spawned));
    }
    while (waiting.load() != 20) {
        std::this_thread::yield();
    }

    EXPECT_TRUE(rt_->stop());

    for (auto& each : handles) {
        EXPECT_TRUE(each.is_done());
    }
}

INSTANTIATE_TEST_SUITE_P(All, Teardown, ::testing::Values("epoll", "uring"));

}  // namespace
}  // namespace drama::conformance
