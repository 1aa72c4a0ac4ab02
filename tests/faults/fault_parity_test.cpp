// SPDX-License-Identifier: Apache-2.0
// A small program sees the same errors over epoll and io_uring when the same plan says what breaks;
// those of files and threads also in a simulated world. Each is compared with what it must see.
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "drama/coro/context.hpp"
#include "drama/fault/faulty_world.hpp"
#include "drama/fs/file.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/net/tcp_stream.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"

namespace drama {
namespace {

using enum fault_kind;
using trace = std::vector<std::string>;

struct program {
    const char* name;
    std::vector<fault_rule> rules;
    task<result<void>> (*run)(trace* seen, std::string directory);
    trace expected;
};

template <class T>
void note(trace& seen, std::string_view what, const result<T>& outcome) {
    std::string line(what);
    if (!outcome) {
        line += ' ' + outcome.error().message();
    } else if constexpr (std::is_same_v<T, std::size_t>) {
        line += ' ' + std::to_string(*outcome);
    }
    seen.push_back(std::move(line));
}

std::string error(std::string_view what, int value) {
    return std::string(what) + ' ' + errno_code(value).message();
}

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

open_options to_make() {
    open_options options;
    options.access = file_access::read_write;
    options.create = true;
    return options;
}

task<result<void>> use_a_file(trace* seen, std::string directory) {
    const std::string path = directory + "/file";
    for (int tries = 0; tries < 2; ++tries) {
        auto opened = co_await file::open(path, to_make());
        note(*seen, "open", opened);
    }
    DRAMA_CO_TRY(auto store, co_await file::open(path, to_make()));
    const std::string text(1'000, 'x');
    for (int tries = 0; tries < 3; ++tries) {
        auto written = co_await store.write_at(0, bytes_of(text));
        note(*seen, "write", written);
    }
    for (int tries = 0; tries < 2; ++tries) {
        auto synced = co_await store.sync();
        note(*seen, "sync", synced);
    }
    std::array<std::byte, 1'000> buffer{};
    for (int tries = 0; tries < 4; ++tries) {
        auto got = co_await store.read_at(0, buffer);
        note(*seen, "read", got);
    }
    seen->push_back(buffer[1] == std::byte{'x'} ? "intact" : "flipped");
    co_return result<void>();
}

task<result<void>> use_a_connection(trace* seen, std::string) {
    endpoint where("127.0.0.1", 0);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(where)));
    DRAMA_CO_TRY(const auto there, listener.local());
    for (int tries = 0; tries < 2; ++tries) {
        auto refused = co_await tcp_connect(there);
        note(*seen, "connect", refused);
    }
    DRAMA_CO_TRY(auto client, co_await tcp_connect(there));
    auto server = co_await listener.accept();
    note(*seen, "accept", server);
    for (int tries = 0; tries < 2; ++tries) {
        auto sent = co_await client.write_some(bytes_of("message"));
        note(*seen, "send", sent);
    }
    std::array<std::byte, 64> buffer{};
    for (int tries = 0; tries < 4; ++tries) {
        auto got = co_await server->read_some(buffer);
        note(*seen, "recv", got);
    }
    co_return result<void>();
}

task<result<std::size_t>> read_from(tcp_stream* stream, std::span<std::byte> into) {
    co_return co_await stream->read_some(into);
}

task<result<void>> wait_for_silence(trace* seen, std::string) {
    endpoint where("127.0.0.1", 0);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(where)));
    DRAMA_CO_TRY(const auto there, listener.local());
    DRAMA_CO_TRY(auto client, co_await tcp_connect(there));
    DRAMA_CO_TRY(auto server, co_await listener.accept());
    auto sent = co_await client.write_some(bytes_of("message"));
    note(*seen, "send", sent);
    std::array<std::byte, 64> buffer{};
    auto first = read_from(&server, buffer);
    auto silent = co_await with_deadline(20ms, std::move(first));
    note(*seen, "recv", silent);
    auto second = read_from(&server, buffer);
    auto heard = co_await with_deadline(20s, std::move(second));
    note(*seen, "recv", heard);
    co_return result<void>();
}

int call() {
    return 0;
}

task<result<void>> call_without_threads(trace* seen, std::string) {
    for (int tries = 0; tries < 2; ++tries) {
        auto called = co_await blocking(call);
        note(*seen, "call", called);
    }
    co_return result<void>();
}

const std::vector<program>& programs() {
    static const std::vector<program> all{
        {"file",
         {{.kind = disk_error, .when = nth(1), .site = "disk.open"},
          {.kind = disk_full, .when = nth(1), .site = "disk.write"},
          {.kind = disk_short_transfer, .when = nth(1), .site = "disk.write", .value = 10},
          {.kind = sync_error_forgotten, .when = nth(1)},
          {.kind = disk_error, .when = nth(1), .site = "disk.read"},
          {.kind = disk_interrupted, .when = nth(2), .site = "disk.read"},
          {.kind = disk_short_transfer, .when = nth(1), .site = "disk.read", .value = 7},
          {.kind = bit_flip, .when = nth(2), .site = "disk.read", .value = 8}},
         use_a_file,
         {error("open", EIO), "open", error("write", ENOSPC), "write 10", "write 1000",
          error("sync", EIO), "sync", error("read", EIO), error("read", EINTR), "read 7",
          "read 1000", "flipped"}},
        {"connection",
         {{.kind = connect_fails, .when = nth(1)},
          {.kind = connect_fails, .when = nth(2), .value = ETIMEDOUT},
          {.kind = accept_fails, .when = nth(1), .value = EMFILE},
          {.kind = short_transfer, .when = nth(1), .site = "tcp.send", .value = 3},
          {.kind = short_transfer, .when = nth(1), .site = "tcp.recv"},
          {.kind = connection_reset, .when = nth(3), .site = "tcp.recv"},
          {.kind = half_close, .when = nth(3), .site = "tcp.recv"}},
         use_a_connection,
         {error("connect", ECONNREFUSED), error("connect", ETIMEDOUT), "accept", "send 3", "send 7",
          "recv 1", "recv 9", error("recv", ECONNRESET), "recv 0"}},
        {"silence",
         {{.kind = connect_then_silence, .when = nth(1), .site = "tcp.recv"}},
         wait_for_silence,
         {"send 7", "recv " + make_error_code(errc::deadline_exceeded).message(), "recv 7"}},
        {"threads",
         {{.kind = thread_unavailable, .when = nth(1), .site = "thread.blocking"}},
         call_without_threads,
         {"call " + make_error_code(errc::thread_unavailable).message(), "call"}}};
    return all;
}

void expect_seen(const program& what, const trace& seen, const fault_plan& faults) {
    EXPECT_EQ(seen, what.expected);
    for (const fault_rule& rule : what.rules) {
        EXPECT_GT(faults.fired(rule.kind), 0U) << name_of(rule.kind);
    }
}

runtime_options one_worker(const char* backend) {
    runtime_options options;
    options.workers = 1;
    options.io = backend;
    options.log = [](const std::string&) {};
    return options;
}

std::string name_of_case(std::size_t index) {
    return programs()[index].name;
}

class FaultParity : public ::testing::TestWithParam<std::tuple<const char*, std::size_t>> {};

TEST_P(FaultParity, ShowsTheSameErrorsOnEveryBackend) {
    const auto [backend, index] = GetParam();
    const program& what = programs()[index];
    faulty_world world(1);
    runtime rt(world, one_worker(backend));
    if (auto started = rt.start(); !started) {
        GTEST_SKIP() << "not available here: " << started.error().message();
    }
    std::string directory = std::filesystem::temp_directory_path() / "faultsXXXXXX";
    ASSERT_NE(::mkdtemp(directory.data()), nullptr);
    for (const fault_rule& rule : what.rules) {
        world.faults().add(rule);
    }
    trace seen;

    const auto ended = rt.run(what.run(&seen, directory));

    EXPECT_TRUE(ended) << ended.error().message();
    expect_seen(what, seen, world.faults());
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
}

INSTANTIATE_TEST_SUITE_P(All, FaultParity,
                         ::testing::Combine(::testing::Values("epoll", "uring"),
                                            ::testing::Range(std::size_t{0}, std::size_t{4})),
                         [](const auto& each) {
                             return std::string(std::get<0>(each.param)) + "_" +
                                    name_of_case(std::get<1>(each.param));
                         });

class SimulatedParity : public ::testing::TestWithParam<std::size_t> {};

task<void> run_to_its_end(const program* what, trace* seen) {
    auto work = what->run(seen, std::string());
    auto ended = co_await std::move(work);
    EXPECT_TRUE(ended) << ended.error().message();
}

TEST_P(SimulatedParity, ShowsTheSameErrorsInASimulatedWorld) {
    const program& what = programs()[GetParam()];
    simulation sim(seed_or(1));
    runtime rt(sim.world(), one_worker("auto"));
    sim.watch(rt);
    ASSERT_TRUE(rt.start());
    for (const fault_rule& rule : what.rules) {
        sim.faults().add(rule);
    }
    trace seen;
    EXPECT_TRUE(rt.try_spawn(rt.tenants().system(), run_to_its_end, &what, &seen));

    EXPECT_TRUE(sim.run_to_end());

    expect_seen(what, seen, sim.faults());
    EXPECT_TRUE(rt.stop());
}

// Not those of connections: a simulated network has sites of its own for what happens to them.
INSTANTIATE_TEST_SUITE_P(FilesAndThreads, SimulatedParity, ::testing::Values(0U, 3U),
                         [](const auto& each) { return name_of_case(each.param); });

}  // namespace
}  // namespace drama
