// SPDX-License-Identifier: Apache-2.0
// Each way in which a simulated disk goes wrong when its world's plan says so.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "tests/support/disk_driver.hpp"

namespace drama {
namespace {

constexpr std::size_t sector = 512;

class SimDiskFaults : public testing_support::disk_driver {
  protected:
    SimDiskFaults() = default;
    explicit SimDiskFaults(std::uint64_t seed) : disk_driver(seed) {}
    void TestBody() override {}

    void break_it(fault_kind kind, fault_when when = always(),
                  std::optional<std::int64_t> value = {}, const char* site = "") {
        world_.faults().add({.kind = kind, .when = when, .site = site, .value = value});
    }
    void heal() { world_.faults().clear(); }
    std::string whole(int fd) { return read(fd, 0, 8 * sector); }
};

std::string filled(const std::string& letters) {
    std::string made;
    for (const char each : letters) {
        made += std::string(sector, each);
    }
    return made;
}

TEST_F(SimDiskFaults, AnErrorComesAtTheSiteThatTheRuleNames) {
    const int fd = open("/tmp/data");
    write(fd, "text", 0);
    break_it(fault_kind::disk_error, always(), {}, "disk.read");
    break_it(fault_kind::disk_error, always(), EROFS, "disk.unlink");
    break_it(fault_kind::disk_error, nth(2), {}, "disk.open");

    EXPECT_EQ(read(fd, 0), std::to_string(-EIO));
    EXPECT_EQ(write(fd, "more", 0), 4);
    EXPECT_EQ(on_path(op_code::unlink, "/tmp/data"), -EROFS);
    EXPECT_GE(open("/tmp/data"), 0);
    EXPECT_EQ(open("/tmp/data"), -EIO);
    EXPECT_EQ(world_.faults().fired(fault_kind::disk_error), 3U);
    EXPECT_EQ(disk().content("/tmp/data"), "more");
}

TEST_F(SimDiskFaults, AFullDiskRefusesWhatNeedsRoomAndNothingElse) {
    const int fd = open("/tmp/data");
    write(fd, "text", 0);
    for (const int error : {ENOSPC, EDQUOT, EROFS}) {
        break_it(fault_kind::disk_full, always(), error);
        EXPECT_EQ(write(fd, "more", 0), -error);
        EXPECT_EQ(open("/tmp/other"), -error);
        EXPECT_EQ(on_path(op_code::make_directory, "/tmp/folder"), -error);
        EXPECT_EQ(rename("/tmp/data", "/tmp/other"), -error);
        EXPECT_EQ(truncate(fd, 100), -error);
        EXPECT_EQ(read(fd, 0), "text");
        EXPECT_GE(open("/tmp/data", O_RDONLY), 0);
        heal();
    }
}

TEST_F(SimDiskFaults, RoomIsWhatTheOptionsSay) {
    disk().options().capacity_bytes = 10;
    const int fd = open("/tmp/data");

    EXPECT_EQ(write(fd, "0123456", 0), 7);
    EXPECT_EQ(write(fd, "abcdef", 7), 3);
    EXPECT_EQ(write(fd, "abcdef", 10), -ENOSPC);
    EXPECT_EQ(write(fd, "again", 0), 5);
    EXPECT_EQ(truncate(fd, 11), -ENOSPC);
    EXPECT_EQ(truncate(fd, 2), 0);
    EXPECT_EQ(write(fd, "more", 2), 4);
}

TEST_F(SimDiskFaults, ATransferMovesAtMostSoMuch) {
    const int fd = open("/tmp/data");
    break_it(fault_kind::disk_short_transfer, always(), 3);

    EXPECT_EQ(write(fd, "abcdef", 0), 3);
    EXPECT_EQ(disk().content("/tmp/data"), "abc");
    heal();
    write(fd, "abcdef", 0);
    break_it(fault_kind::disk_short_transfer);
    EXPECT_EQ(read(fd, 0), "a");
}

TEST_F(SimDiskFaults, AnInterruptedOperationHasDoneNothing) {
    const int fd = open("/tmp/data");
    break_it(fault_kind::disk_interrupted);
    EXPECT_EQ(write(fd, "text", 0), -EINTR);
    EXPECT_EQ(sync(fd), -EINTR);
    heal();
    break_it(fault_kind::disk_interrupted, always(), EAGAIN);
    EXPECT_EQ(write(fd, "text", 0), -EAGAIN);
    heal();
    EXPECT_EQ(disk().content("/tmp/data"), "");
}

TEST_F(SimDiskFaults, ASpikeDelaysOneOperation) {
    disk().options().transfer = latency_law::fixed(1ms);
    const int fd = open("/tmp/data");
    break_it(fault_kind::disk_slow, nth(1), std::chrono::nanoseconds(30s).count(), "disk.write");
    const instant began = world_.now();

    EXPECT_EQ(write(fd, "text", 0), 4);
    EXPECT_EQ(world_.now() - began, 30s + 1ms);
    EXPECT_EQ(write(fd, "text", 0), 4);
    EXPECT_EQ(world_.now() - began, 30s + 2ms);
}

TEST_F(SimDiskFaults, WhatIsStuckStaysUntilTheDeviceComesBack) {
    const int fd = open("/tmp/data");
    break_it(fault_kind::disk_slow, nth(1), stuck, "disk.fsync");
    file_op syncing(op_code::fsync, fd);
    ASSERT_EQ(core_->submit(syncing), submission::pending);

    core_->reap(24h);
    EXPECT_FALSE(syncing.is_done);
    EXPECT_EQ(write(fd, "others go on", 0), 12);
    disk().release_stuck();
    core_->reap(1s);

    EXPECT_TRUE(syncing.is_done);
    EXPECT_EQ(syncing.outcome, 0);
}

TEST_F(SimDiskFaults, WhatIsStuckEndsWithItsBackend) {
    const int fd = open("/tmp/data");
    break_it(fault_kind::disk_slow, always(), stuck, "disk.fsync");
    file_op syncing(op_code::fsync, fd);
    ASSERT_EQ(core_->submit(syncing), submission::pending);

    core_.reset();

    EXPECT_TRUE(syncing.is_done);
    EXPECT_EQ(syncing.outcome, -ECANCELED);
}

TEST_F(SimDiskFaults, ATransferGoesBesideItsPlace) {
    disk().put("/tmp/data", filled("abc"));
    const int fd = open("/tmp/data");
    break_it(fault_kind::misdirected, nth(1), sector, "disk.write");
    EXPECT_EQ(write(fd, filled("x"), 0), static_cast<std::int64_t>(sector));
    EXPECT_EQ(whole(fd), filled("axc"));

    break_it(fault_kind::misdirected, nth(1), 2 * sector, "disk.read");
    EXPECT_EQ(read(fd, 0, sector), filled("c"));
    EXPECT_EQ(read(fd, 0, sector), filled("a"));
}

TEST_F(SimDiskFaults, AFlippedBitIsReadOnceOrWrittenForGood) {
    const int fd = open("/tmp/data");
    write(fd, "aaaa", 0);
    break_it(fault_kind::bit_flip, nth(1), 8, "disk.read");
    EXPECT_EQ(read(fd, 0), "a`aa");
    EXPECT_EQ(read(fd, 0), "aaaa");

    break_it(fault_kind::bit_flip, nth(1), 17, "disk.write");
    write(fd, "aaaa", 0);
    sync(fd);
    EXPECT_EQ(read(fd, 0), "aaca");
    EXPECT_EQ(disk().durable_content("/tmp/data"), "aaca");
}

TEST_F(SimDiskFaults, AStaleReadGivesWhatWasThereBeforeTheLastWrite) {
    const int fd = open("/tmp/data");
    break_it(fault_kind::stale_read, from(2));
    write(fd, "old!", 0);
    EXPECT_EQ(read(fd, 0), "old!");
    EXPECT_EQ(read(fd, 0), std::string(4, '\0'));
    sync(fd);
    write(fd, "new!", 0);
    EXPECT_EQ(read(fd, 0), "old!");
    sync(fd);
    EXPECT_EQ(read(fd, 0), "old!");
    heal();
    EXPECT_EQ(read(fd, 0), "new!");
}

TEST_F(SimDiskFaults, ARuleSaysWhatACrashLeaves) {
    struct rule {
        fault_kind kind;
        std::int64_t value;
        std::vector<std::string> leaves;
    };
    const std::vector<rule> rules{
        {fault_kind::unsynced_lost, 0, {filled("a")}},
        {fault_kind::unsynced_lost, 1, {filled("xy")}},
        {fault_kind::unsynced_lost, 2, {filled("a"), filled("x"), filled("xy")}},
        {fault_kind::torn_write, 512, {filled("a"), filled("x"), filled("xy")}},
        {fault_kind::length_without_data, 0, {filled("a") + std::string(sector, '\0')}}};
    for (const rule& each : rules) {
        for (int i = 0; i != 20; ++i) {
            start();
            disk().put("/tmp/data", filled("a"));
            const int fd = open("/tmp/data");
            write(fd, filled("xy"), 0);
            break_it(each.kind, always(), each.value, "disk.crash");
            disk().crash();
            heal();
            const std::string left = *disk().content("/tmp/data");
            const bool is_torn_longer = left.size() == 2 * sector && each.leaves.size() > 1;
            EXPECT_TRUE(is_torn_longer || std::ranges::find(each.leaves, left) != each.leaves.end())
                << name_of(each.kind) << ' ' << each.value << ": " << left[0] << left.size();
        }
        EXPECT_GE(world_.faults().fired(each.kind), 20U);
    }
}

TEST_F(SimDiskFaults, ARuleLosesNamesWhoseDirectoryWasNotSynced) {
    disk().options().keeps = crash_law::everything;
    open("/tmp/synced");
    sync_directory("/tmp");
    open("/tmp/lost");
    break_it(fault_kind::entry_lost);

    disk().crash();

    EXPECT_EQ(disk().names("/tmp"), std::vector<std::string>{"synced"});
}

TEST_F(SimDiskFaults, AFailedSyncIsForgottenAndItsPagesAreGone) {
    const int fd = open("/tmp/data");
    sync_directory("/tmp");
    write(fd, "text", 0);
    break_it(fault_kind::sync_error_forgotten, nth(1));

    EXPECT_EQ(sync(fd), -EIO);
    EXPECT_EQ(sync(fd), 0);

    EXPECT_EQ(read(fd, 0), "text");
    disk().crash();
    EXPECT_NE(disk().content("/tmp/data"), "text");
}

TEST_F(SimDiskFaults, AFailedSyncIsToldToTheDescriptorsOpenAtTheTime) {
    const int fd = open("/tmp/data");
    const int second = open("/tmp/data");
    sync_directory("/tmp");
    write(fd, "text", 0);
    break_it(fault_kind::sync_error_per_fd, nth(1));

    EXPECT_EQ(sync(fd), -EIO);
    const int later = open("/tmp/data");
    EXPECT_EQ(sync(later), 0);
    EXPECT_EQ(sync(second), -EIO);
    EXPECT_EQ(sync(second), 0);
    EXPECT_EQ(sync(fd), 0);

    disk().crash();
    EXPECT_NE(disk().content("/tmp/data"), "text");
}

TEST_F(SimDiskFaults, AWriteBackThatACloseBeganFailsUnheard) {
    for (const fault_kind each : {fault_kind::sync_error_per_fd, fault_kind::disk_error}) {
        start();
        const int fd = open("/tmp/data");
        sync_directory("/tmp");
        write(fd, "text", 0);
        break_it(each, always(), {}, "disk.close");

        system_->close(fd);

        const int later = open("/tmp/data");
        EXPECT_EQ(sync(later), 0);
        heal();
        disk().crash();
        EXPECT_NE(disk().content("/tmp/data"), "text") << name_of(each);
        EXPECT_EQ(world_.faults().fired(each), 1U);
    }
}

TEST_F(SimDiskFaults, ASyncThatFailsForEverFailsOnEveryDescriptor) {
    const int fd = open("/tmp/data");
    write(fd, "text", 0);
    break_it(fault_kind::sync_error_for_ever, nth(1));

    EXPECT_EQ(sync(fd), -EIO);
    EXPECT_EQ(sync(fd), -EIO);
    EXPECT_EQ(sync(open("/tmp/data")), -EIO);
    EXPECT_EQ(sync(open("/tmp/other")), 0);
    EXPECT_EQ(disk().durable_content("/tmp/data"), "");
}

TEST_F(SimDiskFaults, AFailedSyncOfADirectoryLeavesItsNamesToTheNextOne) {
    open("/tmp/data");
    break_it(fault_kind::sync_error_forgotten, nth(1));
    EXPECT_EQ(sync_directory("/tmp"), -EIO);
    EXPECT_EQ(sync_directory("/tmp"), 0);

    disk().crash();

    EXPECT_EQ(disk().content("/tmp/data"), "");
}

/// Writes `young` over what is durable, and says that it is durable when a sync has succeeded.
class writer : public SimDiskFaults {
  public:
    writer(std::uint64_t seed, bool writes_again) : SimDiskFaults(seed) {
        const std::string old = filled("aaaa");
        disk().put("/tmp/data", old);
        const int fd = open("/tmp/data");
        break_it(fault_kind::sync_error_forgotten, nth(1));
        write(fd, young_, 0);
        while (sync(fd) != 0) {
            if (writes_again) {
                write(fd, young_, 0);
            }
        }
        disk().crash();
    }
    bool is_caught() { return *disk().content("/tmp/data") != young_; }

  private:
    std::string young_ = filled("bbbb");
};

TEST(SimDiskSyncs, ACallerThatRetriesASyncIsCaughtByTheNextCrash) {
    for (std::uint64_t seed = 1; seed != 100; ++seed) {
        EXPECT_TRUE(writer(seed, false).is_caught()) << replay_line(seed);
        EXPECT_FALSE(writer(seed, true).is_caught()) << replay_line(seed);
    }
}

}  // namespace
}  // namespace drama
