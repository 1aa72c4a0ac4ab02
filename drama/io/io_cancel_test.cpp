// SPDX-License-Identifier: Apache-2.0
// Every accepted operation completes exactly once: cancelled, closed under, raced or torn down.
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <random>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drama/base/atomic.hpp"
#include "drama/io/file_results.hpp"
#include "drama/io/io_harness.hpp"

namespace drama::inline v0::internal {
namespace {

class IoCancel : public IoBackend {};

INSTANTIATE_TEST_SUITE_P(Real, IoCancel, ::testing::Values(io_choice::epoll, io_choice::uring),
                         choice_name);

TEST_P(IoCancel, EndsAPendingOperationAtTheNextReap) {
    const auto [left, right] = socket_pair();
    char got = 0;
    counted_op receiving;
    counted_op polling;
    ASSERT_TRUE(is_pending(receiving.on(op_code::recv, right).with(&got, 1)));
    ASSERT_TRUE(is_pending(polling.on(op_code::poll, right).with_flags(POLLIN)));

    core().cancel(receiving);
    core().cancel(receiving);
    EXPECT_FALSE(receiving.is_done()) << "done runs in reap, not under the canceller's lock";
    finish(receiving);

    EXPECT_EQ(receiving.outcome, -ECANCELED);
    EXPECT_FALSE(polling.is_done());
    EXPECT_EQ(core().in_flight(), 1u);
    ASSERT_EQ(::send(left, "x", 1, 0), 1);
    finish(polling);
}

TEST_P(IoCancel, LeavesTheOthersInTheQueue) {
    const auto [left, right] = socket_pair();
    std::array<counted_op, 3> readers;
    std::array<char, 3> got{};
    for (std::size_t i = 0; i < readers.size(); ++i) {
        ASSERT_TRUE(is_pending(readers[i].on(op_code::recv, right).with(&got[i], 1)));
    }

    core().cancel(readers[1]);
    ASSERT_EQ(::send(left, "ab", 2, 0), 2);
    for (auto& reader : readers) {
        finish(reader);
    }

    EXPECT_EQ(readers[1].outcome, -ECANCELED);
    EXPECT_EQ(got[0], 'a');
    EXPECT_EQ(got[2], 'b');
}

TEST_P(IoCancel, WakesTheHomeFromAnotherThread) {
    const auto [left, right] = socket_pair();
    char got = 0;
    counted_op receiving;
    ASSERT_TRUE(is_pending(receiving.on(op_code::recv, right).with(&got, 1)));

    std::thread canceller([&] { core(1).cancel(receiving); });
    while (!receiving.is_done()) {
        core(0).reap(duration::max());
    }
    canceller.join();

    EXPECT_EQ(receiving.outcome, -ECANCELED);
}

TEST_P(IoCancel, ReachesPostedOperations) {
    const auto [left, right] = socket_pair();
    ASSERT_EQ(::send(left, "x", 1, 0), 1);
    char got = 0;
    counted_op receiving;
    counted_op syncing;

    core().post(receiving.on(op_code::recv, right).with(&got, 1));
    core().post(syncing.on(op_code::fsync, right));
    core().cancel(receiving);
    core().cancel(syncing);
    finish(receiving);
    finish(syncing);

    EXPECT_EQ(receiving.outcome, -ECANCELED);
    EXPECT_EQ(syncing.outcome, -ECANCELED);
    EXPECT_EQ(core().in_flight(), 0u);
}

TEST_P(IoCancel, SkipsOffloadedWorkThatHasNotBegun) {
    resolution asked;
    counted_op resolving;
    offloader_.hold(true);
    resolving.on(op_code::resolve, -1).at_path("127.0.0.1").context = &asked;
    ASSERT_TRUE(is_pending(resolving));

    core().cancel(resolving);
    offloader_.hold(false);
    finish(resolving);

    EXPECT_EQ(resolving.outcome, -ECANCELED);
    EXPECT_TRUE(asked.found.empty());
}

TEST_P(IoCancel, CloseEndsWhatIsPendingOnTheDescriptor) {
    const auto [left, right] = socket_pair();
    char got = 0;
    counted_op first;
    counted_op second;
    counted_op polling;
    ASSERT_TRUE(is_pending(first.on(op_code::recv, right).with(&got, 1), 0));
    ASSERT_TRUE(is_pending(second.on(op_code::recv, right).with(&got, 1), 1));
    ASSERT_TRUE(is_pending(polling.on(op_code::poll, right).with_flags(POLLIN), 1));

    close(right);
    finish(first);
    finish(second);
    finish(polling);

    EXPECT_EQ(first.outcome, -ECANCELED);
    EXPECT_EQ(second.outcome, -ECANCELED);
    EXPECT_EQ(polling.outcome, -ECANCELED);
    EXPECT_EQ(core(0).in_flight() + core(1).in_flight(), 0u);
    EXPECT_EQ(::send(left, "x", 1, MSG_NOSIGNAL), -1);
}

TEST_P(IoCancel, ForgottenDescriptorsStayOpenAndCanComeBack) {
    const auto [left, right] = socket_pair();
    char got = 0;
    counted_op first;
    ASSERT_TRUE(is_pending(first.on(op_code::recv, right).with(&got, 1), 0));

    system_->forget(right);
    finish(first);
    EXPECT_EQ(first.outcome, -ECANCELED);
    counted_op second;
    ASSERT_TRUE(is_pending(second.on(op_code::recv, right).with(&got, 1), 1));
    ASSERT_EQ(::send(left, "x", 1, 0), 1);
    finish(second, 1);

    EXPECT_EQ(second.outcome, 1);
}

// Registrations in all epolls of this process, as the kernel tells them.
int count_registrations() {
    int count = 0;
    for (int fd = 0; fd < 256; ++fd) {
        std::ifstream info("/proc/self/fdinfo/" + std::to_string(fd));
        for (std::string line; std::getline(info, line);) {
            count += line.starts_with("tfd:") ? 1 : 0;
        }
    }
    return count;
}

TEST_P(IoCancel, CloseTakesBackTheRegistrationOfADuplicatedDescriptor) {
    const auto [left, right] = socket_pair();
    owned(::fcntl(right, F_DUPFD_CLOEXEC, 0));  // keeps the file, and with it a registration
    const int before = count_registrations();
    char got = 0;
    counted_op receiving;
    ASSERT_TRUE(is_pending(receiving.on(op_code::recv, right).with(&got, 1)));
    EXPECT_EQ(count_registrations(), before + 1);

    close(right);
    finish(receiving);

    EXPECT_EQ(count_registrations(), before);
}

TEST_P(IoCancel, EventsOfAnEarlierOwnerOfANumberAreDropped) {
    const auto [left, right] = socket_pair();
    char got = 0;
    counted_op first;
    ASSERT_TRUE(is_pending(first.on(op_code::recv, right).with(&got, 1)));
    const int copy = owned(::fcntl(right, F_DUPFD_CLOEXEC, 0));  // keeps the file alive
    const int number = right;
    close(right);
    finish(first);

    const auto [other, again] = socket_pair();
    ASSERT_TRUE(other == number || again == number);
    const int reused = number;
    counted_op second;
    ASSERT_TRUE(is_pending(second.on(op_code::recv, reused).with(&got, 1)));
    ASSERT_EQ(::send(left, "x", 1, 0), 1);
    EXPECT_EQ(core().reap(duration::zero()), 0u);
    EXPECT_FALSE(second.is_done());
    ASSERT_EQ(::recv(copy, &got, 1, 0), 1);
    core().cancel(second);
    finish(second);
}

TEST_P(IoCancel, RacingWithACompletionStillCompletesOnce) {
    const auto [left, right] = socket_pair();
    int cancelled = 0;
    for (int round = 0; round < 2'000; ++round) {
        char got = 0;
        std::mutex lock;  // under which done hands the operation back
        bool is_back = false;
        counted_op receiving;
        receiving.then = [&] {
            const std::lock_guard guard(lock);
            is_back = true;
        };
        ASSERT_TRUE(is_pending(receiving.on(op_code::recv, right).with(&got, 1)));
        std::thread canceller([&, to = left] {
            ::send(to, "x", 1, 0);
            const std::lock_guard guard(lock);
            if (!is_back) {
                core().cancel(receiving);
            }
        });
        finish(receiving);
        canceller.join();
        if (receiving.outcome == -ECANCELED) {
            ++cancelled;
            ASSERT_EQ(::recv(right, &got, 1, 0), 1);
        } else {
            ASSERT_EQ(receiving.outcome, 1);
        }
    }
    RecordProperty("cancelled", cancelled);
    EXPECT_EQ(core().in_flight(), 0u);
}

TEST_P(IoCancel, RacingWithFilesStillCompletesOnce) {
    char where[] = "/tmp/drama_io_cancel_XXXXXX";
    const int fd = owned(::mkstemp(where));
    ::unlink(where);
    for (int round = 0; round < 500; ++round) {
        int value = round;
        std::mutex lock;
        bool is_back = false;
        counted_op writing;
        writing.then = [&] {
            const std::lock_guard guard(lock);
            is_back = true;
        };
        writing.on(round % 2 == 0 ? op_code::write_at : op_code::fsync, fd).with(&value, 4);
        ASSERT_TRUE(is_pending(writing));
        std::thread canceller([&] {
            const std::lock_guard guard(lock);
            if (!is_back) {
                core().cancel(writing);
            }
        });
        finish(writing);
        canceller.join();
        const std::int64_t expected = round % 2 == 0 ? 4 : 0;
        ASSERT_TRUE(writing.outcome == expected || writing.outcome == -ECANCELED)
            << writing.outcome;
    }
    EXPECT_EQ(core().in_flight(), 0u);
}

// An open of a FIFO that no writer will ever open.
class IoBlockedOpen : public IoCancel {
  protected:
    void SetUp() override {
        IoCancel::SetUp();
        if (GetParam() != io_choice::uring) {
            GTEST_SKIP() << "a running syscall of the offloader cannot be called back";
        }
        ASSERT_NE(::mkdtemp(directory_), nullptr);
        fifo_ = std::string(directory_) + "/fifo";
        ASSERT_EQ(::mkfifo(fifo_.c_str(), 0600), 0);
    }
    void TearDown() override {
        IoCancel::TearDown();
        ::unlink(fifo_.c_str());
        ::rmdir(directory_);
    }
    char directory_[32] = "/tmp/drama_io_fifo_XXXXXX";
    std::string fifo_;
};

INSTANTIATE_TEST_SUITE_P(Real, IoBlockedOpen, ::testing::Values(io_choice::uring), choice_name);

TEST_P(IoBlockedOpen, IsCancelledInTheRing) {
    counted_op opening;
    opening.on(op_code::open, -1).at_path(fifo_.c_str()).with_flags(O_RDONLY);
    ASSERT_TRUE(is_pending(opening));
    core().flush();
    EXPECT_EQ(core().reap(duration::zero()), 0u);

    core().cancel(opening);
    finish(opening);

    EXPECT_EQ(opening.outcome, -ECANCELED);
}

TEST_P(IoBlockedOpen, IsCancelledHoweverEarlyTheCancelComes) {
    for (int round = 0; round < 300; ++round) {
        counted_op opening;
        opening.on(op_code::open, -1).at_path(fifo_.c_str()).with_flags(O_RDONLY);
        ASSERT_TRUE(is_pending(opening));
        core().flush();
        for (int spin = 0; spin < round * 50; ++spin) {
            cpu_pause();
        }
        core().cancel(opening);
        finish(opening);
        ASSERT_EQ(opening.outcome, -ECANCELED);
    }
}

TEST_P(IoBlockedOpen, IsCancelledAtTeardownTogetherWithWhatWaitsForRoom) {
    std::vector<counted_op> opening(600);  // more than the ring takes
    for (auto& op : opening) {
        op.on(op_code::open, -1).at_path(fifo_.c_str()).with_flags(O_RDONLY);
        ASSERT_TRUE(is_pending(op));
    }
    core().flush();

    cores_[0].reset();

    for (auto& op : opening) {
        ASSERT_EQ(op.completions, 1);
        ASSERT_EQ(op.outcome, -ECANCELED);
    }
}

TEST_P(IoCancel, TeardownCompletesEverything) {
    const auto [left, right] = socket_pair();
    std::array<char, 8> got{};
    std::array<counted_op, 8> ops;
    resolution asked;
    offloader_.hold(true);
    ASSERT_TRUE(is_pending(ops[0].on(op_code::recv, right).with(&got[0], 1), 0));
    ASSERT_TRUE(is_pending(ops[1].on(op_code::recv, right).with(&got[1], 1), 1));
    ASSERT_TRUE(is_pending(ops[2].on(op_code::poll, right).with_flags(POLLIN), 0));
    ASSERT_TRUE(is_pending(ops[3].on(op_code::recv, left).with(&got[3], 1), 1));
    ops[4].on(op_code::resolve, -1).at_path("127.0.0.1").context = &asked;
    ASSERT_TRUE(is_pending(ops[4]));
    core().post(ops[5].on(op_code::recv, right).with(&got[5], 1));
    ASSERT_TRUE(is_pending(ops[6].on(op_code::fsync, left)));
    ASSERT_TRUE(is_pending(ops[7].on(op_code::recv, right).with(&got[7], 1), 0));
    core().cancel(ops[7]);

    std::thread later([this] { offloader_.hold(false); });
    cores_[0].reset();
    cores_[1].reset();
    later.join();

    for (auto& op : ops) {
        EXPECT_EQ(op.completions, 1) << name_of(op.code);
    }
    for (const std::size_t i : {0, 1, 2, 3, 5, 7}) {
        EXPECT_EQ(ops[i].outcome, -ECANCELED) << i;
    }
}

// Two cores on their own threads, random operations on shared sockets and a file, a third thread
// that cancels: in the end every operation has completed exactly once.
class chaos {
  public:
    static constexpr std::size_t slots = 64;
    static constexpr int steps = 3'000;

    struct place : operation {
        std::mutex lock;
        bool is_out = false;  // with a backend
        char byte = 'x';
        int accepted = 0;
        int completed = 0;
    };

    void submit_one(io_backend& core, place& slot, std::minstd_rand& random,
                    const std::vector<int>& sockets, int file) {
        const std::lock_guard guard(slot.lock);
        if (slot.is_out) {
            return;
        }
        static constexpr op_code choices[] = {op_code::recv, op_code::recv,  op_code::send,
                                              op_code::poll, op_code::fsync, op_code::write_at};
        slot.code = choices[random() % std::size(choices)];
        slot.fd = is_file_operation(slot.code) ? file : sockets[random() % sockets.size()];
        slot.flags = slot.code == op_code::poll ? POLLIN : 0;
        slot.buffer = &slot.byte;
        slot.length = 1;
        slot.done = [](operation& op) noexcept {
            auto& self = static_cast<chaos::place&>(op);
            const std::lock_guard handing_back(self.lock);
            self.is_out = false;
            ++self.completed;
        };
        if (random() % 4 == 0) {
            slot.is_out = true;
            core.post(slot);
        } else {
            slot.is_out = core.submit(slot) == submission::pending;
        }
        slot.accepted += slot.is_out ? 1 : 0;
    }

    void drive(io_backend& core, std::size_t first, unsigned seed, const std::vector<int>& sockets,
               int file) {
        std::minstd_rand random(seed);
        for (int step = 0; step < steps; ++step) {
            submit_one(core, all[first + random() % (slots / 2)], random, sockets, file);
            core.flush();
            core.reap(random() % 8 == 0 ? std::chrono::microseconds(50) : duration::zero());
        }
        finished.fetch_add(1);
        while (!stop.load()) {
            core.reap(std::chrono::milliseconds(1));
        }
    }

    void cancel_some(io_backend& core, unsigned seed) {
        std::minstd_rand random(seed);
        while (finished.load() < 2 || outstanding() != 0) {
            place& slot = all[random() % slots];
            const std::lock_guard guard(slot.lock);
            if (slot.is_out) {
                core.cancel(slot);
            }
        }
        stop = true;
    }

    int outstanding() {
        int count = 0;
        for (place& slot : all) {
            const std::lock_guard guard(slot.lock);
            count += slot.is_out ? 1 : 0;
        }
        return count;
    }

    std::array<place, slots> all;
    std::atomic<int> finished{0};
    std::atomic<bool> stop{false};
};

TEST_P(IoCancel, ChaosCompletesEachOperationExactlyOnce) {
    const char* given = std::getenv("DRAMA_SEED");
    const auto seed = static_cast<unsigned>(given != nullptr ? std::atoi(given) : 42);
    SCOPED_TRACE("seed=" + std::to_string(seed));
    std::vector<int> sockets;
    for (int i = 0; i < 4; ++i) {
        const auto [left, right] = socket_pair();
        sockets.push_back(left);
        sockets.push_back(right);
    }
    char where[] = "/tmp/drama_io_chaos_XXXXXX";
    const int file = owned(::mkstemp(where));
    ::unlink(where);
    auto world = std::make_unique<chaos>();

    std::thread one([&] { world->drive(core(0), 0, seed + 1, sockets, file); });
    std::thread two([&] { world->drive(core(1), chaos::slots / 2, seed + 2, sockets, file); });
    world->cancel_some(core(0), seed + 3);
    one.join();
    two.join();

    int accepted = 0;
    for (auto& slot : world->all) {
        EXPECT_EQ(slot.accepted, slot.completed);
        accepted += slot.accepted;
    }
    EXPECT_GT(accepted, 100);
    EXPECT_EQ(core(0).in_flight() + core(1).in_flight(), 0u);
}

}  // namespace
}  // namespace drama::inline v0::internal
