// SPDX-License-Identifier: Apache-2.0
// Names are looked up on threads of their own, whatever else waits.
#include "drama/net/resolve.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

#include "drama/base/unique_fd.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/io_await.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama {
namespace {

int wait_for_release(const std::atomic<bool>* release) {
    while (!release->load()) {
        std::this_thread::yield();
    }
    return 0;
}

task<void> hold_a_blocking_thread(std::atomic<int>* begun, const std::atomic<bool>* release) {
    begun->fetch_add(1);
    co_await blocking(wait_for_release, release);
}

// Nobody writes to it, so the open waits in the kernel.
task<void> open_fifo(std::string path, std::atomic<int>* begun) {
    io_wait open(op_code::open, work_class::read, std::source_location::current());
    open.op().path = path.c_str();
    open.op().flags = O_RDONLY;
    begun->fetch_add(1);
    auto opened = co_await open;
    if (opened) {
        ::close(static_cast<int>(*opened));
    }
}

task<result<std::size_t>> look_up() {
    auto found = co_await resolve("localhost", "80");
    if (!found) {
        co_return fail(found.error());
    }
    co_return found->size();
}

class Resolve : public ::testing::TestWithParam<const char*> {};

TEST_P(Resolve, FindsThreadsThoughBlockingCallsAndStalledFilesHoldAllOthers) {
    constexpr int stalled_files = 40;
    constexpr int blocking_calls = 4;
    runtime_options options;
    options.workers = 1;  // so what is spawned first is submitted first
    options.io = GetParam();
    options.blocking_threads_max = 2;
    options.log = [](const std::string&) {};
    runtime rt(options);
    if (auto started = rt.start(); !started) {
        GTEST_SKIP() << "not available here: " << started.error().message();
    }
    std::string directory = (std::filesystem::temp_directory_path() / "resolveXXXXXX");
    ASSERT_NE(::mkdtemp(directory.data()), nullptr);
    const std::string fifo = directory + "/fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    const tenant greedy = rt.tenants().get_or_create("greedy");
    std::atomic<int> begun{0};
    std::atomic<bool> release{false};
    for (int i = 0; i < stalled_files; ++i) {
        ASSERT_TRUE(rt.try_spawn(greedy, open_fifo, fifo, &begun));
    }
    for (int i = 0; i < blocking_calls; ++i) {
        ASSERT_TRUE(rt.try_spawn(greedy, hold_a_blocking_thread, &begun, &release));
    }
    while (begun.load() < stalled_files + blocking_calls) {
        std::this_thread::yield();
    }

    // Without threads of its own this would wait for ever.
    const auto found = rt.sync_wait(rt.tenants().get_or_create("asker"), look_up);

    EXPECT_GE(found.value_or(0), 1U);
    release = true;
    {
        const unique_fd writer(::open(fifo.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
        EXPECT_TRUE(rt.stop());
    }
    std::filesystem::remove_all(directory);
}

INSTANTIATE_TEST_SUITE_P(All, Resolve, ::testing::Values("epoll", "uring"));

}  // namespace
}  // namespace drama
