// SPDX-License-Identifier: Apache-2.0
// How late a file operation is seen that was in flight when the thread that submitted it lost its
// core and went on burning a CPU. See docs/decisions/0003-sockets-on-epoll.md.
//
// Each round: one task begins a write that ends when it is on the device, another then burns for
// 40 ms without a pause, on the same core; as many other threads as there are CPUs burn beside.
// Measured is how long after the beginning of the burning the writer goes on. With epoll the write
// needs no submitter, so that its figures are those of the hand-over alone.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "drama/base/clock.hpp"
#include "drama/base/prng.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/fs/aligned_buffer.hpp"
#include "drama/fs/file.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/runtime/spawn.hpp"

namespace {

using namespace drama;
using namespace std::chrono_literals;

constexpr std::int64_t file_blocks = 16'384;
constexpr std::size_t block = 4096;
constexpr duration burning = 40ms;

task<result<void>> write_one(file* to, std::int64_t at, std::span<const std::byte> from,
                             instant* done) {
    auto written = co_await to->write_at(at, from);
    *done = drama::clock().now();
    if (!written) {
        co_return fail(written.error());
    }
    co_return result<void>();
}

/// Yields how long after the beginning of the burning a write went on that was in flight then; none
/// if it was done before.
task<result<std::optional<duration>>> one_round(std::string path, std::int64_t at) {
    open_options options;
    options.access = file_access::read_write;
    options.direct = true;
    options.sync = true;
    DRAMA_CO_TRY(auto opened, co_await file::open(std::move(path), options));
    aligned_buffer room(block);
    instant done = long_ago;
    auto rt = this_runtime();
    auto writing = rt.try_spawn(rt.tenant("writer"), write_one, &opened, at, room.span(), &done);
    if (!writing) {
        co_return fail(writing.error().code());
    }
    auto slept = co_await yield_now();
    static_cast<void>(slept);
    const instant began = drama::clock().now();
    while (drama::clock().now() - began < burning) {
    }
    auto written = co_await writing->join();
    if (!written) {
        co_return fail(written.error());
    }
    const instant end = done;
    co_return end > began ? std::optional(end - began) : std::nullopt;
}

void make_file(const char* path) {
    const int fd = ::open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    const std::vector<char> mebibyte(1 << 20, 'x');
    for (int i = 0; i < file_blocks / 256; ++i) {
        if (::write(fd, mebibyte.data(), mebibyte.size()) !=
            static_cast<ssize_t>(mebibyte.size())) {
            std::perror(path);
            std::exit(1);
        }
    }
    ::fsync(fd);
    ::close(fd);
}

}  // namespace

int main(int argc, char** argv) {
    const char* const path = argc > 1 ? argv[1] : "file_latency.data";
    const int rounds = argc > 2 ? std::atoi(argv[2]) : 200;
    make_file(path);
    std::atomic<bool> is_over{false};
    std::vector<std::thread> others;
    for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i) {
        others.emplace_back([&] {
            while (!is_over.load(std::memory_order_relaxed)) {
            }
        });
    }
    prng random(1);
    std::vector<double> late;
    std::uint64_t hand_overs = 0;
    for (int i = 0; i < rounds; ++i) {
        runtime_options options;
        options.workers = 1;
        options.log = [](const std::string&) {};
        runtime rt(options);
        const auto at = static_cast<std::int64_t>(random.below(file_blocks)) * 4096;
        auto measured = rt.run(one_round(path, at));
        if (!measured) {
            std::fprintf(stderr, "file_latency: %s\n", measured.error().message().c_str());
            break;
        }
        hand_overs += rt.stats().hand_overs;
        if (*measured) {
            late.push_back(std::chrono::duration<double, std::milli>(**measured).count());
        }
    }
    is_over = true;
    for (std::thread& each : others) {
        each.join();
    }
    ::unlink(path);
    std::ranges::sort(late);
    const auto at = [&](double part) {
        return late.empty()
                   ? 0.0
                   : late[static_cast<std::size_t>(part * static_cast<double>(late.size() - 1))];
    };
    std::printf(
        "%d rounds, %zu in flight, %llu hand-overs; ms: p50 %.2f p90 %.2f p99 %.2f max %.2f\n",
        rounds, late.size(), static_cast<unsigned long long>(hand_overs), at(.5), at(.9), at(.99),
        at(1));
    return late.empty() ? 1 : 0;
}
