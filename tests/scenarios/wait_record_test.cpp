// SPDX-License-Identifier: Apache-2.0
// What a task that waits shows of its wait: kind, what for, who holds it, and the line of the
// await.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <source_location>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>

#include "drama/coro/sleep.hpp"
#include "drama/coro/when.hpp"
#include "drama/net/pipe.hpp"
#include "drama/net/poll_fd.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/net/tcp_stream.hpp"
#include "drama/net/udp_socket.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/runtime/spawn.hpp"
#include "drama/sync/broadcast.hpp"
#include "drama/sync/channel.hpp"
#include "drama/sync/condition.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/mutex.hpp"
#include "drama/sync/oneshot.hpp"
#include "drama/sync/semaphore.hpp"
#include "drama/sync/shared_mutex.hpp"

namespace drama {
namespace {

/// What a wait shows while it stands.
struct shown {
    wait_kind kind = wait_kind::turn;
    unsigned line = 0;
    std::string file;
    const runnable* holder = nullptr;
    bool has_object = false;
};

/// Looks at `of` until it waits; one worker, so each look comes after a turn of the other.
task<shown> first_wait(runnable* of) {
    shown seen;
    for (int looks = 0; looks < 100'000 && seen.line == 0; ++looks) {
        of->inspect_wait([&seen](const wait_record* record) {
            if (record == nullptr) {
                return;
            }
            seen = {record->kind, record->where.line(), record->where.file_name(),
                    record->current_holder(), record->object != nullptr};
        });
        auto gave_way = co_await yield_now();
        static_cast<void>(gave_way);
    }
    co_return seen;
}

constexpr unsigned line_after(
    const std::source_location& here = std::source_location::current()) noexcept {
    return here.line() + 1;
}

/// Everything that a waiter may wait for. Nothing of it comes before `release`.
struct place {
    mutex lock;
    shared_mutex many;
    semaphore room{0};
    event happened;
    condition changed;
    channel<int> full{1};
    channel<int> empty{1};
    broadcast<int> news{4};
    oneshot_ends<int> once = oneshot<int>();
    std::atomic<bool> release{false};  // ends what no stop ends
    tenant crowded;
    runnable* sleeper = nullptr;
    std::optional<join_handle<void>> other;
};

using waiter = task<void> (*)(place*, unsigned*);

void spin(place* at) {
    while (!at->release) {
        std::this_thread::yield();
    }
}

task<void> sleeps(place*, unsigned* line) {
    *line = line_after();
    auto slept = co_await sleep_for(1h);
    static_cast<void>(slept);
}

task<void> joins(place* at, unsigned* line) {
    *line = line_after();
    auto joined = co_await at->other->join();
    static_cast<void>(joined);
}

task<void> locks(place* at, unsigned* line) {
    *line = line_after();
    auto locked = co_await at->lock.lock();
    static_cast<void>(locked);
}

task<void> reads_under_lock(place* at, unsigned* line) {
    *line = line_after();
    auto locked = co_await at->many.lock_shared();
    static_cast<void>(locked);
}

task<void> writes_under_lock(place* at, unsigned* line) {
    *line = line_after();
    auto locked = co_await at->many.lock();
    static_cast<void>(locked);
}

task<void> acquires(place* at, unsigned* line) {
    *line = line_after();
    auto permit = co_await at->room.acquire();
    static_cast<void>(permit);
}

task<void> waits_for_event(place* at, unsigned* line) {
    *line = line_after();
    auto seen = co_await at->happened.wait();
    static_cast<void>(seen);
}

task<void> waits_for_change(place* at, unsigned* line) {
    mutex own;
    auto guard = co_await own.lock();
    *line = line_after();
    auto seen = co_await at->changed.wait(*guard);
    static_cast<void>(seen);
}

task<void> pushes(place* at, unsigned* line) {
    *line = line_after();
    auto pushed = co_await at->full.push(2);
    static_cast<void>(pushed);
}

task<void> pops(place* at, unsigned* line) {
    *line = line_after();
    auto popped = co_await at->empty.pop();
    static_cast<void>(popped);
}

task<void> receives_once(place* at, unsigned* line) {
    *line = line_after();
    auto received = co_await at->once.receiver.receive();
    static_cast<void>(received);
}

task<void> hears_news(place* at, unsigned* line) {
    auto from = at->news.subscribe();
    *line = line_after();
    auto heard = co_await from.next();
    static_cast<void>(heard);
}

task<void> blocks(place* at, unsigned* line) {
    *line = line_after();
    co_await blocking(spin, at);
}

task<void> computes(place* at, unsigned* line) {
    *line = line_after();
    co_await compute(spin, at);
}

task<void> asks_to_be_admitted(place* at, unsigned* line) {
    *line = line_after();
    auto permit = co_await at->crowded.admit();
    static_cast<void>(permit);
}

task<void> asks_to_spawn(place* at, unsigned* line) {
    unsigned unused = 0;
    *line = line_after();
    auto spawned = co_await spawn(at->crowded, sleeps, at, &unused);
    static_cast<void>(spawned);
}

task<void> reads_a_pipe(place*, unsigned* line) {
    auto ends = make_pipe();
    std::array<std::byte, 1> byte;
    *line = line_after();
    auto got = co_await ends->reader.read_some(byte);
    static_cast<void>(got);
}

task<void> polls_a_descriptor(place*, unsigned* line) {
    auto ends = make_pipe();
    const int fd = ends->reader.fd();
    *line = line_after();
    auto ready = co_await poll_fd(fd, events::readable);
    static_cast<void>(ready);
}

task<void> accepts(place*, unsigned* line) {
    auto binding = tcp_listener::bind(*endpoint::parse("127.0.0.1:0"));
    auto listener = co_await std::move(binding);
    auto accepting = listener->accept();
    *line = 0;  // of the call, which is not the await's
    auto got = co_await std::move(accepting);
    static_cast<void>(got);
}

struct wait_case {
    const char* name;
    waiter waits;
    wait_kind kind;
    bool has_holder = false;
};

const std::vector<wait_case>& cases() {
    static const std::vector<wait_case> all{
        {"sleep", sleeps, wait_kind::timer},
        {"join", joins, wait_kind::join, true},
        {"mutex", locks, wait_kind::lock, true},
        {"shared_mutex_shared", reads_under_lock, wait_kind::lock, true},
        {"shared_mutex", writes_under_lock, wait_kind::lock, true},
        {"semaphore", acquires, wait_kind::space},
        {"event", waits_for_event, wait_kind::item},
        {"condition", waits_for_change, wait_kind::item},
        {"push", pushes, wait_kind::space},
        {"pop", pops, wait_kind::item},
        {"oneshot", receives_once, wait_kind::item},
        {"broadcast", hears_news, wait_kind::item},
        {"blocking", blocks, wait_kind::blocking},
        {"compute", computes, wait_kind::compute},
        {"admit", asks_to_be_admitted, wait_kind::admission},
        {"spawn", asks_to_spawn, wait_kind::admission},
        {"pipe", reads_a_pipe, wait_kind::io},
        {"poll_fd", polls_a_descriptor, wait_kind::io},
        {"accept", accepts, wait_kind::io}};
    return all;
}

task<void> sleeps_on_other(place* at) {
    unsigned unused = 0;
    auto sleeping = sleeps(at, &unused);
    co_await std::move(sleeping);
}

task<result<shown>> look_at(place* at, const wait_case* which, unsigned* line, bool* is_gone) {
    auto locked = co_await at->lock.lock();
    auto writing = co_await at->many.lock();
    auto pushed = co_await at->full.push(1);
    if (!locked || !writing || !pushed) {
        co_return fail(errc::bad_argument);
    }
    const tenant own = this_runtime().tenant("own");
    at->crowded = this_runtime().tenant("crowded");
    at->crowded.set({.limit = {.tasks = 1, .requests = 1}});
    auto crowd = this_runtime().try_spawn(at->crowded, sleeps_on_other, at);
    auto other = this_runtime().try_spawn(own, sleeps_on_other, at);
    if (!crowd || !other) {
        co_return fail(errc::bad_argument);
    }
    at->other = *std::move(other);
    auto waiting = this_runtime().try_spawn(own, which->waits, at, line);
    if (!waiting) {
        co_return fail(errc::bad_argument);
    }
    auto looking = first_wait(waiting->get());
    const shown seen = co_await std::move(looking);
    at->release = true;
    waiting->request_stop();
    auto ended = co_await waiting->join();
    waiting->get()->inspect_wait([&](const wait_record* record) { *is_gone = record == nullptr; });
    crowd->request_stop();
    at->other->request_stop();
    auto crowd_ended = co_await crowd->join();
    auto other_ended = co_await at->other->join();
    if (!ended || !crowd_ended || !other_ended) {
        co_return fail(errc::bad_argument);
    }
    co_return seen;
}

class WaitRecord : public ::testing::TestWithParam<wait_case> {};

TEST_P(WaitRecord, ShowsWhatIsWaitedForAndWhere) {
    runtime_options options;
    options.workers = 1;
    options.log = [](const std::string&) {};
    runtime rt(options);
    place at;
    unsigned line = 0;
    bool is_gone = false;

    const auto seen = rt.run(look_at(&at, &GetParam(), &line, &is_gone));

    ASSERT_TRUE(seen) << seen.error().message();
    EXPECT_STREQ(name_of(seen->kind), name_of(GetParam().kind));
    EXPECT_NE(seen->file.find("wait_record_test.cpp"), std::string::npos) << seen->file;
    if (line != 0) {
        EXPECT_EQ(seen->line, line);
    }
    EXPECT_TRUE(seen->has_object);
    EXPECT_EQ(seen->holder != nullptr, GetParam().has_holder);
    EXPECT_TRUE(is_gone);
}

INSTANTIATE_TEST_SUITE_P(OfEachAwaiter, WaitRecord, ::testing::ValuesIn(cases()),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace drama
