// SPDX-License-Identifier: Apache-2.0
// The disk of a simulated world, through the backend.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "drama/io/file_results.hpp"
#include "tests/support/disk_driver.hpp"

namespace drama {
namespace {

using SimDisk = testing_support::disk_driver;

TEST_F(SimDisk, KeepWhatWasWritten) {
    const int fd = open("/tmp/data");

    EXPECT_EQ(write(fd, "hello world", 0), 11);
    EXPECT_EQ(write(fd, "WORLD", 6), 5);

    EXPECT_EQ(read(fd, 0), "hello WORLD");
    EXPECT_EQ(read(fd, 6, 3), "WOR");
    EXPECT_EQ(read(fd, 50), "");
    system_->close(fd);
    EXPECT_EQ(read(open("tmp//data", O_RDONLY), 0), "hello WORLD");
}

TEST_F(SimDisk, TakeTime) {
    world_.disk().options().transfer = latency_law::fixed(3ms);
    world_.disk().options().sync = latency_law::fixed(20ms);
    const instant began = world_.now();
    const int fd = open("/tmp/data");

    EXPECT_EQ(sync(fd), 0);

    EXPECT_EQ(world_.now() - began, 23ms);
}

TEST_F(SimDisk, RefuseWhatAFileSystemRefuses) {
    EXPECT_EQ(open("/none", O_RDONLY), -ENOENT);
    EXPECT_EQ(open("/none/data"), -ENOENT);
    const int fd = open("/tmp/data");
    EXPECT_EQ(open("/tmp/data", O_RDWR | O_CREAT | O_EXCL), -EEXIST);
    EXPECT_EQ(open("/tmp/data/below"), -ENOTDIR);
    EXPECT_EQ(open("/tmp", O_RDWR), -EISDIR);
    EXPECT_EQ(write(open("/tmp/data", O_RDONLY), "x", 0), -EBADF);
    EXPECT_EQ(read(open("/tmp/data", O_WRONLY), 0), std::to_string(-EBADF));
    EXPECT_EQ(write(fd, "x", -1), -EINVAL);
    EXPECT_EQ(write(fd + 1000, "x", 0), -EBADF);
    EXPECT_EQ(on_path(op_code::unlink, "/tmp", AT_REMOVEDIR), -ENOTEMPTY);
}

TEST_F(SimDisk, MoveUnderANewName) {
    write(open("/tmp/new"), "new", 0);
    write(open("/tmp/old"), "old", 0);

    EXPECT_EQ(rename("/tmp/new", "/tmp/old", RENAME_NOREPLACE), -EEXIST);
    EXPECT_EQ(rename("/tmp/new", "/tmp/old"), 0);

    EXPECT_EQ(read(open("/tmp/old", O_RDONLY), 0), "new");
    EXPECT_EQ(open("/tmp/new", O_RDONLY), -ENOENT);
}

TEST_F(SimDisk, MoveWithTheirDirectory) {
    EXPECT_EQ(on_path(op_code::make_directory, "/a"), 0);
    EXPECT_EQ(on_path(op_code::make_directory, "/a/b"), 0);
    write(open("/a/b/data"), "deep", 0);

    EXPECT_EQ(rename("/a", "/a/b/c"), -EINVAL);
    EXPECT_EQ(rename("/a", "/z"), 0);

    EXPECT_EQ(read(open("/z/b/data", O_RDONLY), 0), "deep");
    EXPECT_EQ(open("/a", O_RDONLY), -ENOENT);
}

TEST_F(SimDisk, LiveOnWhileTheyAreOpen) {
    const int fd = open("/tmp/data");
    write(fd, "still here", 0);

    EXPECT_EQ(on_path(op_code::unlink, "/tmp/data"), 0);

    EXPECT_EQ(read(fd, 0), "still here");
    EXPECT_EQ(open("/tmp/data", O_RDONLY), -ENOENT);
}

TEST_F(SimDisk, TellTheirSize) {
    const int fd = open("/tmp/data");
    write(fd, "12345", 0);
    struct statx status;
    file_op asking(op_code::stat, fd);
    asking.path = nullptr;
    asking.status_out = &status;

    EXPECT_EQ(run(asking), 0);
    EXPECT_EQ(status.stx_size, 5U);
    EXPECT_EQ(status.stx_mode, S_IFREG | 0640);
    EXPECT_EQ(truncate(fd, 2), 0);

    EXPECT_EQ(read(fd, 0), "12");
}

TEST_F(SimDisk, TransferInParts) {
    const int fd = open("/tmp/data");
    char one[] = "one";
    char two[] = "two";
    const iovec parts[] = {{one, 3}, {two, 3}};
    file_op writing(op_code::writev_at, fd);
    writing.vector = parts;
    writing.length = 2;

    EXPECT_EQ(run(writing), 6);

    EXPECT_EQ(read(fd, 0), "onetwo");
}

TEST_F(SimDisk, KeepAPositionForReadAndWrite) {
    const int fd = open("/tmp/data");
    char text[] = "abcdef";
    file_op first(op_code::write, fd);
    first.buffer = text;
    first.length = 3;
    file_op second(op_code::write, fd);
    second.buffer = text + 3;
    second.length = 3;

    EXPECT_EQ(run(first), 3);
    EXPECT_EQ(run(second), 3);

    EXPECT_EQ(read(fd, 0), "abcdef");
}

TEST_F(SimDisk, AreListedWithoutWhatLiesBelow) {
    on_path(op_code::make_directory, "/tmp/sub");
    open("/tmp/a");
    open("/tmp/sub/b");
    directory_listing listing;
    file_op listing_op(op_code::list_directory);
    listing_op.path = "/tmp";
    listing_op.context = &listing;

    EXPECT_EQ(run(listing_op), 2);

    EXPECT_EQ(listing.items[0].name, "a");
    EXPECT_EQ(listing.items[1].name, "sub");
}

TEST_F(SimDisk, NamesResolveToTheHostsOfTheWorld) {
    world_.network().set_host("bank", "10.0.0.7");
    resolution asked;
    asked.service = "8080";
    file_op resolving(op_code::resolve);
    resolving.path = "bank";
    resolving.context = &asked;

    EXPECT_EQ(run(resolving), 1);

    EXPECT_EQ(asked.found.at(0).to_string(), "10.0.0.7:8080");
    file_op unknown(op_code::resolve);
    unknown.path = "nobody";
    unknown.context = &asked;
    EXPECT_EQ(run(unknown), -ENOENT);
}

}  // namespace
}  // namespace drama
