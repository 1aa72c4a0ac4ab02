// SPDX-License-Identifier: Apache-2.0
// A stalled file costs the sockets of its core nothing: round trips of a TCP pair are timed while
// other tasks of the same core wait in the reads and opens of FIFOs that nobody writes to. Prints
// the figures of each backend; fails if one of a hundred round trips takes over a millisecond.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

#include "drama/base/clock.hpp"
#include "drama/fs/file.hpp"
#include "drama/net/pipe.hpp"
#include "drama/runtime/runtime.hpp"
#include "tests/conformance/scenario.hpp"

namespace drama::conformance {
namespace {

constexpr int rounds = 20'000;
constexpr int stalled_of_each = 8;
constexpr double limit_us = 1000;

double now_us() {
    static const clock machine;
    return std::chrono::duration<double, std::micro>(machine.now().time_since_epoch()).count();
}

task<result<void>> echo(tcp_stream* stream) {
    std::array<std::byte, 64> buffer;
    for (;;) {
        DRAMA_CO_TRY(const std::size_t got, co_await stream->read_some(buffer));
        if (got == 0) {
            co_return done();
        }
        auto sent = co_await stream->write_all(std::span(buffer).first(got));
        if (!sent) {
            co_return sent;
        }
    }
}

task<result<void>> time_rounds(tcp_stream* stream, std::vector<double>* times) {
    for (int i = 0; i < rounds; ++i) {
        const double began = now_us();
        auto sent = co_await write_text(stream, "ping");
        if (!sent) {
            co_return sent;
        }
        DRAMA_CO_TRY(const std::string back, co_await read_text(stream, 4));
        times->push_back(now_us() - began);
    }
    stream->close();
    co_return done();
}

task<result<void>> time_round_trips(std::vector<double>* times) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    auto both = co_await when_all(time_rounds(&pair.client, times), echo(&pair.server));
    co_return both ? done() : fail(both.error());
}

// In blocking mode: a plain read of it would hold its thread.
task<void> read_fifo(std::string path, std::atomic<int>* begun) {
    io_fd descriptor(drama::internal::current_io(), ::open(path.c_str(), O_RDWR | O_CLOEXEC));
    pipe_reader reader(std::move(descriptor));
    begun->fetch_add(1);
    auto ignored = co_await read_text(&reader, 1);
    static_cast<void>(ignored);
}

task<void> open_fifo(std::string path, std::atomic<int>* begun) {
    begun->fetch_add(1);
    auto ignored = co_await file::open(path);
    static_cast<void>(ignored);
}

double percentile(std::vector<double> times, double share) {
    std::ranges::sort(times);
    return times[std::min(times.size() - 1,
                          static_cast<std::size_t>(share * static_cast<double>(times.size())))];
}

double report(const char* backend, const char* what, const std::vector<double>& times) {
    const double p99 = percentile(times, 0.99);
    std::printf("%-6s %-8s %zu round trips, p50 %.1f us, p99 %.1f us, p99.9 %.1f us, max %.0f us\n",
                backend, what, times.size(), percentile(times, 0.5), p99, percentile(times, 0.999),
                percentile(times, 1.0));
    return p99;
}

std::vector<double> measure(runtime& rt) {
    std::vector<double> times;
    times.reserve(rounds);
    const auto outcome =
        rt.sync_wait(rt.tenants().get_or_create("sockets"), time_round_trips, &times);
    if (!outcome || times.size() != rounds) {
        std::fprintf(stderr, "%s\n",
                     outcome ? "rounds are missing" : outcome.error().message().c_str());
        std::exit(1);
    }
    return times;
}

// False: too slow.
bool run_on(const char* backend, const std::string& directory) {
    runtime_options options;
    options.workers = 1;
    options.io = backend;
    options.log = [](const std::string&) {};
    runtime rt(options);
    if (auto started = rt.start(); !started) {
        std::printf("%-6s not available here: %s\n", backend, started.error().message().c_str());
        return true;
    }
    report(backend, "alone", measure(rt));
    std::atomic<int> begun{0};
    const tenant stalled = rt.tenants().get_or_create("stalled");
    for (int i = 0; i < stalled_of_each; ++i) {
        for (const auto f : {read_fifo, open_fifo}) {
            const std::string path = directory + "/" + std::to_string(begun.load()) +
                                     (f == open_fifo ? "o" : "r") + std::to_string(i);
            if (::mkfifo(path.c_str(), 0600) != 0 || !rt.try_spawn(stalled, f, path, &begun)) {
                std::perror("fifo");
                return false;
            }
        }
    }
    while (begun.load() < 2 * stalled_of_each) {
        std::this_thread::yield();
    }
    const double p99 = report(backend, "stalled", measure(rt));
    const bool all_wait = stalled.record().tasks() == 2 * stalled_of_each;
    if (!all_wait) {
        std::printf("some of what should be stalled has ended\n");
    }
    // The opens end when somebody opens the other end.
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        ::close(::open(entry.path().c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    }
    return rt.stop() && all_wait && p99 < limit_us;
}

int run() {
    std::string pattern = (std::filesystem::temp_directory_path() / "stalledXXXXXX");
    const std::filesystem::path root = ::mkdtemp(pattern.data());
    bool good = true;
    for (const char* const backend : {"epoll", "uring"}) {
        const std::filesystem::path directory = root / backend;
        std::filesystem::create_directory(directory);
        good = run_on(backend, directory) && good;
    }
    std::filesystem::remove_all(root);
    return good ? 0 : 1;
}

}  // namespace
}  // namespace drama::conformance

int main() {
    return drama::conformance::run();
}
