// SPDX-License-Identifier: Apache-2.0
// What the tests of the backends share: operations that count their completions, an offloader with
// a thread, sockets and bounded waits. Tests only.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include "drama/io/io_backend.hpp"
#include "drama/io/io_factory.hpp"

namespace drama::inline v0::internal {

/// An operation that counts how often it completed. Lifetime: until it has completed.
struct counted_op : operation {
    std::atomic<int> completions{0};
    std::function<void()> then;

    counted_op() {
        done = [](operation& op) noexcept {
            auto& self = static_cast<counted_op&>(op);
            auto next_step = std::move(self.then);
            self.completions.fetch_add(1, std::memory_order_release);
            if (next_step) {
                next_step();
            }
        };
    }
    bool is_done() const { return completions.load(std::memory_order_acquire) != 0; }

    counted_op& on(op_code what, int descriptor) {
        code = what;
        fd = descriptor;
        return *this;
    }
    counted_op& with(void* bytes, std::size_t size, std::int64_t at = 0) {
        buffer = bytes;
        length = size;
        offset = at;
        return *this;
    }
    counted_op& at_path(const char* where) {
        path = where;
        return *this;
    }
    counted_op& with_flags(int value) {
        flags = value;
        return *this;
    }
};

/// Runs what is offloaded on one thread, in order; can be held back to keep work in its queue.
class thread_offloader final : public io_offloader {
  public:
    thread_offloader() : thread_([this] { body(); }) {}
    ~thread_offloader() override {
        {
            const std::lock_guard guard(lock_);
            stops_ = true;
            held_ = false;
        }
        changed_.notify_all();
        thread_.join();
    }

    bool offload(operation& op, void (*run)(operation&) noexcept) noexcept override {
        const std::lock_guard guard(lock_);
        if (refuses_) {
            return false;
        }
        ++accepted_;
        queue_.emplace_back(&op, run);
        changed_.notify_all();
        return true;
    }
    void hold(bool value) {
        const std::lock_guard guard(lock_);
        held_ = value;
        changed_.notify_all();
    }
    void refuse(bool value) {
        const std::lock_guard guard(lock_);
        refuses_ = value;
    }
    int accepted() {
        const std::lock_guard guard(lock_);
        return accepted_;
    }

  private:
    void body() {
        std::unique_lock guard(lock_);
        for (;;) {
            changed_.wait(guard, [this] { return (!queue_.empty() && !held_) || stops_; });
            if (queue_.empty()) {
                return;
            }
            const auto [op, run] = queue_.front();
            queue_.pop_front();
            guard.unlock();
            run(*op);
            guard.lock();
        }
    }

    std::mutex lock_;
    std::condition_variable changed_;
    std::deque<std::pair<operation*, void (*)(operation&) noexcept>> queue_;
    bool held_ = false;
    bool stops_ = false;
    bool refuses_ = false;
    int accepted_ = 0;
    std::thread thread_;  // last: it uses the others
};

/// A system with two cores and an offloader, in the backend that the test's parameter names.
class IoBackend : public ::testing::TestWithParam<io_choice> {
  protected:
    static constexpr int rounds_max = 1'000;

    void SetUp() override {
        auto made = make_io_system(GetParam());
        if (!made) {
            GTEST_SKIP() << "not available here: " << made.error().message();
        }
        system_ = std::move(*made);
        system_->set_offloader(&offloader_);
        for (std::size_t core = 0; core < cores_.size(); ++core) {
            auto backend = system_->make_backend(core);
            ASSERT_TRUE(backend) << backend.error().message();
            cores_[core] = std::move(*backend);
        }
    }
    void TearDown() override {
        for (const int fd : fds_) {
            system_->close(fd);
        }
        for (auto& core : cores_) {
            core.reset();
        }
    }

    io_backend& core(std::size_t index = 0) { return *cores_[index]; }

    /// Closes `fd` at the end of the test.
    int owned(int fd) {
        EXPECT_GE(fd, 0) << errno;
        fds_.push_back(fd);
        return fd;
    }
    void close(int fd) {
        std::erase(fds_, fd);
        system_->close(fd);
    }
    std::pair<int, int> socket_pair(int type = SOCK_STREAM) {
        std::array<int, 2> pair{-1, -1};
        EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair.data()), 0);
        return {owned(pair[0]), owned(pair[1])};
    }
    /// A listener on a free loopback port.
    std::pair<int, socket_address> listener() {
        auto fd = system_->open_socket(AF_INET, SOCK_STREAM, 0);
        EXPECT_TRUE(fd);
        EXPECT_TRUE(system_->bind(owned(*fd), *socket_address::from_ip("127.0.0.1", 0)));
        EXPECT_TRUE(system_->listen(*fd, 1024));
        return {*fd, *system_->local_address(*fd)};
    }

    /// Reaps until `op` is done; fails the test if that takes unreasonably long.
    void finish(counted_op& op, std::size_t index = 0) {
        for (int round = 0; round < rounds_max && !op.is_done(); ++round) {
            core(index).flush();
            core(index).reap(std::chrono::milliseconds(10));
        }
        ASSERT_EQ(op.completions.load(), 1) << name_of(op.code);
    }
    /// Submits and waits. Yields the outcome.
    std::int64_t run(counted_op& op, std::size_t index = 0) {
        if (core(index).submit(op) == submission::pending) {
            finish(op, index);
        } else {
            EXPECT_EQ(op.completions.load(), 0) << "done was called for a completed submit";
        }
        return op.outcome;
    }
    bool is_pending(counted_op& op, std::size_t index = 0) {
        return core(index).submit(op) == submission::pending && !op.is_done();
    }

    thread_offloader offloader_;
    std::unique_ptr<io_system> system_;
    std::array<std::unique_ptr<io_backend>, 2> cores_;
    std::vector<int> fds_;
};

inline std::string choice_name(const ::testing::TestParamInfo<io_choice>& info) {
    return info.param == io_choice::epoll ? "epoll" : "uring";
}

}  // namespace drama::inline v0::internal
