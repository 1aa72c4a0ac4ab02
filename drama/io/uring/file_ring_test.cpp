// SPDX-License-Identifier: Apache-2.0
#include "drama/io/uring/file_ring.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace drama::inline v0::internal {

/// Reaches the ring itself, to ask it for what drama never asks.
struct file_ring_inspector {
    static io_uring* raw(file_ring& ring) { return &ring.ring_; }
};

namespace {

class FileRing : public ::testing::Test {
  protected:
    void SetUp() override {
        auto made = file_ring::open();
        if (!made) {
            GTEST_SKIP() << "io_uring: " << made.error().message();
        }
        ring_ = std::move(*made);
    }
    std::int64_t outcome() {
        ring_completion completion;
        EXPECT_TRUE(ring_->submit());
        while (!ring_->next(completion)) {
            ring_->wait();
        }
        return completion.outcome;
    }
    std::unique_ptr<file_ring> ring_;
};

TEST_F(FileRing, RefusesOperationsOutsideItsList) {
    io_uring* raw = file_ring_inspector::raw(*ring_);
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);

    io_uring_prep_close(io_uring_get_sqe(raw), ends[0]);
    EXPECT_EQ(outcome(), -EACCES);
    io_uring_prep_connect(io_uring_get_sqe(raw), ends[0], nullptr, 0);
    EXPECT_EQ(outcome(), -EACCES);
    io_uring_sqe* linked = io_uring_get_sqe(raw);
    io_uring_prep_fsync(linked, ends[0], 0);
    linked->flags |= IOSQE_IO_LINK;
    EXPECT_EQ(outcome(), -EACCES);

    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_F(FileRing, RefusesRegistrationsOnceItIsOpen) {
    int event = -1;
    EXPECT_EQ(
        io_uring_register(static_cast<unsigned>(ring_->fd()), IORING_REGISTER_EVENTFD, &event, 1),
        -EACCES);
}

TEST_F(FileRing, IsClosedOnExec) {
    EXPECT_NE(::fcntl(ring_->fd(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(FileRing, HoldsTwiceItsOperationsWithoutOverflow) {
    constexpr unsigned count = 2 * file_ring::operations_max;
    std::vector<operation> ops(count);
    for (auto& op : ops) {
        op.code = op_code::fsync;  // of no descriptor
        ASSERT_TRUE(ring_->prepare(op));
    }
    ASSERT_TRUE(ring_->submit());
    unsigned found = 0;
    for (ring_completion completion; found < count;) {
        if (!ring_->next(completion)) {
            ring_->wait();
            continue;
        }
        ASSERT_EQ(completion.outcome, -EBADF);
        ++found;
    }
    EXPECT_EQ(*file_ring_inspector::raw(*ring_)->cq.koverflow, 0u);
}

}  // namespace
}  // namespace drama::inline v0::internal
