// SPDX-License-Identifier: Apache-2.0
// D2, D3, D4: waits on a worker, pools that wait for each other, and lookups that take long.
#include <dlfcn.h>
#include <netdb.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <source_location>
#include <string>
#include <string_view>

#include "drama/coro/sleep.hpp"
#include "drama/fs/file.hpp"
#include "drama/net/resolve.hpp"
#include "drama/runtime/blocking.hpp"
#include "tests/deadlock/arena.hpp"

namespace drama::deadlock {
namespace {

// D2: a task waits, without co_await, for a task and for a call: on the worker that would run them.

struct impatient {
    arena* all = nullptr;
    std::atomic<int> refused{0};
};

task<result<int>> answer() {
    co_return 1;
}

int answer_in_call() {
    return 1;
}

task<result<void>> wait_on_the_worker(impatient* in) {
    arena& all = *in->all;
    const std::string file = std::source_location::current().file_name();
    unsigned line = std::source_location::current().line() + 1;
    auto answered = all.rt->sync_wait(all.tenant_of(1), answer);
    all.check(!answered && answered.error() == errc::would_deadlock, "a wait was not refused");
    all.check(all.has_logged(file + ':' + std::to_string(line)), "nobody says where it waits");
    auto call = start_blocking(all.rt->handle(), all.tenant_of(1), answer_in_call);
    line = std::source_location::current().line() + 1;
    auto called = call.wait();
    all.check(!called && called.error() == errc::would_deadlock, "a wait was not refused");
    all.check(all.has_logged(file + ':' + std::to_string(line)), "nobody says where it waits");
    ++in->refused;
    co_return result<void>();
}

std::shared_ptr<void> start_impatient(arena& all) {
    auto made = std::make_shared<impatient>();
    made->all = &all;
    for (std::size_t i = 0; i < all.size; ++i) {
        all.start(1, wait_on_the_worker, made.get());
    }
    return made;
}

void judge_impatient(arena& all, void* state) {
    all.check(static_cast<impatient*>(state)->refused == static_cast<int>(all.size),
              "a task did not come back");
}

// D3: compute functions wait for blocking calls that wait for compute functions, each pool full.
// Whoever waits gives its place away, so neither order can hang.

struct crossing {
    arena* all = nullptr;
    tenant payer;
    std::atomic<int> innermost{0};
};

int count_innermost(crossing* in) {
    ++in->innermost;
    return 1;
}

task<result<int>> compute_innermost(crossing* in) {
    co_return co_await compute(count_innermost, in);
}

int call_back_into_compute(crossing* in) {
    auto computed = in->all->rt->sync_wait(in->payer, compute_innermost, in);
    return computed ? *computed : 0;
}

int wait_for_a_call(crossing* in) {
    auto call = start_blocking(in->all->rt->handle(), in->payer, call_back_into_compute, in);
    auto called = call.wait();
    return called ? *called : 0;
}

task<result<void>> compute_outermost(crossing* in) {
    DRAMA_CO_TRY(const int got, co_await compute(wait_for_a_call, in));
    in->all->check(got == 1, "a function in the middle failed");
    co_return result<void>();
}

std::shared_ptr<void> start_crossing(arena& all) {
    auto made = std::make_shared<crossing>(&all, all.tenant_of(3));
    for (std::size_t i = 0; i < 3 * all.size; ++i) {
        all.start(i % 2, compute_outermost, made.get());
    }
    return made;
}

void judge_crossing(arena& all, void* state) {
    all.check(static_cast<crossing*>(state)->innermost == static_cast<int>(3 * all.size),
              "a function did not run");
}

void few_of_both(runtime_options& options, std::size_t size) {
    options.blocking_threads_max = size;
    options.compute_threads = size;
}

// D4: a thousand lookups that take long, and the file reads of another tenant. On the machine the
// resolver of this program answers only when the reads are done.

constexpr std::size_t lookups = 1'000;
constexpr std::size_t reads = 10;
// A read opens the file too. In the device each takes this long: with a disk that now and then
// takes 20 ms, the time would say how often it did. Beside it, a step that submits and one that
// completes, of at most 2 us, each of which may then lose its CPU for 50 us, and a wake-up of at
// most 5 us (sim_options): 109 us, and what looks at the clock take.
constexpr std::size_t file_operations = 2 * reads;
constexpr duration in_device = 500us;
constexpr duration around_it = 125us;
constexpr duration reads_take_most = file_operations * (in_device + around_it);
constexpr const char* slow_name = "slow.drama.invalid";

struct resolver_gate {
    std::mutex lock;
    std::condition_variable changed;
    bool is_open = true;

    void set(bool open) {
        const std::lock_guard guard(lock);
        is_open = open;
        changed.notify_all();
    }
    void pass() {
        std::unique_lock guard(lock);
        changed.wait(guard, [this] { return is_open; });
    }
};
resolver_gate gate_of_resolver;

struct file_on_machine {
    std::string path;
    ~file_on_machine() {
        if (!path.empty()) {
            ::unlink(path.c_str());
        }
        gate_of_resolver.set(true);
    }
};

struct slow_names {
    arena* all = nullptr;
    file_on_machine made;
    std::string path = "/data/read";
    std::atomic<std::size_t> looked_up{0};
    std::atomic<std::size_t> read{0};
    std::atomic<std::int64_t> reads_took_ns{0};
};

task<result<void>> look_up(slow_names* in) {
    auto found = co_await resolve(slow_name, "80");
    static_cast<void>(found);  // there is no such machine
    ++in->looked_up;
    co_return result<void>();
}

task<result<void>> read_once(slow_names* in) {
    DRAMA_CO_TRY(auto from, co_await file::open(in->path));
    std::array<std::byte, 4> some{};
    DRAMA_CO_TRY(const std::size_t got, co_await from.read_at(0, some));
    in->read += got == some.size() ? 1U : 0U;
    co_return result<void>();
}

task<result<void>> read_meanwhile(slow_names* in) {
    auto slept = co_await sleep_for(1ms);  // all lookups have begun
    if (!slept) {
        co_return slept;
    }
    runnable& self = co_await this_task();
    const instant began = self.home->now();
    for (std::size_t i = 0; i < reads; ++i) {
        auto done = co_await read_once(in);
        if (!done) {
            co_return done;
        }
    }
    in->reads_took_ns = (self.home->now() - began).count();
    in->all->check(in->looked_up == 0, "a lookup was not slow");
    gate_of_resolver.set(true);
    co_return result<void>();
}

std::shared_ptr<void> start_slow_names(arena& all) {
    auto made = std::make_shared<slow_names>();
    made->all = &all;
    if (all.sim != nullptr) {
        all.sim->disk().options().transfer = latency_law::fixed(in_device);
        all.sim->disk().put(made->path, "data");
        all.sim->faults().add({.kind = fault_kind::name_lookup, .value = 1'000'000'000});
    } else {
        gate_of_resolver.set(false);
        char path[] = "/tmp/drama-read-XXXXXX";
        const int fd = ::mkstemp(path);
        all.check(fd >= 0 && ::write(fd, "data", 4) == 4, "no file to read");
        ::close(fd);
        made->made.path = path;
        made->path = path;
    }
    for (std::size_t i = 0; i < lookups; ++i) {
        all.start(1, look_up, made.get());
    }
    all.start(2, read_meanwhile, made.get());
    return made;
}

void judge_slow_names(arena& all, void* state) {
    auto& in = *static_cast<slow_names*>(state);
    all.check(in.read == reads, "a read failed");
    all.check(in.looked_up == lookups, "a lookup did not end");
    const duration took(in.reads_took_ns.load());
    all.check(all.sim == nullptr || took <= reads_take_most,
              "the reads took " + std::to_string(took / 1us) + " us");
}

constexpr scenario scenarios[] = {
    {"D2", start_impatient, nullptr, judge_impatient},
    {"D3", start_crossing, nullptr, judge_crossing, few_of_both},
    {"D4", start_slow_names, nullptr, judge_slow_names},
};

}  // namespace

std::span<const scenario> lane_scenarios() {
    return scenarios;
}

}  // namespace drama::deadlock

// This program's resolver: one name waits for the gate.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                           addrinfo** found) {
    if (node != nullptr && std::string_view(node) == drama::deadlock::slow_name) {
        drama::deadlock::gate_of_resolver.pass();
        return EAI_NONAME;
    }
    static const auto real =
        reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    return real(node, service, hints, found);
}
