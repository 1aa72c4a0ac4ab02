// SPDX-License-Identifier: Apache-2.0
// Class follows the await: after each kind of await a task has the class that says how near the end
// of its request it is, and stands in the lane of that class while it is queued.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/fs/file.hpp"
#include "drama/net/resolve.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"
#include "drama/sync/channel.hpp"
#include "drama/sync/mutex.hpp"

namespace drama {
namespace {

constexpr const char* names[] = {"write", "compute", "read", "accept"};

/// What each await of a test left behind, in order: "sleep read, send write".
struct classes {
    std::string seen;

    void note(const char* after, const runnable& task) {
        seen += (seen.empty() ? "" : ", ") + std::string(after) + " " +
                names[static_cast<std::size_t>(task.cls)];
    }
};

std::string run(task<result<void>> (*f)(classes*)) {
    simulation sim(seed_or(1));
    runtime_options options;
    options.workers = 1;
    options.log = [](const std::string&) {};
    runtime rt(sim.world(), options);
    sim.watch(rt);
    EXPECT_TRUE(rt.start());
    classes found;
    auto spawned = rt.try_spawn(rt.tenants().get_or_create("t"), f, &found);
    EXPECT_TRUE(spawned);
    EXPECT_TRUE(sim.run_to_end()) << sim.replay();
    EXPECT_TRUE(rt.sync_wait(*std::move(spawned)));
    EXPECT_TRUE(rt.stop());
    return found.seen;
}

task<result<void>> connect_and_answer(std::uint16_t port) {
    endpoint where("127.0.0.1", port);
    DRAMA_CO_TRY(auto stream, co_await tcp_connect(std::move(where)));
    std::array<std::byte, 8> bytes{};
    DRAMA_CO_TRY(const std::size_t got, co_await stream.read_some(bytes));
    co_return co_await stream.write_all(std::span<const std::byte>(bytes).first(got));
}

task<result<void>> serve_one(scope_handle scope, classes* found) {
    runnable& self = co_await this_task();
    found->note("root", self);
    endpoint where("127.0.0.1", 80);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(where)));
    auto client = scope.spawn(connect_and_answer, std::uint16_t{80});
    EXPECT_TRUE(client);
    DRAMA_CO_TRY(auto stream, co_await listener.accept());
    found->note("accept", self);
    std::array<std::byte, 8> bytes{};
    auto sent = co_await stream.write_all(bytes);
    EXPECT_TRUE(sent);
    found->note("send", self);
    DRAMA_CO_TRY(const std::size_t got, co_await stream.read_some(bytes));
    EXPECT_EQ(got, bytes.size());
    found->note("receive", self);
    co_return result<void>();
}

task<result<void>> serves_a_connection(classes* found) {
    co_return co_await in_scope(serve_one, found);
}

TEST(ClassFollowsTheAwait, OnSockets) {
    EXPECT_EQ(run(serves_a_connection), "root read, accept accept, send write, receive read");
}

task<result<void>> uses_a_file(classes* found) {
    runnable& self = co_await this_task();
    open_options options;
    options.access = file_access::read_write;
    options.create = true;
    DRAMA_CO_TRY(auto opened, co_await file::open("/f", options));
    std::array<std::byte, 8> bytes{};
    auto written = co_await opened.write_at(0, bytes);
    EXPECT_TRUE(written);
    found->note("write", self);
    auto got = co_await opened.read_at(0, bytes);
    EXPECT_TRUE(got);
    found->note("read", self);
    auto synced = co_await opened.sync();
    EXPECT_TRUE(synced);
    found->note("sync", self);
    auto slept = co_await sleep_for(1ms);
    EXPECT_TRUE(slept);
    found->note("sleep", self);
    auto synced_again = co_await opened.sync_data();
    EXPECT_TRUE(synced_again);
    found->note("sync_data", self);
    auto resolved = co_await resolve("localhost", "80");
    EXPECT_TRUE(resolved);
    found->note("resolve", self);
    co_return result<void>();
}

TEST(ClassFollowsTheAwait, OnFilesNamesAndTime) {
    EXPECT_EQ(run(uses_a_file),
              "write write, read read, sync write, sleep read, sync_data write, resolve read");
}

int nothing() {
    return 0;
}

task<result<void>> keep_all(mutex* lock, channel<int>* numbers, classes* found) {
    runnable& self = co_await this_task();
    auto blocked = co_await blocking(nothing);
    EXPECT_TRUE(blocked);
    found->note("blocking", self);
    auto computed = co_await compute(nothing);
    EXPECT_TRUE(computed);
    found->note("compute", self);
    auto guard = co_await lock->lock();
    EXPECT_TRUE(guard);
    found->note("lock", self);
    auto number = co_await numbers->pop();
    EXPECT_TRUE(number);
    found->note("pop", self);
    co_return result<void>();
}

task<result<void>> push_later(channel<int>* numbers) {
    auto slept = co_await sleep_for(1ms);
    EXPECT_TRUE(slept);
    co_return co_await numbers->push(1);
}

task<result<void>> keeps(scope_handle scope, classes* found, bool complete) {
    mutex lock;
    channel<int> numbers(1);
    auto pusher = scope.spawn(push_later, &numbers);
    EXPECT_TRUE(pusher);
    runnable& self = co_await this_task();
    self.input_complete = complete;
    auto kept = co_await keep_all(&lock, &numbers, found);
    EXPECT_TRUE(kept);
    auto joined = co_await pusher->join();
    EXPECT_TRUE(joined);
    found->note("join", self);
    co_return result<void>();
}

task<result<void>> keeps_before_the_input_is_complete(classes* found) {
    co_return co_await in_scope(keeps, found, false);
}

task<result<void>> raises_once_the_input_is_complete(classes* found) {
    co_return co_await in_scope(keeps, found, true);
}

TEST(ClassFollowsTheAwait, IsKeptByCallsLocksAndJoins) {
    EXPECT_EQ(run(keeps_before_the_input_is_complete),
              "blocking read, compute read, lock read, pop read, join read");
    EXPECT_EQ(run(raises_once_the_input_is_complete),
              "blocking compute, compute compute, lock compute, pop compute, join compute");
}

task<result<void>> sleep_inside(classes* found) {
    auto slept = co_await sleep_for(1ms);
    runnable& self = co_await this_task();
    found->note("inside", self);
    co_return slept;
}

task<result<void>> overrides(classes* found) {
    auto inside = co_await as(work_class::write, sleep_inside(found));
    EXPECT_TRUE(inside);
    auto slept = co_await sleep_for(1ms);
    runnable& self = co_await this_task();
    found->note("outside", self);
    co_return slept;
}

TEST(ClassFollowsTheAwait, UnlessTheUserSaysOtherwise) {
    EXPECT_EQ(run(overrides), "inside write, outside read");
}

}  // namespace
}  // namespace drama
