// SPDX-License-Identifier: Apache-2.0
// What the tests of the simulated network share: operations that count their completions, and a
// world with two cores whose reaps run it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <sys/socket.h>

#include "drama/sim/seed.hpp"
#include "drama/sim/sim_world.hpp"

namespace drama {

struct counted_op : operation {
    int completions = 0;

    counted_op() {
        done = [](operation& op) noexcept { ++static_cast<counted_op&>(op).completions; };
    }
    counted_op& on(op_code what, int descriptor) {
        code = what;
        fd = descriptor;
        return *this;
    }
    counted_op& with(void* bytes, std::size_t size) {
        buffer = bytes;
        length = size;
        return *this;
    }
    counted_op& to(socket_address& where) {
        address = where.data();
        length = where.size();
        return *this;
    }
    counted_op& with_flags(int value) {
        flags = value;
        return *this;
    }
};

// Two cores; the test is the owner, whose reaps run the world.
class SimNetwork : public ::testing::Test {
  protected:
    explicit SimNetwork(std::uint64_t seed = seed_or(1)) : world_(seed) {
        std::string why;
        system_ = *world_.make_io("auto", why);
        for (auto& core : cores_) {
            core = *system_->make_backend(0);
        }
        world_.network().options().latency = fixed(100us);
    }

    io_backend& core(std::size_t index = 0) { return *cores_[index]; }
    network_options& options() { return world_.network().options(); }

    int socket(int type = SOCK_STREAM, int family = AF_INET) {
        return *system_->open_socket(family, type, 0);
    }
    std::pair<int, socket_address> listener(int backlog = 16, const char* ip = "127.0.0.1") {
        const int fd = socket();
        EXPECT_TRUE(system_->bind(fd, *socket_address::from_ip(ip, 0)));
        EXPECT_TRUE(system_->listen(fd, backlog));
        return {fd, *system_->local_address(fd)};
    }
    /// Client and server.
    std::pair<int, int> pair(const char* server_ip = "127.0.0.1") {
        auto [listening, where] = listener(16, server_ip);
        counted_op accepting;
        counted_op connecting;
        const int client = socket();
        EXPECT_EQ(core().submit(accepting.on(op_code::accept, listening)), submission::pending);
        EXPECT_EQ(run(connecting.on(op_code::connect, client).to(where)), 0);
        finish(accepting);
        system_->close(listening);
        return {client, static_cast<int>(accepting.outcome)};
    }

    void finish(counted_op& op, std::size_t index = 0) {
        for (int round = 0; round < 1'000 && op.completions == 0; ++round) {
            core(index).reap(1s);
        }
        ASSERT_EQ(op.completions, 1) << name_of(op.code);
    }
    std::int64_t run(counted_op& op, std::size_t index = 0) {
        if (core(index).submit(op) == submission::pending) {
            finish(op, index);
        } else {
            EXPECT_EQ(op.completions, 0);
        }
        return op.outcome;
    }
    bool is_pending(counted_op& op, std::size_t index = 0) {
        return core(index).submit(op) == submission::pending && op.completions == 0;
    }
    std::int64_t send(int fd, std::string_view text) {
        counted_op sending;
        return run(sending.on(op_code::send, fd).with(const_cast<char*>(text.data()), text.size()));
    }
    std::int64_t recv(int fd) {
        counted_op receiving;
        return run(receiving.on(op_code::recv, fd).with(bytes_.data(), bytes_.size()));
    }
    std::string_view received(std::int64_t count) const {
        return {bytes_.data(), static_cast<std::size_t>(std::max<std::int64_t>(count, 0))};
    }

    sim_world world_;
    std::unique_ptr<io_system> system_;
    std::array<std::unique_ptr<io_backend>, 2> cores_;
    std::array<char, 256 * 1024> bytes_{};
};

}  // namespace drama
