// SPDX-License-Identifier: Apache-2.0
// Two tenants that both want more than there is: what each gets on real threads, by kind of work
// and weight, in what the queue charges. One JSON object a line.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/tenants/burn_for.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/base/prng.hpp"
#include "drama/coro/context.hpp"
#include "drama/coro/task.hpp"
#include "drama/fs/aligned_buffer.hpp"
#include "drama/fs/file.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sync/event.hpp"

using namespace drama;
using bench::burn_for;

namespace {

std::atomic<bool> is_over{false};

task<void> work_async() {
    volatile unsigned sum = 0;
    while (!is_over.load(std::memory_order_relaxed)) {
        for (unsigned i = 0; i < 2000; ++i) {
            sum = sum + i;
        }
        auto go_on = co_await checkpoint();
        if (!go_on) {
            co_return;
        }
    }
}

task<void> work_compute(duration each) {
    while (!is_over.load(std::memory_order_relaxed)) {
        auto done = co_await compute(burn_for, each);
        if (!done) {
            co_return;
        }
    }
}

task<void> work_burning(duration each) {
    while (!is_over.load(std::memory_order_relaxed)) {
        auto done = co_await blocking(burn_for, each);
        if (!done) {
            co_return;
        }
    }
}

void rest_for(duration each) {
    std::this_thread::sleep_for(each);
}

task<void> work_sleeping(duration each) {
    while (!is_over.load(std::memory_order_relaxed)) {
        auto done = co_await blocking(rest_for, each);
        if (!done) {
            co_return;
        }
    }
}

// A task that overruns its turns: it is handed over, and then runs on demoted threads.
task<void> work_hogging(duration each) {
    while (!is_over.load(std::memory_order_relaxed)) {
        burn_for(each);
        auto slept = co_await sleep_for(100us);
        if (!slept) {
            co_return;
        }
    }
}

// Woken always from one core, wherever it ran last: by woken_from() there.
struct alarm {
    auto_reset_event set;
    std::atomic<bool> is_awaited{false};
};
std::array<std::array<alarm, 64>, 2> alarms;

task<void> work_woken(std::size_t from, std::size_t index) {
    alarm& mine = alarms[from][index];
    while (!is_over.load(std::memory_order_relaxed)) {
        burn_for(50us);
        mine.is_awaited.store(true, std::memory_order_release);
        auto woken = co_await mine.set.wait(100ms);
        if (!woken && woken.error() != errc::deadline_exceeded) {
            co_return;
        }
    }
}

// Alone is pinned; who it wakes is not.
task<void> wake_from(std::size_t from) {
    runnable& self = co_await this_task();
    self.core = static_cast<std::uint16_t>(from);
    self.pinned = true;
    while (!is_over.load(std::memory_order_relaxed)) {
        for (alarm& each : alarms[from]) {
            if (each.is_awaited.exchange(false, std::memory_order_acquire)) {
                each.set.set();
            }
        }
        auto slept = co_await sleep_for(200us);
        if (!slept) {
            co_return;
        }
    }
}

// The device's queue holds 64 reads of each tenant at any time.
constexpr const char* data_file = "shares_bench.data";
constexpr std::uint64_t data_pages = 64 * 256;

task<void> work_reading(std::uint64_t seed) {
    open_options direct;
    direct.direct = true;
    auto opened = co_await file::open(data_file, direct);
    if (!opened) {
        std::perror(data_file);
        std::exit(1);
    }
    prng random(seed);
    aligned_buffer room(4096);
    while (!is_over.load(std::memory_order_relaxed)) {
        const auto at = static_cast<std::int64_t>(random.below(data_pages)) * 4096;
        auto got = co_await opened->read_at(at, room.span());
        if (!got) {
            co_return;
        }
    }
}

bool make_data() {
    const int fd = ::open(data_file, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    const std::vector<char> mebibyte(1 << 20, 'x');
    bool is_made = fd >= 0;
    for (std::uint64_t i = 0; is_made && i < data_pages / 256; ++i) {
        is_made =
            ::write(fd, mebibyte.data(), mebibyte.size()) == static_cast<ssize_t>(mebibyte.size());
    }
    is_made = is_made && ::fsync(fd) == 0;
    ::close(fd);
    return is_made;
}

/// What the queue charges, in which two tenants are compared.
enum class charged : std::uint8_t { cpu, thread_time, device };

struct side {
    const char* name;
    int tasks;
    std::function<task<void>(std::size_t)> make;
    charged by = charged::cpu;
    int woken_from = -1;  // a core
};

side async_side() {
    return {"async", 16, [](std::size_t) { return work_async(); }};
}
side compute_side() {
    return {"compute", 16, [](std::size_t) { return work_compute(20ms); }};
}
side burning_side() {
    return {"burning_blocking", 16, [](std::size_t) { return work_burning(20ms); }};
}
side hogging_side() {
    return {"hog", 16, [](std::size_t) { return work_hogging(20ms); }};
}
side sleeping_side() {
    return {"sleeping_blocking", 64, [](std::size_t) { return work_sleeping(5ms); },
            charged::thread_time};
}
side woken_side(std::size_t from) {
    return {from == 0 ? "async_woken_on_0" : "async_woken_on_1", 64,
            [from](std::size_t index) { return work_woken(from, index); }, charged::cpu,
            static_cast<int>(from)};
}
side disk_side() {
    return {"disk", 64, [](std::size_t index) { return work_reading(index + 1); }, charged::device};
}

task<void> let_them_work(duration span) {
    auto slept = co_await sleep_for(span);
    static_cast<void>(slept);
}

// What the queues charge: of a thread of the blocking pool, a 64th of its time. Units: ns.
double used(const tenant& who, charged by) {
    const auto& usage = who.usage();
    const auto cpu = static_cast<double>(usage.cpu_ns.read());
    const auto thread = static_cast<double>(usage.blocking_ns.read());
    if (by == charged::thread_time) {
        return thread;
    }
    const tenant_share& share = who.record().share();
    const double all = static_cast<double>(share.service()) / virtual_units_per_ns *
                       static_cast<double>(share.weight()) / fixed_weight_one;
    return by == charged::device ? all - cpu - thread / 64 : cpu + thread / 64;
}

bool shares_cpus = true;

void run_pair(const side& first, const side& second, double weight, double seconds) {
    is_over.store(false);
    runtime_options options;
    if (first.by == charged::thread_time) {
        options.blocking_threads_max = 16;
    }
    options.shares_cpus = shares_cpus;
    options.holds_burning_calls = true;
    runtime rt(options);
    const tenant a = rt.tenants().get_or_create("a");
    const tenant b = rt.tenants().get_or_create("b");
    a.set({.weight = weight});
    if (!rt.start()) {
        std::exit(1);
    }
    for (int i = 0; i < first.tasks; ++i) {
        static_cast<void>(rt.try_spawn(a, first.make, static_cast<std::size_t>(i)));
    }
    for (int i = 0; i < second.tasks; ++i) {
        static_cast<void>(rt.try_spawn(b, second.make, static_cast<std::size_t>(i)));
    }
    for (const side* each : {&first, &second}) {
        if (each->woken_from >= 0) {
            static_cast<void>(rt.try_spawn(rt.tenants().system(), wake_from,
                                           static_cast<std::size_t>(each->woken_from)));
        }
    }
    const auto sleep = [&](double span) {
        static_cast<void>(rt.sync_wait(
            rt.tenants().system(), let_them_work,
            std::chrono::duration_cast<duration>(std::chrono::duration<double>(span))));
    };
    sleep(0.5);  // until both are at work
    const double a0 = used(a, first.by);
    const double b0 = used(b, second.by);
    sleep(seconds);
    const double got_a = used(a, first.by) - a0;
    const double got_b = used(b, second.by) - b0;
    is_over.store(true);
    static_cast<void>(rt.stop());
    const double share = got_a / (got_a + got_b);
    const double ideal = weight / (weight + 1);
    std::printf(
        "{\"first\":\"%s\",\"second\":\"%s\",\"weights\":\"%g:1\",\"share\":%.4f,"
        "\"ideal\":%.4f,\"cpus_used\":%.2f,\"ok\":%s}\n",
        first.name, second.name, weight, share, ideal, (got_a + got_b) / seconds / 1e9,
        std::abs(share / ideal - 1) <= 0.05 && std::abs((1 - share) / (1 - ideal) - 1) <= 0.05
            ? "true"
            : "false");
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    double seconds = 2;
    std::string_view only;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (std::strcmp(argv[i], "--seconds") == 0) {
            seconds = std::atof(argv[i + 1]);
        } else if (std::strcmp(argv[i], "--only") == 0) {
            only = argv[i + 1];
        } else if (std::strcmp(argv[i], "--share-cpus") == 0) {
            shares_cpus = std::strcmp(argv[i + 1], "off") != 0;
        } else {
            std::fprintf(stderr,
                         "shares_bench: unknown option %s; known: --seconds S, "
                         "--only FIRST-SECOND, --share-cpus on|off\n",
                         argv[i]);
            return 2;
        }
    }
    const std::vector<std::pair<side, side>> pairs = {
        {async_side(), async_side()},       {compute_side(), compute_side()},
        {async_side(), compute_side()},     {compute_side(), async_side()},
        {async_side(), hogging_side()},     {hogging_side(), compute_side()},
        {async_side(), burning_side()},     {burning_side(), async_side()},
        {sleeping_side(), sleeping_side()}, {woken_side(0), woken_side(1)},
        {disk_side(), disk_side()},
    };
    if (!make_data()) {
        std::perror(data_file);
        return 1;
    }
    for (const auto& [first, second] : pairs) {
        const std::string name = std::string(first.name) + "-" + second.name;
        if (!only.empty() && name != only) {
            continue;
        }
        for (const double weight : {1.0, 4.0}) {
            run_pair(first, second, weight, seconds);
        }
    }
    ::unlink(data_file);
    return 0;
}
