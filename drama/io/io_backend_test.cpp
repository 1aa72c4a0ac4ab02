// SPDX-License-Identifier: Apache-2.0
#include "drama/io/io_backend.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "drama/io/io_harness.hpp"

namespace drama::inline v0::internal {
namespace {

INSTANTIATE_TEST_SUITE_P(Real, IoBackend, ::testing::Values(io_choice::epoll, io_choice::uring),
                         choice_name);

TEST_P(IoBackend, CompletesAtOnceWhatCannotBlock) {
    const auto [left, right] = socket_pair();
    char text[] = "hello";
    char got[16] = {};
    counted_op sending;
    counted_op receiving;

    EXPECT_EQ(core().submit(sending.on(op_code::send, left).with(text, 5)), submission::completed);
    EXPECT_EQ(core().submit(receiving.on(op_code::recv, right).with(got, 16)),
              submission::completed);

    EXPECT_EQ(sending.outcome, 5);
    EXPECT_EQ(receiving.outcome, 5);
    EXPECT_STREQ(got, "hello");
    EXPECT_EQ(core().in_flight(), 0u);
    EXPECT_EQ(sending.completions + receiving.completions, 0);
}

TEST_P(IoBackend, CompletesAReceiveWhenTheBytesCome) {
    const auto [left, right] = socket_pair();
    char got[16] = {};
    counted_op receiving;

    ASSERT_TRUE(is_pending(receiving.on(op_code::recv, right).with(got, 16)));
    EXPECT_EQ(core().in_flight(), 1u);
    EXPECT_EQ(core().reap(duration::zero()), 0u);
    ASSERT_EQ(::send(left, "late", 4, 0), 4);
    finish(receiving);

    EXPECT_EQ(receiving.outcome, 4);
    EXPECT_EQ(core().in_flight(), 0u);
}

TEST_P(IoBackend, LosesNoEdgeOverManyRoundsOnOneRegistration) {
    const auto [left, right] = socket_pair();
    char got = 0;
    for (int round = 0; round < 1'000; ++round) {
        counted_op receiving;
        ASSERT_TRUE(is_pending(receiving.on(op_code::recv, right).with(&got, 1)));
        const char sent = static_cast<char>(round);
        ASSERT_EQ(::send(left, &sent, 1, 0), 1);
        finish(receiving);
        ASSERT_EQ(receiving.outcome, 1);
        ASSERT_EQ(got, sent);
    }
}

// A short read says that a stream is empty, and only events tell more: the end that came with the
// data must not be waited for in vain.
TEST_P(IoBackend, FindsTheEndThatCameWithTheData) {
    for (const bool is_registered : {false, true}) {
        auto [left, right] = socket_pair();
        char got[16] = {};
        if (is_registered) {
            counted_op first;
            ASSERT_TRUE(is_pending(first.on(op_code::recv, right).with(got, 16)));
            ASSERT_EQ(::send(left, "x", 1, 0), 1);
            finish(first);
        }
        counted_op data;
        counted_op end;

        ASSERT_EQ(::send(left, "last", 4, 0), 4);
        ASSERT_EQ(::shutdown(left, SHUT_WR), 0);
        core().reap(duration::zero());
        run(data.on(op_code::recv, right).with(got, 16));
        run(end.on(op_code::recv, right).with(got, 16));

        EXPECT_EQ(data.outcome, 4);
        EXPECT_EQ(end.outcome, 0);
    }
}

TEST_P(IoBackend, TakesEachMessageThatIsThereAlready) {
    const auto [left, right] = socket_pair(SOCK_SEQPACKET);
    std::array<counted_op, 3> receiving;
    char got[16] = {};

    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(::send(left, "abc", static_cast<std::size_t>(i) + 1, 0), i + 1);
    }
    for (std::size_t i = 0; i < receiving.size(); ++i) {
        EXPECT_EQ(core().submit(receiving[i].on(op_code::recv, right).with(got, 16)),
                  submission::completed);
        EXPECT_EQ(receiving[i].outcome, static_cast<std::int64_t>(i) + 1);
    }
}

TEST_P(IoBackend, PollsWhatWasDrainedByItsEventsAlone) {
    const auto [left, right] = socket_pair();
    char got[16] = {};
    for (int round = 0; round < 3; ++round) {
        counted_op polling;
        counted_op receiving;
        ASSERT_EQ(::send(left, "abc", 3, 0), 3);
        run(receiving.on(op_code::recv, right).with(got, 16));
        ASSERT_EQ(receiving.outcome, 3);

        ASSERT_TRUE(is_pending(polling.on(op_code::poll, right).with_flags(POLLIN)));
        EXPECT_EQ(core().reap(duration::zero()), 0u);
        ASSERT_EQ(::send(left, "d", 1, 0), 1);
        finish(polling);

        EXPECT_EQ(polling.outcome, POLLIN);
        ASSERT_EQ(::recv(right, got, 16, MSG_DONTWAIT), 1);
    }
}

TEST_P(IoBackend, ServesReadersOfOneDescriptorInOrder) {
    const auto [left, right] = socket_pair();
    std::array<counted_op, 8> readers;
    std::array<char, 8> got{};
    for (std::size_t i = 0; i < readers.size(); ++i) {
        ASSERT_TRUE(is_pending(readers[i].on(op_code::recv, right).with(&got[i], 1), i % 2));
    }

    ASSERT_EQ(::send(left, "abc", 3, 0), 3);
    finish(readers[2]);
    EXPECT_FALSE(readers[3].is_done());
    ASSERT_EQ(::send(left, "defgh", 5, 0), 5);
    finish(readers[7]);

    EXPECT_EQ(std::string_view(got.data(), got.size()), "abcdefgh");
    EXPECT_EQ(core(0).in_flight() + core(1).in_flight(), 0u);
}

TEST_P(IoBackend, LetsNoNewcomerTakeWhatAnEarlierReaderWaitsFor) {
    const auto [left, right] = socket_pair();
    char got[2] = {};
    counted_op first;
    counted_op newcomer;
    ASSERT_TRUE(is_pending(first.on(op_code::recv, right).with(&got[0], 1)));

    ASSERT_EQ(::send(left, "a", 1, 0), 1);
    ASSERT_TRUE(is_pending(newcomer.on(op_code::recv, right).with(&got[1], 1)));
    ASSERT_EQ(::send(left, "b", 1, 0), 1);
    finish(newcomer);

    EXPECT_EQ(got[0], 'a');
    EXPECT_EQ(got[1], 'b');
}

TEST_P(IoBackend, CompletesASendWhenThePeerMakesRoom) {
    const auto [left, right] = socket_pair();
    std::vector<char> bulk(1 << 20, 'x');
    std::size_t sent = 0;
    for (;;) {
        counted_op sending;
        if (core().submit(sending.on(op_code::send, left).with(bulk.data(), bulk.size())) ==
            submission::pending) {
            std::size_t received = 0;
            while (received < sent) {
                received += static_cast<std::size_t>(::recv(right, bulk.data(), bulk.size(), 0));
            }
            finish(sending);
            EXPECT_GT(sending.outcome, 0);
            break;
        }
        ASSERT_GT(sending.outcome, 0);
        sent += static_cast<std::size_t>(sending.outcome);
    }
}

TEST_P(IoBackend, SaysSoWhenAnOperationThatDoesNotWaitWouldHaveTo) {
    const auto [left, right] = socket_pair();
    std::vector<char> bulk(1 << 20, 'x');
    counted_op receiving;
    EXPECT_EQ(core().submit(receiving.on(op_code::recv, left)
                                .with(bulk.data(), bulk.size())
                                .with_flags(MSG_DONTWAIT)),
              submission::completed);
    EXPECT_EQ(receiving.outcome, -EAGAIN);

    std::int64_t outcome = 1;
    for (int rounds = 0; outcome > 0 && rounds < 1000; ++rounds) {
        counted_op sending;
        ASSERT_EQ(core().submit(sending.on(op_code::send, left)
                                    .with(bulk.data(), bulk.size())
                                    .with_flags(MSG_DONTWAIT)),
                  submission::completed);
        outcome = sending.outcome;
    }

    EXPECT_EQ(outcome, -EAGAIN);
    EXPECT_EQ(core().in_flight(), 0U);
}

TEST_P(IoBackend, ReportsEndOfStreamAndReset) {
    const auto [left, right] = socket_pair();
    char got = 0;
    counted_op at_end;
    counted_op broken;

    ASSERT_TRUE(is_pending(at_end.on(op_code::recv, right).with(&got, 1)));
    ASSERT_EQ(::send(right, "unread", 6, 0), 6);
    close(left);  // with unread bytes: a reset
    finish(at_end);
    EXPECT_EQ(at_end.outcome, -ECONNRESET);

    EXPECT_EQ(run(broken.on(op_code::send, right).with(&got, 1)), -EPIPE);
    counted_op after;
    EXPECT_EQ(run(after.on(op_code::recv, right).with(&got, 1)), 0);
}

TEST_P(IoBackend, AcceptsAndConnects) {
    const auto [listening, where] = listener();
    const int client = owned(*system_->open_socket(AF_INET, SOCK_STREAM, 0));
    socket_address peer;
    socket_address target = where;
    peer.prepare_output();
    counted_op accepting;
    counted_op connecting;
    accepting.on(op_code::accept, listening);
    accepting.address = peer.data();
    accepting.address_length_out = peer.size_address();
    connecting.on(op_code::connect, client);
    connecting.address = target.data();
    connecting.length = target.size();

    ASSERT_TRUE(is_pending(accepting));
    EXPECT_EQ(run(connecting), 0);
    finish(accepting);
    const int server = owned(static_cast<int>(accepting.outcome));

    EXPECT_EQ(peer.to_string(), system_->local_address(client)->to_string());
    EXPECT_NE(::fcntl(server, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(server, F_GETFD) & FD_CLOEXEC, 0);
    counted_op again;
    again.on(op_code::connect, client);
    again.address = target.data();
    again.length = target.size();
    EXPECT_EQ(run(again), -EISCONN);
}

TEST_P(IoBackend, ReportsARefusedConnect) {
    const auto [listening, where] = listener();
    socket_address target = where;
    close(listening);
    const int client = owned(*system_->open_socket(AF_INET, SOCK_STREAM, 0));
    counted_op connecting;
    connecting.on(op_code::connect, client);
    connecting.address = target.data();
    connecting.length = target.size();

    EXPECT_EQ(run(connecting), -ECONNREFUSED);
}

TEST_P(IoBackend, ReportsDescriptorExhaustionToTheAcceptor) {
    const auto [listening, where] = listener();
    const int client = owned(*system_->open_socket(AF_INET, SOCK_STREAM, 0));
    counted_op accepting;
    ASSERT_TRUE(is_pending(accepting.on(op_code::accept, listening)));
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{1, before.rlim_max};

    ASSERT_EQ(::connect(client, where.data(), where.size()) == 0 || errno == EINPROGRESS, true);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    finish(accepting);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);

    EXPECT_EQ(accepting.outcome, -EMFILE);
    counted_op again;
    const auto accepted = run(again.on(op_code::accept, listening));
    owned(static_cast<int>(accepted));
}

TEST_P(IoBackend, SendsAndReceivesMessages) {
    const auto [left, right] = socket_pair(SOCK_DGRAM);
    char text[] = "datagram";
    char got[32] = {};
    iovec out{text, 8};
    iovec in{got, sizeof got};
    msghdr to_send{};
    to_send.msg_iov = &out;
    to_send.msg_iovlen = 1;
    msghdr to_fill{};
    to_fill.msg_iov = &in;
    to_fill.msg_iovlen = 1;
    counted_op receiving;
    receiving.on(op_code::recv_msg, right).message = &to_fill;
    counted_op sending;
    sending.on(op_code::send_msg, left).message = &to_send;

    ASSERT_TRUE(is_pending(receiving));
    EXPECT_EQ(run(sending), 8);
    finish(receiving);

    EXPECT_EQ(receiving.outcome, 8);
    EXPECT_STREQ(got, "datagram");
}

TEST_P(IoBackend, LeavesTheModeOfABlockingPipeAlone) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    owned(ends[0]);
    owned(ends[1]);
    char got[4] = {};
    char text[] = "abcd";
    counted_op reading;
    counted_op writing;

    ASSERT_TRUE(is_pending(reading.on(op_code::read, ends[0]).with(got, 4)));
    EXPECT_EQ(run(writing.on(op_code::write, ends[1]).with(text, 4)), 4);
    finish(reading);

    EXPECT_EQ(reading.outcome, 4);
    EXPECT_EQ(::fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(::fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
}

TEST_P(IoBackend, NeverBlocksOnAFullPipeInBlockingMode) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    owned(ends[0]);
    owned(ends[1]);
    std::vector<char> bulk(1 << 20);
    std::size_t written = 0;
    for (int round = 0; round < 10'000; ++round) {
        counted_op writing;
        if (is_pending(writing.on(op_code::write, ends[1]).with(bulk.data(), bulk.size()))) {
            EXPECT_GT(written, 0u);
            close(ends[0]);
            finish(writing);
            EXPECT_EQ(writing.outcome, -EPIPE);  // and no signal killed the process
            return;
        }
        ASSERT_GT(writing.outcome, 0);
        written += static_cast<std::size_t>(writing.outcome);
    }
    FAIL() << "the pipe never filled";
}

TEST_P(IoBackend, ReadsATerminalInBlockingModeLineByLine) {
    const int controller = owned(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_EQ(::grantpt(controller), 0);
    ASSERT_EQ(::unlockpt(controller), 0);
    const int terminal = owned(::open(::ptsname(controller), O_RDWR | O_NOCTTY | O_CLOEXEC));
    char got[8] = {};
    counted_op reading;

    ASSERT_TRUE(is_pending(reading.on(op_code::read, terminal).with(got, 8)));
    ASSERT_EQ(::write(controller, "li", 2), 2);
    EXPECT_EQ(core().reap(duration::zero()), 0u);
    ASSERT_EQ(::write(controller, "ne\n", 3), 3);
    finish(reading);

    EXPECT_EQ(reading.outcome, 5);
    EXPECT_EQ(::fcntl(terminal, F_GETFL) & O_NONBLOCK, 0);
}

TEST_P(IoBackend, ReadsAnEventfd) {
    const int event = owned(::eventfd(0, EFD_CLOEXEC));
    std::uint64_t got = 0;
    std::uint64_t add = 7;
    counted_op reading;
    counted_op writing;

    ASSERT_TRUE(is_pending(reading.on(op_code::read, event).with(&got, sizeof got)));
    EXPECT_EQ(run(writing.on(op_code::write, event).with(&add, sizeof add)), 8);
    finish(reading);

    EXPECT_EQ(got, 7u);
}

TEST_P(IoBackend, PollsForTheEventsThatWereAsked) {
    const auto [left, right] = socket_pair();
    counted_op readable;
    counted_op writable;

    ASSERT_TRUE(is_pending(readable.on(op_code::poll, right).with_flags(POLLIN)));
    EXPECT_EQ(core().submit(writable.on(op_code::poll, right).with_flags(POLLOUT)),
              submission::completed);
    EXPECT_EQ(writable.outcome, POLLOUT);
    EXPECT_EQ(core().reap(duration::zero()), 0u);
    ASSERT_EQ(::send(left, "x", 1, 0), 1);
    finish(readable);

    EXPECT_EQ(readable.outcome, POLLIN);
}

TEST_P(IoBackend, PollsARegularFileAsReady) {
    const int file = owned(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    counted_op polling;

    EXPECT_EQ(run(polling.on(op_code::poll, file).with_flags(POLLIN)), POLLIN);
}

TEST_P(IoBackend, RefusesDescriptorsThatAreNone) {
    char byte = 0;
    counted_op negative;
    counted_op closed;
    counted_op huge;

    EXPECT_EQ(run(negative.on(op_code::recv, -1).with(&byte, 1)), -EBADF);
    EXPECT_EQ(run(closed.on(op_code::recv, 19'999).with(&byte, 1)), -EBADF);
    EXPECT_EQ(run(huge.on(op_code::recv, 2'000'000'000).with(&byte, 1)), -EBADF);
}

TEST_P(IoBackend, CompletesAtTheHomeWhatAnotherCoreSubmitted) {
    const auto [left, right] = socket_pair();
    char got[2] = {};
    counted_op at_home;
    counted_op elsewhere;
    ASSERT_TRUE(is_pending(at_home.on(op_code::recv, right).with(&got[0], 1), 0));
    ASSERT_TRUE(is_pending(elsewhere.on(op_code::recv, right).with(&got[1], 1), 1));

    ASSERT_EQ(::send(left, "ab", 2, 0), 2);
    EXPECT_EQ(core(1).reap(duration::zero()), 0u);
    finish(elsewhere, 0);

    EXPECT_TRUE(at_home.is_done());
    EXPECT_EQ(got[0], 'a');
    EXPECT_EQ(got[1], 'b');
    EXPECT_EQ(core(0).in_flight() + core(1).in_flight(), 0u);
}

TEST_P(IoBackend, TakesPostedOperationsFromOtherThreads) {
    constexpr int count = 200;
    const auto [left, right] = socket_pair();
    std::array<char, count> got{};
    std::array<counted_op, count> receiving;
    std::thread poster([&, to = right] {
        for (int i = 0; i < count; ++i) {
            core().post(receiving[i].on(op_code::recv, to).with(&got[i], 1));
        }
    });
    std::array<char, count> bytes{};
    ASSERT_EQ(::send(left, bytes.data(), count, 0), count);

    for (auto& op : receiving) {
        finish(op);
    }
    poster.join();

    EXPECT_EQ(core().in_flight(), 0u);
}

TEST_P(IoBackend, WakesAReapThatWaitsWithoutLimit) {
    std::thread waker([this] { core().wake(); });

    core().reap(duration::max());  // the test hangs if the wake is lost

    waker.join();
    core().wake();
    core().wake();
    core().reap(duration::max());
}

TEST_P(IoBackend, RegistersTenThousandDescriptorsCheaply) {
    constexpr std::size_t count = 5'000;
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < 2 * count + 100) {
        GTEST_SKIP() << "RLIMIT_NOFILE is " << limit.rlim_cur;
    }
    std::vector<std::pair<int, int>> pairs;
    std::vector<counted_op> receiving(2 * count);
    std::vector<char> got(2 * count);
    for (std::size_t i = 0; i < count; ++i) {
        pairs.push_back(socket_pair());
        ASSERT_TRUE(
            is_pending(receiving[2 * i].on(op_code::recv, pairs[i].first).with(&got[2 * i], 1)));
        ASSERT_TRUE(is_pending(
            receiving[2 * i + 1].on(op_code::recv, pairs[i].second).with(&got[2 * i + 1], 1)));
    }
    EXPECT_EQ(core().in_flight(), 2 * count);
    EXPECT_EQ(core().reap(duration::zero()), 0u);
    for (const auto& [left, right] : pairs) {
        ASSERT_EQ(::send(left, "x", 1, 0), 1);
        ASSERT_EQ(::send(right, "x", 1, 0), 1);
    }
    for (auto& op : receiving) {
        finish(op);
    }
    EXPECT_EQ(core().in_flight(), 0u);
}

}  // namespace
}  // namespace drama::inline v0::internal
