// SPDX-License-Identifier: Apache-2.0
// Nodes on the simulated network and disk: who reaches whom, and what a kill does to both.
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <span>
#include <string>
#include <vector>

#include "drama/coro/sleep.hpp"
#include "drama/fs/file.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/sim/node/sim_test_world.hpp"

namespace drama {
namespace {

constexpr std::uint16_t port = 7;

task<void> echo_one(tcp_stream stream) {
    std::array<std::byte, 64> buffer;
    for (;;) {
        auto got = co_await stream.read_some(buffer);
        if (!got || *got == 0) {
            co_return;
        }
        auto sent = co_await stream.write_all(std::span<const std::byte>(buffer).first(*got));
        if (!sent) {
            co_return;
        }
    }
}

task<result<void>> echo(std::string host) {
    endpoint where(std::move(host), port);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(where)));
    for (;;) {
        DRAMA_CO_TRY(auto stream, co_await listener.accept());
        co_await echo_one(std::move(stream));
    }
}

// One answer more for each byte that came back; ends with the error that ended it.
task<result<void>> say(std::string host, int words, int* answers) {
    endpoint where(std::move(host), port);
    DRAMA_CO_TRY(auto stream, co_await tcp_connect(std::move(where)));
    for (int i = 0; i < words; ++i) {
        std::array<std::byte, 1> word{std::byte{42}};
        auto sent = co_await stream.write_all(std::span<const std::byte>(word));
        if (!sent) {
            co_return fail(sent.error());
        }
        DRAMA_CO_TRY(const std::size_t got, co_await stream.read_some(word));
        if (got == 0) {
            co_return fail(errc::end_of_stream);
        }
        ++*answers;
        auto slept = co_await sleep_for(1ms);
        if (!slept) {
            co_return slept;
        }
    }
    co_return result<void>();
}

task<result<void>> say_until_done(std::string host, int words, int* answers) {
    while (*answers < words) {
        const auto said = co_await say(host, words - *answers, answers);
        static_cast<void>(said);  // what is missing is asked for again
        auto slept = co_await sleep_for(5ms);
        if (!slept) {
            co_return slept;
        }
    }
    co_return result<void>();
}

TEST(Node, IsFoundUnderItsName) {
    sim_test_world world({.seed = seed_or(1)});
    int answers = 0;
    world.serve("server", echo, "server");
    world.start("client", say, "server", 10, &answers).must_succeed();
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(answers, 10);
}

TEST(Node, ListensOnItsOwnAddressesOnly) {
    sim_test_world world({.seed = seed_or(1)});
    int here = 0;
    int there = 0;
    world.serve("one", echo, "127.0.0.1");
    world.start("one", say, "localhost", 3, &here).must_succeed();
    world.start("two", say, "localhost", 3, &there);
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(here, 3);
    EXPECT_EQ(there, 0) << "loopback leads to another node";
}

TEST(Node, TwoNodesMayHaveTheSamePort) {
    sim_test_world world({.seed = seed_or(1)});
    int answers = 0;
    world.serve("one", echo, "");
    world.serve("two", echo, "");
    world.start("client", say, "one", 3, &answers).must_succeed();
    world.start("client", say, "two", 3, &answers).must_succeed();
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(answers, 6);
}

TEST(Node, PeersOfAKilledNodeSeeResets) {
    sim_test_world world({.seed = seed_or(1)});
    int answers = 0;
    world.serve("server", echo, "server");
    sim_program& client = world.start("client", say, "server", 1'000, &answers);
    world.after(20ms, [&] { world.kill("server"); });
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_GT(answers, 0);
    EXPECT_LT(answers, 30);
    EXPECT_EQ(client.error(), errno_code(ECONNRESET).message());
    EXPECT_EQ(world.net().open_fds(), 0U);
}

TEST(Node, AClientGoesOnWithTheServersNextLife) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + 50; ++seed) {
        sim_test_world world({.seed = seed});
        int answers = 0;
        world.serve("server", echo, "server");
        world.start("client", say_until_done, "server", 60, &answers).must_succeed();
        for (int times = 0; times < 3; ++times) {
            world.after(duration(world.random().below(60'000'000)),
                        [&] { world.restart("server"); });
        }
        ASSERT_TRUE(world.finish().holds()) << world.verdict().what << ' ' << replay_line(seed);
        EXPECT_EQ(answers, 60) << replay_line(seed);
    }
}

TEST(Node, AKilledClientLeavesTheServerUnharmed) {
    sim_test_world world({.seed = seed_or(1)});
    int lost = 0;
    int answers = 0;
    world.serve("server", echo, "server");
    world.start("victim", say, "server", 1'000, &lost);
    world.after(20ms, [&] { world.kill("victim"); });
    world.start("client", say_until_done, "server", 20, &answers).must_succeed();
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(answers, 20);
}

task<result<void>> writes(std::string text, bool* has_written) {
    const open_options how{.access = file_access::write_only, .create = true};
    DRAMA_CO_TRY(auto out, co_await file::open("/note", how));
    auto written = co_await out.write_all_at(0, std::as_bytes(std::span(text)));
    if (!written) {
        co_return written;
    }
    auto synced = co_await out.sync();
    *has_written = synced.has_value();
    co_return synced;
}

task<result<void>> reads(std::string* text) {
    auto opened = co_await file::open("/note");
    if (!opened) {
        co_return fail(opened.error());
    }
    text->resize(5);
    co_return co_await opened->read_exactly_at(0, std::as_writable_bytes(std::span(*text)));
}

task<result<void>> writes_then_reads(bool* has_written, std::string* text) {
    if (!*has_written) {
        co_return co_await writes("hello", has_written);
    }
    co_return co_await reads(text);
}

TEST(Node, HasADiskOfItsOwnThatOutlivesIt) {
    sim_test_world world({.seed = seed_or(1)});
    bool has_written = false;
    std::string here;
    std::string there;
    world.start("here", writes_then_reads, &has_written, &here).must_succeed();
    sim_program& other = world.start("there", reads, &there);
    world.after(1s, [&] { world.restart("here"); });
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(here, "hello");
    EXPECT_EQ(other.error(), errno_code(ENOENT).message()) << "it reads another node's disk";
}

// A node of a rule is the node of the world.
TEST(Node, FaultsOfItsDiskAreItsOwn) {
    sim_test_world world({.seed = seed_or(1)});
    bool here = false;
    bool there = false;
    world.start("here", writes, "hello", &here);
    world.start("there", writes, "hello", &there).must_succeed();
    world.faults().add({.kind = fault_kind::disk_error, .node = "here"});
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_FALSE(here);
    EXPECT_TRUE(there);
}

TEST(Node, FaultsOfItsNetworkAreItsOwn) {
    for (const fault_kind kind : {fault_kind::connect_fails, fault_kind::name_lookup}) {
        sim_test_world world({.seed = seed_or(1)});
        int here = 0;
        int there = 0;
        world.serve("server", echo, "server");
        world.start("here", say, "server", 3, &here);
        world.start("there", say, "server", 3, &there).must_succeed();
        world.faults().add({.kind = kind, .node = "here"});
        EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
        EXPECT_EQ(here, 0) << name_of(kind);
        EXPECT_EQ(there, 3) << name_of(kind);
    }
}

int answers_nothing() {
    return 0;
}

task<result<void>> calls_once() {
    auto done = co_await blocking(answers_nothing);
    co_return done ? result<void>() : fail(done.error());
}

TEST(Node, FaultsOfItsThreadsAreItsOwn) {
    sim_test_world world({.seed = seed_or(1)});
    sim_program& refused = world.start("here", calls_once);
    world.start("there", calls_once).must_succeed();
    world.faults().add(
        {.kind = fault_kind::thread_unavailable, .site = "thread.blocking", .node = "here"});
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(refused.error(), make_error_code(errc::thread_unavailable).message());
}

task<result<void>> opens_many(int* opened) {
    const open_options how{.access = file_access::write_only, .create = true};
    std::vector<file> files;
    for (int i = 0; i < 10; ++i) {
        auto one = co_await file::open("/note", how);
        if (!one) {
            co_return fail(one.error());
        }
        files.push_back(std::move(*one));
        ++*opened;
    }
    co_return result<void>();
}

TEST(Node, HasFewDescriptors) {
    sim_test_world world({.seed = seed_or(1)});
    int few = 0;
    int many = 0;
    sim_program& limited = world.start("few", opens_many, &few);
    world.node("few").options().fds_max = 4;
    world.start("many", opens_many, &many).must_succeed();
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(few, 4);
    EXPECT_EQ(limited.error(), errno_code(EMFILE).message());
    EXPECT_EQ(many, 10);
}

}  // namespace
}  // namespace drama
