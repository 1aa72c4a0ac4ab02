// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/disk/disk_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace drama {
namespace {

constexpr std::size_t piece = 256;

/// Holds what it is given until the test completes it.
class held_device final : public disk_device {
  public:
    submission submit(operation& op, std::uint16_t& core) noexcept override {
        core = 7;
        if (answers_at_once) {
            op.outcome = static_cast<std::int64_t>(op.length);
            return submission::completed;
        }
        in.push_back(&op);
        if (during_submit) {
            std::exchange(during_submit, nullptr)(op);
        }
        if (completes_inside) {
            complete(0, static_cast<std::int64_t>(op.length));
        }
        return submission::pending;
    }
    void cancel(operation& op, std::uint16_t core) noexcept override {
        EXPECT_EQ(core, 7);
        cancelled.push_back(&op);
    }
    void complete(std::size_t index, std::int64_t outcome) {
        operation& op = *in[index];
        in.erase(in.begin() + static_cast<std::ptrdiff_t>(index));
        op.outcome = outcome;
        op.done(op);
    }
    /// The oldest one moves all that it should.
    void complete_first() { complete(0, static_cast<std::int64_t>(in.front()->length)); }

    std::vector<operation*> in;
    std::vector<operation*> cancelled;
    bool answers_at_once = false;
    bool completes_inside = false;
    std::function<void(operation&)> during_submit;  ///< what others do meanwhile, once
};

/// An operation as a task would await it.
struct awaited : operation {
    disk_request request;
    std::vector<awaited*>* ended = nullptr;
    int done_calls = 0;
};

class DiskQueue : public ::testing::TestWithParam<policy> {
  protected:
    DiskQueue() { make({}); }
    ~DiskQueue() override {
        while (!device_.in.empty()) {
            device_.complete_first();
        }
    }
    void make(disk_queue_options options, std::size_t spare = 0, std::size_t of_one = 1) {
        options.order = GetParam();
        options.spare_max = spare;
        options.spare_of_one = of_one;
        options.piece_bytes_max = piece;
        queue_.emplace(device_, drama::clock(&now_ns_), options);
    }
    awaited& submit(tenant_record& payer, op_code code, std::size_t length = 0, int fd = 3) {
        awaited& made = operations_.emplace_back();
        made.code = code;
        made.fd = fd;
        made.length = length;
        made.ended = &ended_;
        made.done = [](operation& op) noexcept {
            auto& me = static_cast<awaited&>(op);
            ++me.done_calls;
            me.ended->push_back(&me);
        };
        queue_->submit(made.request, made, payer);
        return made;
    }
    void pass(duration span) { now_ns_ += span.count(); }
    void complete_first() {
        pass(100us);
        device_.complete_first();
    }
    std::uint64_t unsynced(tenant_record& of) {
        return of.disk()->unsynced.total(instant(duration(now_ns_)));
    }

    std::int64_t now_ns_ = 1'000'000'000;
    held_device device_;
    tenant_record busy_{1, "busy", 1};
    tenant_record small_{2, "small", 1};
    std::deque<awaited> operations_;
    std::vector<awaited*> ended_;
    std::optional<disk_queue> queue_;
};

TEST_P(DiskQueue, KeepsItsDepth) {
    make({.depth_max = 3});
    for (int i = 0; i != 10; ++i) {
        submit(busy_, op_code::fsync);
    }
    EXPECT_EQ(device_.in.size(), 3U);
    EXPECT_EQ(queue_->in_flight(), 3U);
    EXPECT_EQ(queue_->queued(), 7U);

    complete_first();

    EXPECT_EQ(device_.in.size(), 3U);
    EXPECT_EQ(queue_->queued(), 6U);
    EXPECT_EQ(ended_.size(), 1U);
}

TEST_P(DiskQueue, ATenantWithNothingInTheDeviceHasASpareSlotInItsTurn) {
    make({.depth_max = 2}, 1);
    tenant_record third(3, "third", 1);
    for (int i = 0; i != 3; ++i) {
        submit(busy_, op_code::fsync);
    }
    EXPECT_EQ(device_.in.size(), 2U) << "no spare for who has some there";
    submit(small_, op_code::fsync, 0, 4);
    submit(third, op_code::fsync, 0, 5);
    if (GetParam() == policy::fifo) {
        EXPECT_EQ(device_.in.size(), 2U) << "it is not its turn";
    } else {
        ASSERT_EQ(device_.in.size(), 3U) << "and one spare";
        EXPECT_EQ(device_.in.back()->fd, 4);
    }
    while (!device_.in.empty()) {
        complete_first();
    }
    EXPECT_EQ(ended_.size(), 5U);
}

TEST_P(DiskQueue, ATenantTakesNoMoreSpareSlotsThanOneMay) {
    make({.depth_max = 2}, 4, 2);
    for (int i = 0; i != 4; ++i) {
        submit(busy_, op_code::fsync);
    }
    EXPECT_EQ(device_.in.size(), 2U);
    for (int i = 0; i != 4; ++i) {
        submit(small_, op_code::fsync, 0, 4);
    }
    EXPECT_EQ(device_.in.size(), GetParam() == policy::fifo ? 2U : 4U);
}

// The other tenant has had much before, so that all of these have their turn before it.
TEST_P(DiskQueue, ATenantWhoseOperationsAreStuckKeepsNobodyWaiting) {
    make({.depth_max = 4}, 4, 2);
    for (int i = 0; i != 20; ++i) {
        submit(small_, op_code::fsync, 0, 4);
        device_.complete_first();  // in no time
    }
    for (int i = 0; i != 12; ++i) {
        submit(busy_, op_code::fsync);
    }
    awaited& behind = submit(small_, op_code::fsync, 0, 4);
    EXPECT_EQ(device_.in.size(), 4U) << "it is not its turn";

    pass(disk_queue::late_after - 1us);
    queue_->look_for_overdue();
    EXPECT_EQ(device_.in.size(), 4U) << "and they may only be slow";
    pass(1us);
    queue_->look_for_overdue();

    if (GetParam() == policy::fifo) {
        EXPECT_EQ(device_.in.size(), 4U) << "has no turns but one";
        return;
    }
    ASSERT_EQ(device_.in.size(), 5U);
    device_.complete(4, 0);
    EXPECT_EQ(behind.done_calls, 1);
    submit(small_, op_code::fsync, 0, 4);
    EXPECT_EQ(device_.in.size(), 5U) << "nor does who comes later wait";
}

TEST_P(DiskQueue, MovesLargeTransfersInPiecesThatQueueAnew) {
    make({.depth_max = 1});
    awaited& large = submit(busy_, op_code::write_at, 3 * piece + 10);
    awaited& behind = submit(small_, op_code::write_at, 1);
    EXPECT_EQ(device_.in.front()->length, piece);

    complete_first();

    EXPECT_EQ(device_.in.front()->length, 1U) << "others come between pieces";
    complete_first();
    EXPECT_EQ(behind.outcome, 1);
    for (const std::size_t length : {piece, piece, std::size_t{10}}) {
        EXPECT_EQ(device_.in.front()->length, length);
        complete_first();
    }
    EXPECT_EQ(large.outcome, static_cast<std::int64_t>(3 * piece + 10));
    EXPECT_EQ(large.done_calls, 1);
    EXPECT_EQ(large.code, op_code::write_at);
}

TEST_P(DiskQueue, ACancelEndsTheWaitOfWhatIsQueued) {
    make({.depth_max = 1});
    submit(busy_, op_code::fsync);
    awaited& first = submit(busy_, op_code::fsync);
    awaited& second = submit(small_, op_code::fsync);
    awaited& third = submit(busy_, op_code::fsync);

    queue_->cancel(first.request);
    queue_->cancel(second.request);

    EXPECT_EQ(first.outcome, -ECANCELED);
    EXPECT_EQ(second.outcome, -ECANCELED);
    EXPECT_EQ(ended_, (std::vector<awaited*>{&first, &second}));
    EXPECT_TRUE(device_.cancelled.empty());
    complete_first();
    complete_first();
    EXPECT_EQ(third.outcome, 0);
    EXPECT_EQ(third.done_calls, 1);
    EXPECT_EQ(first.done_calls, 1);
}

TEST_P(DiskQueue, ACancelWhileTheDeviceTakesAnOperationIsPassedOn) {
    device_.during_submit = [this](operation& given) {
        queue_->cancel(static_cast<disk_request&>(given));
        EXPECT_TRUE(device_.cancelled.empty()) << "the device does not have it yet";
    };

    awaited& stopped = submit(busy_, op_code::fsync);

    ASSERT_EQ(device_.cancelled.size(), 1U);
    EXPECT_EQ(device_.cancelled.front(), device_.in.front());
    device_.complete(0, -ECANCELED);
    EXPECT_EQ(stopped.outcome, -ECANCELED);
    EXPECT_EQ(stopped.done_calls, 1);
}

TEST_P(DiskQueue, ACancelBetweenPiecesKeepsWhatWasMoved) {
    make({.depth_max = 1});
    awaited& large = submit(busy_, op_code::write_at, 4 * piece);
    submit(small_, op_code::fsync);
    complete_first();

    queue_->cancel(large.request);

    EXPECT_EQ(large.outcome, static_cast<std::int64_t>(piece));
    EXPECT_EQ(large.done_calls, 1);
}

TEST_P(DiskQueue, ACancelOfWhatIsInTheDeviceIsPassedOnAndStartsNoOtherPiece) {
    awaited& large = submit(busy_, op_code::write_at, 4 * piece);

    queue_->cancel(large.request);

    ASSERT_EQ(device_.cancelled.size(), 1U);
    EXPECT_EQ(device_.cancelled.front(), device_.in.front());
    EXPECT_EQ(large.done_calls, 0);
    complete_first();
    EXPECT_EQ(large.outcome, static_cast<std::int64_t>(piece));
    EXPECT_TRUE(device_.in.empty());

    awaited& sync = submit(busy_, op_code::fsync);
    queue_->cancel(sync.request);
    device_.complete(0, -ECANCELED);
    EXPECT_EQ(sync.outcome, -ECANCELED);
}

TEST_P(DiskQueue, TakesAnswersAtOnceAndInsideSubmit) {
    device_.answers_at_once = true;
    EXPECT_EQ(submit(busy_, op_code::write_at, 5 * piece).outcome, 5 * piece);
    device_.answers_at_once = false;
    device_.completes_inside = true;
    awaited& large = submit(busy_, op_code::write_at, 5 * piece);

    EXPECT_EQ(large.outcome, 5 * piece);
    EXPECT_EQ(large.done_calls, 1);
    EXPECT_EQ(queue_->in_flight(), 0U);
}

TEST_P(DiskQueue, ATenantWithTooMuchUnsyncedWritesThrough) {
    make({.unsynced_bytes_max = 2 * piece});
    submit(busy_, op_code::write_at, 2 * piece, 3);
    complete_first();
    complete_first();
    EXPECT_EQ(unsynced(busy_), 2 * piece) << "at the bound, not beyond it";
    awaited& over = submit(busy_, op_code::write_at, piece + 1, 3);

    complete_first();

    ASSERT_EQ(device_.in.size(), 1U);
    EXPECT_EQ(device_.in.front()->code, op_code::fdatasync);
    EXPECT_EQ(device_.in.front()->fd, 3);
    EXPECT_EQ(over.done_calls, 0);
    pass(2ms);
    device_.complete(0, 0);
    EXPECT_EQ(unsynced(busy_), 0U);
    EXPECT_EQ(device_.in.front()->length, 1U) << "then it goes on";
    complete_first();
    EXPECT_EQ(over.outcome, static_cast<std::int64_t>(piece + 1));
    EXPECT_EQ(busy_.held_in(queue_id::disk)
                  .by_cause[static_cast<std::size_t>(hold_cause::unsynced_bytes)],
              2'000'000U);
    awaited& other = submit(small_, op_code::write_at, piece, 4);
    complete_first();
    EXPECT_EQ(other.done_calls, 1) << "another tenant has a bound of its own";
}

TEST_P(DiskQueue, AWriteFailsIfItsWriteThroughFails) {
    make({.unsynced_bytes_max = 1});
    awaited& lost = submit(busy_, op_code::write_at, 2 * piece);
    complete_first();
    device_.complete(0, -EIO);

    EXPECT_EQ(lost.outcome, -EIO) << "nobody else will be told";
    EXPECT_TRUE(device_.in.empty());

    awaited& device_file = submit(busy_, op_code::write_at, piece);
    complete_first();
    device_.complete(0, -EINVAL);
    EXPECT_EQ(device_file.outcome, static_cast<std::int64_t>(piece)) << "nothing to sync there";
}

TEST_P(DiskQueue, AStopSparesTheWriteThrough) {
    make({.depth_max = 1, .unsynced_bytes_max = 1});
    awaited& stopped = submit(busy_, op_code::write_at, 2 * piece);
    submit(small_, op_code::fsync, 0, 4);
    complete_first();
    EXPECT_EQ(stopped.done_calls, 0);

    queue_->cancel(stopped.request);

    EXPECT_EQ(stopped.outcome, static_cast<std::int64_t>(piece));
}

TEST_P(DiskQueue, ASyncThatWasCancelledLeavesItsBytesUnsynced) {
    submit(busy_, op_code::write_at, piece);
    complete_first();
    submit(busy_, op_code::fdatasync);
    EXPECT_EQ(unsynced(busy_), 0U) << "being written back";

    device_.complete(0, -ECANCELED);

    EXPECT_EQ(unsynced(busy_), piece);
    submit(busy_, op_code::truncate);
    device_.complete(0, 0);
    EXPECT_EQ(unsynced(busy_), 0U) << "an empty file has nothing to sync";
}

TEST_P(DiskQueue, WhatIsOverdueNoLongerCounts) {
    make({.depth_max = 2});
    awaited& stuck = submit(busy_, op_code::open);
    submit(busy_, op_code::open);
    awaited& behind = submit(small_, op_code::fsync);
    pass(disk_queue::overdue_after - 1ns);
    queue_->look_for_overdue();
    EXPECT_EQ(device_.in.size(), 2U);
    pass(1ns);

    queue_->look_for_overdue();

    EXPECT_EQ(device_.in.size(), 3U);
    EXPECT_EQ(queue_->in_flight(), 1U);
    device_.complete(2, 0);
    EXPECT_EQ(behind.done_calls, 1);
    device_.complete(0, -EIO);
    EXPECT_EQ(stuck.outcome, -EIO);
    EXPECT_EQ(queue_->in_flight(), 0U);
}

TEST_P(DiskQueue, TellsHowLongTheNextHasWaited) {
    make({.depth_max = 1});
    submit(busy_, op_code::fsync);
    EXPECT_EQ(queue_->oldest_wait(instant(duration(now_ns_))), 0ns);
    submit(small_, op_code::fsync);
    pass(3ms);

    EXPECT_EQ(queue_->oldest_wait(instant(duration(now_ns_))), 3ms);
    complete_first();
    EXPECT_EQ(small_.usage.disk_wait_ns.read(), 3'100'000U);
}

// How many of the busy tenant's operations complete before the small tenant's one that came last.
std::size_t busy_before_small(const std::vector<awaited*>& ended, const awaited& small) {
    return static_cast<std::size_t>(std::ranges::find(ended, &small) - ended.begin());
}

TEST_P(DiskQueue, OneOperationDoesNotWaitForAnotherTenantsQueue) {
    make({.depth_max = 4});
    for (int i = 0; i != 64; ++i) {
        submit(busy_, op_code::fsync);
    }
    for (int i = 0; i != 8; ++i) {
        complete_first();
        submit(busy_, op_code::fsync);
    }
    awaited& one = submit(small_, op_code::fsync);
    while (one.done_calls == 0) {
        complete_first();
    }

    const std::size_t before = busy_before_small(ended_, one) - 8;
    if (GetParam() == policy::fair) {
        EXPECT_LE(before, 5U) << "those that were in the device, and one that had just started";
    } else {
        EXPECT_EQ(before, 64U);
    }
}

TEST_P(DiskQueue, TenantsShareByCostNotByCount) {
    if (GetParam() == policy::fifo) {
        GTEST_SKIP() << "has no shares";
    }
    make({.depth_max = 2});
    double writes = 0;
    double syncs = 0;
    for (int i = 0; i != 4; ++i) {
        submit(busy_, op_code::fsync, 0, 5);
        submit(small_, op_code::write_at, piece, 6);
    }
    // A sync costs as much as six small writes (100 us against 16 us).
    for (int i = 0; i != 2000; ++i) {
        const bool is_sync = device_.in.front()->code == op_code::fsync;
        ++(is_sync ? syncs : writes);
        complete_first();
        is_sync ? submit(busy_, op_code::fsync, 0, 5) : submit(small_, op_code::write_at, piece, 6);
    }
    EXPECT_NEAR(writes / syncs, 6.2, 0.7);
}

INSTANTIATE_TEST_SUITE_P(Orders, DiskQueue, ::testing::Values(policy::fair, policy::fifo),
                         [](const auto& of) {
                             return std::string(of.param == policy::fair ? "fair" : "fifo");
                         });

}  // namespace
}  // namespace drama
