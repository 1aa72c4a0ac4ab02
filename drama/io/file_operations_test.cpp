// SPDX-License-Identifier: Apache-2.0
// Files through the offloader (epoll) and through the ring: the same outcomes.
#include <cstdlib>
#include <cstring>
#include <set>

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "drama/io/file_results.hpp"
#include "drama/io/io_harness.hpp"

namespace drama::inline v0::internal {
namespace {

class FileOperations : public IoBackend {
  protected:
    void SetUp() override {
        IoBackend::SetUp();
        char pattern[] = "/tmp/drama_io_test_XXXXXX";
        ASSERT_NE(::mkdtemp(pattern), nullptr);
        directory_ = pattern;
    }
    void TearDown() override {
        IoBackend::TearDown();
        if (!directory_.empty()) {
            for (const auto& name : made_) {
                ::unlink(name.c_str());
            }
            EXPECT_EQ(::rmdir(directory_.c_str()), 0) << directory_;
        }
    }
    std::string file(const char* name) {
        made_.insert(directory_ + '/' + name);
        return directory_ + '/' + name;
    }
    int open(const std::string& where, int flags) {
        counted_op opening;
        opening.on(op_code::open, -1).at_path(where.c_str()).with_flags(flags).mode = 0600;
        return owned(static_cast<int>(run(opening)));
    }
    std::int64_t run_on(op_code code, int fd, void* bytes, std::size_t length, std::int64_t at) {
        counted_op op;
        return run(op.on(code, fd).with(bytes, length, at));
    }
    std::int64_t run_path(op_code code, const std::string& where, int flags = 0) {
        counted_op op;
        op.mode = 0700;
        return run(op.on(code, -1).at_path(where.c_str()).with_flags(flags));
    }

    std::string directory_;
    std::set<std::string> made_;
};

INSTANTIATE_TEST_SUITE_P(Real, FileOperations,
                         ::testing::Values(io_choice::epoll, io_choice::uring), choice_name);

TEST_P(FileOperations, WriteSyncAndReadBack) {
    const int fd = open(file("data"), O_RDWR | O_CREAT);
    char text[] = "0123456789";
    char got[16] = {};

    EXPECT_EQ(run_on(op_code::write_at, fd, text, 10, 5), 10);
    EXPECT_EQ(run_on(op_code::fsync, fd, nullptr, 0, 0), 0);
    EXPECT_EQ(run_on(op_code::fdatasync, fd, nullptr, 0, 0), 0);
    EXPECT_EQ(run_on(op_code::read_at, fd, got, 16, 10), 5);
    EXPECT_STREQ(got, "56789");
    EXPECT_EQ(run_on(op_code::read_at, fd, got, 16, 15), 0);
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_EQ(core().in_flight(), 0u);
}

TEST_P(FileOperations, GatherAndScatter) {
    const int fd = open(file("data"), O_RDWR | O_CREAT);
    char first[] = "abc";
    char second[] = "defg";
    iovec out[] = {{first, 3}, {second, 4}};
    char left[4] = {};
    char right[4] = {};
    iovec in[] = {{left, 2}, {right, 3}};
    counted_op writing;
    counted_op reading;
    writing.on(op_code::writev_at, fd).vector = out;
    writing.length = 2;
    reading.on(op_code::readv_at, fd).vector = in;
    reading.length = 2;
    reading.offset = 1;

    EXPECT_EQ(run(writing), 7);
    EXPECT_EQ(run(reading), 5);

    EXPECT_STREQ(left, "bc");
    EXPECT_STREQ(right, "def");
}

TEST_P(FileOperations, ChangeAndTellTheSize) {
    const std::string where = file("data");
    const int fd = open(where, O_RDWR | O_CREAT);
    struct statx status{};
    counted_op by_path;
    by_path.on(op_code::stat, -1).at_path(where.c_str()).status_out = &status;
    counted_op by_fd;
    by_fd.on(op_code::stat, fd).at_path("").status_out = &status;

    EXPECT_EQ(run_on(op_code::truncate, fd, nullptr, 0, 1000), 0);
    EXPECT_EQ(run(by_path), 0);
    EXPECT_EQ(status.stx_size, 1000u);
    EXPECT_EQ(run_on(op_code::fallocate, fd, nullptr, 5000, 0), 0);
    EXPECT_EQ(run(by_fd), 0);
    EXPECT_EQ(status.stx_size, 5000u);
}

TEST_P(FileOperations, ArrangeDirectories) {
    const std::string inner = directory_ + "/inner";
    const std::string from = file("from");
    const std::string into = file("into");
    open(from, O_WRONLY | O_CREAT);
    counted_op renaming;
    renaming.on(op_code::rename, -1).at_path(from.c_str()).path_to = into.c_str();
    directory_listing listing;
    counted_op opening_list;
    opening_list.on(op_code::list_directory, -1).at_path(directory_.c_str()).context = &listing;

    EXPECT_EQ(run_path(op_code::make_directory, inner), 0);
    EXPECT_EQ(run_path(op_code::make_directory, inner), -EEXIST);
    EXPECT_EQ(run(renaming), 0);
    EXPECT_EQ(run(opening_list), 2);
    std::set<std::string> names;
    for (const auto& item : listing.items) {
        names.insert(item.name);
        EXPECT_EQ(item.type, item.name == "inner" ? DT_DIR : DT_REG);
    }
    EXPECT_EQ(names, (std::set<std::string>{"inner", "into"}));
    EXPECT_EQ(run_path(op_code::unlink, into), 0);
    EXPECT_EQ(run_path(op_code::unlink, into), -ENOENT);
    EXPECT_EQ(run_path(op_code::unlink, inner, AT_REMOVEDIR), 0);
}

TEST_P(FileOperations, ReportTheKernelsErrors) {
    char byte = 0;
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    owned(ends[0]);
    owned(ends[1]);
    const int fd = open(file("data"), O_WRONLY | O_CREAT);

    EXPECT_EQ(run_path(op_code::open, directory_ + "/none", O_RDONLY), -ENOENT);
    EXPECT_EQ(run_on(op_code::read_at, 19'999, &byte, 1, 0), -EBADF);
    EXPECT_EQ(run_on(op_code::read_at, -1, &byte, 1, 0), -EBADF);
    EXPECT_EQ(run_on(op_code::read_at, ends[0], &byte, 1, 0), -ESPIPE);
    EXPECT_EQ(run_on(op_code::read_at, fd, &byte, 1, 0), -EBADF);
    EXPECT_EQ(run_on(op_code::write_at, fd, &byte, 1, -1), -EINVAL);
}

TEST_P(FileOperations, ReadOfARegularFileLeavesTheWorker) {
    const int fd = open(file("data"), O_RDWR | O_CREAT);
    ASSERT_EQ(::write(fd, "abc", 3), 3);
    ASSERT_EQ(::lseek(fd, 1, SEEK_SET), 1);
    const int before = offloader_.accepted();
    char got[4] = {};

    EXPECT_EQ(run_on(op_code::read, fd, got, 4, 0), 2);

    EXPECT_STREQ(got, "bc");
    EXPECT_EQ(offloader_.accepted(), before + 1);
}

TEST_P(FileOperations, ResolveNumericNames) {
    resolution asked;
    asked.service = "80";
    counted_op resolving;
    resolving.on(op_code::resolve, -1).at_path("127.0.0.1").context = &asked;

    EXPECT_EQ(run(resolving), 1);

    ASSERT_EQ(asked.found.size(), 1u);
    EXPECT_EQ(asked.found[0].to_string(), "127.0.0.1:80");
    resolution bad;
    bad.service = "no-such-service";
    counted_op failing;
    failing.on(op_code::resolve, -1).at_path("127.0.0.1").context = &bad;
    EXPECT_EQ(run(failing), -EINVAL);
}

TEST_P(FileOperations, QueueBeyondTheRing) {
    constexpr std::size_t count = 2'000;
    const int fd = open(file("data"), O_RDWR | O_CREAT);
    std::vector<counted_op> writing(count);
    std::vector<std::uint32_t> values(count);
    for (std::size_t i = 0; i < count; ++i) {
        values[i] = static_cast<std::uint32_t>(i);
        ASSERT_TRUE(is_pending(writing[i]
                                   .on(op_code::write_at, fd)
                                   .with(&values[i], 4, static_cast<std::int64_t>(4 * i))));
    }
    for (auto& op : writing) {
        finish(op);
        ASSERT_EQ(op.outcome, 4);
    }
    std::vector<std::uint32_t> got(count);
    EXPECT_EQ(run_on(op_code::read_at, fd, got.data(), 4 * count, 0), 4 * count);
    EXPECT_EQ(got, values);
    EXPECT_EQ(core().in_flight(), 0u);
}

TEST_P(FileOperations, WakeACoreThatIsParkedWithoutLimit) {
    const int fd = open(file("data"), O_RDWR | O_CREAT);
    for (int round = 0; round < 100; ++round) {
        counted_op syncing;
        ASSERT_TRUE(is_pending(syncing.on(op_code::fsync, fd)));
        while (!syncing.is_done()) {
            core().reap(duration::max());  // hangs if the completion does not end the wait
        }
        ASSERT_EQ(syncing.outcome, 0);
    }
}

TEST_P(FileOperations, CompleteOnAnotherThreadThanTheSubmitters) {
    const int fd = open(file("data"), O_RDWR | O_CREAT);
    for (int round = 0; round < 50; ++round) {
        counted_op syncing;
        std::atomic<bool> is_submitted{false};
        std::atomic<bool> is_reaped{false};
        syncing.on(op_code::fsync, fd);
        std::thread submitter([&] {
            EXPECT_TRUE(is_pending(syncing));
            core().flush();
            is_submitted = true;
            is_submitted.notify_one();
            is_reaped.wait(false);  // stays: the kernel cancels what an exiting thread left behind
        });
        is_submitted.wait(false);
        while (!syncing.is_done()) {
            core().reap(duration::max());  // nothing interrupts this thread but the completion
        }
        is_reaped = true;
        is_reaped.notify_one();
        submitter.join();
        ASSERT_EQ(syncing.outcome, 0);
    }
}

TEST_P(FileOperations, SurviveASubmitterThatExits) {
    const int fd = open(file("data"), O_RDWR | O_CREAT);
    std::vector<counted_op> syncing(64);
    std::thread submitter([&] {
        for (auto& op : syncing) {
            EXPECT_TRUE(is_pending(op.on(op_code::fsync, fd)));
        }
        core().flush();
    });
    submitter.join();
    for (auto& op : syncing) {
        finish(op);
        ASSERT_EQ(op.outcome, 0);
    }
}

TEST_P(FileOperations, RepeatBySyscallWhatTheRingDeclines) {
    const int fd = owned(::memfd_create("drama", MFD_CLOEXEC));
    counted_op inserting;
    inserting.on(op_code::fallocate, fd).with_flags(FALLOC_FL_INSERT_RANGE).length = 4096;

    EXPECT_EQ(run(inserting), -EOPNOTSUPP);

    EXPECT_EQ(offloader_.accepted(), 1);
    EXPECT_EQ(core().in_flight(), 0u);
}

TEST_P(FileOperations, TakePostedOperations) {
    const int fd = open(file("data"), O_RDWR | O_CREAT);
    char text[] = "x";
    counted_op writing;
    writing.on(op_code::write_at, fd).with(text, 1);
    std::thread poster([&] { core().post(writing); });

    finish(writing);
    poster.join();

    EXPECT_EQ(writing.outcome, 1);
}

TEST_P(FileOperations, OpenOfAFifoDoesNotHoldUpSockets) {
    const std::string where = file("fifo");
    ASSERT_EQ(::mkfifo(where.c_str(), 0600), 0);
    const auto [left, right] = socket_pair();
    char got[4] = {};
    counted_op opening;
    opening.on(op_code::open, -1).at_path(where.c_str()).with_flags(O_RDONLY);
    ASSERT_TRUE(is_pending(opening));
    core().flush();

    counted_op receiving;
    ASSERT_TRUE(is_pending(receiving.on(op_code::recv, right).with(got, 1)));
    ASSERT_EQ(::send(left, "x", 1, 0), 1);
    finish(receiving);
    EXPECT_FALSE(opening.is_done());

    const int writer = owned(::open(where.c_str(), O_WRONLY | O_CLOEXEC));  // meets the reader
    finish(opening);
    const int reader = owned(static_cast<int>(opening.outcome));
    counted_op reading;
    ASSERT_TRUE(is_pending(reading.on(op_code::read, reader).with(got, 4)));
    ASSERT_EQ(::write(writer, "abc", 3), 3);
    finish(reading);
    EXPECT_EQ(reading.outcome, 3);
}

TEST_P(FileOperations, FailWhenNothingCanRunThem) {
    resolution asked;
    counted_op refused;
    refused.on(op_code::resolve, -1).at_path("127.0.0.1").context = &asked;
    offloader_.refuse(true);
    EXPECT_EQ(run(refused), -EAGAIN);
    offloader_.refuse(false);

    system_->set_offloader(nullptr);
    counted_op impossible;
    impossible.on(op_code::resolve, -1).at_path("127.0.0.1").context = &asked;
    EXPECT_EQ(run(impossible), -ENOSYS);
    EXPECT_EQ(core().in_flight(), 0u);
}

}  // namespace
}  // namespace drama::inline v0::internal
