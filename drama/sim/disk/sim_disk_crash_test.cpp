// SPDX-License-Identifier: Apache-2.0
// What is found on the disk after the power has failed, and who is dead by then.
#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

#include "tests/support/disk_driver.hpp"

namespace drama {
namespace {

using SimDiskCrash = testing_support::disk_driver;

TEST_F(SimDiskCrash, KeepsWhatWasSyncedWithItsName) {
    disk().options().keeps = crash_law::nothing;
    const int fd = open("/tmp/data");
    write(fd, "synced", 0);
    EXPECT_EQ(sync(fd), 0);
    EXPECT_EQ(sync_directory("/tmp"), 0);
    write(fd, "lost!!", 0);

    disk().crash();

    EXPECT_EQ(disk().content("/tmp/data"), "synced");
    EXPECT_EQ(disk().crashes(), 1U);
}

TEST_F(SimDiskCrash, LosesANameWhoseDirectoryWasNotSynced) {
    disk().options().keeps = crash_law::nothing;
    const int fd = open("/tmp/data");
    write(fd, "synced", 0);
    EXPECT_EQ(sync(fd), 0);

    disk().crash();

    EXPECT_EQ(disk().content("/tmp/data"), std::nullopt);
}

TEST_F(SimDiskCrash, LosesARenameWhoseDirectoryWasNotSynced) {
    disk().put("/tmp/old", "old");
    disk().options().keeps = crash_law::nothing;
    const int fd = open("/tmp/new");
    write(fd, "new", 0);
    EXPECT_EQ(sync(fd), 0);
    EXPECT_EQ(rename("/tmp/new", "/tmp/old"), 0);
    EXPECT_EQ(disk().content("/tmp/old"), "new");

    disk().crash();

    EXPECT_EQ(disk().content("/tmp/old"), "old");
}

TEST_F(SimDiskCrash, LeavesAnEmptyFileWhereOnlyTheNameWasSynced) {
    disk().options().keeps = crash_law::nothing;
    const int fd = open("/tmp/data");
    write(fd, "not synced", 0);
    EXPECT_EQ(sync_directory("/tmp"), 0);

    disk().crash();

    EXPECT_EQ(disk().content("/tmp/data"), "");
}

TEST_F(SimDiskCrash, LosesADirectoryWithAllBelowIt) {
    disk().options().keeps = crash_law::nothing;
    EXPECT_EQ(on_path(op_code::make_directory, "/data"), 0);
    const int fd = open("/data/a");
    EXPECT_EQ(sync(fd), 0);
    EXPECT_EQ(sync_directory("/data"), 0);

    disk().crash();

    EXPECT_EQ(disk().names("/"), std::vector<std::string>{"tmp"});
}

TEST_F(SimDiskCrash, KillsDescriptorsAndBackendsOfTheMachine) {
    disk().put("/tmp/data", "kept");
    const int fd = open("/tmp/data");

    disk().crash();

    EXPECT_EQ(write(fd, "x", 0), -EIO);
    EXPECT_EQ(open("/tmp/data"), -EIO);
    EXPECT_EQ(on_path(op_code::unlink, "/tmp/data"), -EIO);
    auto later = system_->make_backend(1);
    ASSERT_TRUE(later);
    file_op opening(op_code::open);
    opening.path = "/tmp/data";
    EXPECT_EQ((*later)->submit(opening), submission::completed);
    EXPECT_EQ(opening.outcome, -EIO);
    start();
    EXPECT_EQ(read(fd, 0), std::to_string(-EIO)) << "a number of an earlier life";
    EXPECT_EQ(read(open("/tmp/data", O_RDONLY), 0), "kept");
}

TEST_F(SimDiskCrash, EndsWhatIsInFlight) {
    const int fd = open("/tmp/data");
    char text[] = "text";
    file_op writing(op_code::write_at, fd);
    writing.buffer = text;
    writing.length = 4;
    ASSERT_EQ(core_->submit(writing), submission::pending);

    disk().crash();

    EXPECT_FALSE(writing.is_done);
    core_->reap(duration::zero());
    EXPECT_TRUE(writing.is_done);
    EXPECT_EQ(writing.outcome, -EIO);
    EXPECT_EQ(core_->in_flight(), 0U);
}

TEST_F(SimDiskCrash, AnEndOfTheProcessLosesNothingThatWasWritten) {
    disk().options().keeps = crash_law::nothing;
    const int fd = open("/tmp/data");
    write(fd, "written", 0);

    disk().end_process();

    EXPECT_EQ(read(fd, 0), std::to_string(-EIO));
    EXPECT_EQ(disk().content("/tmp/data"), "written");
    EXPECT_EQ(disk().crashes(), 0U);
    EXPECT_EQ(disk().durable_content("/tmp/data"), "");
}

TEST_F(SimDiskCrash, ComesInPlaceOfTheOperationThatWasNamed) {
    int calls = 0;
    disk().on_crash([&] { ++calls; });
    const int fd = open("/tmp/data");
    disk().crash_at(2);

    EXPECT_EQ(write(fd, "one", 0), 3);
    EXPECT_EQ(calls, 0);
    EXPECT_EQ(write(fd, "two", 0), -EIO);

    EXPECT_EQ(calls, 1);
    EXPECT_EQ(disk().crashes(), 1U);
    start();
    EXPECT_GE(open("/tmp/other"), 0);
}

TEST_F(SimDiskCrash, DisksOfOtherMachinesGoOn) {
    sim_disk& other = world_.disk("bank");
    other.put("/data/a", "of the bank");

    disk().crash();

    EXPECT_EQ(other.content("/data/a"), "of the bank");
    EXPECT_EQ(disk().content("/data/a"), std::nullopt);
    EXPECT_EQ(&world_.disk("bank"), &other);
    EXPECT_EQ(other.crashes(), 0U);
}

/// What a run of one seed leaves.
std::string left_by(std::uint64_t seed) {
    struct seeded : testing_support::disk_driver {
        explicit seeded(std::uint64_t with) : disk_driver(with) {}
        void TestBody() override {}
        std::string crash() {
            const int fd = open("/tmp/data");
            const std::string old(2048, 'a');
            const std::string young(2048, 'b');
            write(fd, old, 0);
            sync(fd);
            sync_directory("/tmp");
            write(fd, young, 0);
            disk().crash();
            return *disk().content("/tmp/data") + std::to_string(world_.event_hash());
        }
    };
    return seeded(seed).crash();
}

TEST(SimDiskSeeds, TheSameSeedLeavesTheSameAndOthersOther) {
    std::set<std::string> found;
    for (std::uint64_t seed = 1; seed != 40; ++seed) {
        found.insert(left_by(seed).substr(0, 2048));
        ASSERT_EQ(left_by(seed), left_by(seed)) << seed;
    }
    EXPECT_GT(found.size(), 5U);
}

}  // namespace
}  // namespace drama
