// SPDX-License-Identifier: Apache-2.0
// Operations on a simulated disk, one at a time, through a backend: what tests of the disk say.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include <fcntl.h>

#include "drama/sim/seed.hpp"
#include "drama/sim/sim_world.hpp"

namespace drama::testing_support {

class disk_driver : public ::testing::Test {
  protected:
    disk_driver() : disk_driver(seed_or(1)) {}
    explicit disk_driver(std::uint64_t seed) : world_(seed) { start(); }

    /// As a process of the machine does when it begins: after a crash the earlier one is dead.
    void start() {
        std::string why;
        core_.reset();
        system_ = *world_.make_io("auto", why);
        core_ = *system_->make_backend(0);
    }

    struct file_op : operation {
        bool is_done = false;
        file_op(op_code what, int descriptor = -1) {
            code = what;
            fd = descriptor;
            done = [](operation& op) noexcept { static_cast<file_op&>(op).is_done = true; };
        }
    };

    std::int64_t run(file_op& op) {
        if (core_->submit(op) == submission::completed) {
            return op.outcome;
        }
        while (!op.is_done) {
            core_->reap(1s);
        }
        return op.outcome;
    }
    std::int64_t on_path(op_code what, const char* path, int flags = 0) {
        file_op op(what);
        op.path = path;
        op.flags = flags;
        op.mode = 0640;
        return run(op);
    }
    int open(const char* path, int flags = O_RDWR | O_CREAT) {
        return static_cast<int>(on_path(op_code::open, path, flags));
    }
    std::int64_t write(int fd, std::string_view text, std::int64_t at) {
        file_op op(op_code::write_at, fd);
        op.buffer = const_cast<char*>(text.data());
        op.length = text.size();
        op.offset = at;
        return run(op);
    }
    std::string read(int fd, std::int64_t at, std::size_t most = 100) {
        std::string got(most, '\0');
        file_op op(op_code::read_at, fd);
        op.buffer = got.data();
        op.length = most;
        op.offset = at;
        const std::int64_t count = run(op);
        got.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
        return count < 0 ? std::to_string(count) : got;
    }
    std::int64_t rename(const char* from, const char* to, int flags = 0) {
        file_op op(op_code::rename);
        op.path = from;
        op.path_to = to;
        op.flags = flags;
        return run(op);
    }
    std::int64_t sync(int fd) {
        file_op op(op_code::fsync, fd);
        return run(op);
    }
    std::int64_t sync_directory(const char* path) {
        const int fd = open(path, O_RDONLY);
        const std::int64_t outcome = sync(fd);
        system_->close(fd);
        return outcome;
    }
    std::int64_t truncate(int fd, std::int64_t size) {
        file_op op(op_code::truncate, fd);
        op.offset = size;
        return run(op);
    }
    sim_disk& disk() { return world_.disk(); }

    sim_world world_;
    std::unique_ptr<io_system> system_;
    std::unique_ptr<io_backend> core_;
};

}  // namespace drama::testing_support
