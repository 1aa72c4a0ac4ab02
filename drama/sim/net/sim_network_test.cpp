// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/net/sim_network.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "drama/sim/net/sim_network_harness.hpp"

namespace drama {
namespace {

TEST_F(SimNetwork, SaysSoWhenAnOperationThatDoesNotWaitWouldHaveTo) {
    const auto [left, right] = pair();
    counted_op receiving;
    EXPECT_EQ(run(receiving.on(op_code::recv, left)
                      .with(bytes_.data(), bytes_.size())
                      .with_flags(MSG_DONTWAIT)),
              -EAGAIN);

    std::int64_t outcome = 1;
    for (int rounds = 0; outcome > 0 && rounds < 1000; ++rounds) {
        counted_op sending;
        outcome = run(sending.on(op_code::send, left)
                          .with(bytes_.data(), bytes_.size())
                          .with_flags(MSG_DONTWAIT));
    }

    EXPECT_EQ(outcome, -EAGAIN);
    EXPECT_EQ(core().in_flight(), 0U);
}

TEST_F(SimNetwork, DeliversAfterTheLatency) {
    const auto [left, right] = pair();
    const instant began = world_.now();
    char got[8] = {};
    counted_op receiving;

    ASSERT_TRUE(is_pending(receiving.on(op_code::recv, right).with(got, 8)));
    EXPECT_EQ(send(left, "hello"), 5);
    finish(receiving);

    EXPECT_EQ(receiving.outcome, 5);
    EXPECT_STREQ(got, "hello");
    EXPECT_EQ(world_.now() - began, 100us);
    EXPECT_EQ(core().in_flight(), 0U);
}

TEST_F(SimNetwork, CompletesAtOnceWhatIsThere) {
    const auto [left, right] = pair();
    send(left, "there");
    world_.run_for(1ms);
    counted_op receiving;

    EXPECT_EQ(core().submit(receiving.on(op_code::recv, right).with(bytes_.data(), 3)),
              submission::completed);

    EXPECT_EQ(receiving.outcome, 3);
    EXPECT_EQ(receiving.completions, 0);
    EXPECT_EQ(recv(right), 2);
}

TEST_F(SimNetwork, KeepsTheOrderOfBytesUnderEveryLatency) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 20; ++seed) {
        prng user(seed);
        options().latency = heavy_tail(10us, 50ms);
        options().short_one_in = 3;
        const auto [left, right] = pair();
        std::string sent;
        std::string got;
        for (int i = 0; i < 200; ++i) {
            std::string part(user.below(300) + 1, '\0');
            std::ranges::generate(part, [&] { return static_cast<char>(user.below(256)); });
            const auto count = send(left, part);
            ASSERT_GT(count, 0) << replay_line(seed);
            sent += part.substr(0, static_cast<std::size_t>(count));
            if (user.below(2) == 0) {
                got += received(recv(right));
            }
        }
        ASSERT_TRUE(system_->shutdown(left, SHUT_WR));
        for (std::int64_t count = recv(right); count != 0; count = recv(right)) {
            ASSERT_GT(count, 0) << replay_line(seed);
            got += received(count);
        }
        ASSERT_EQ(got, sent) << replay_line(seed);
        system_->close(left);
        system_->close(right);
    }
}

TEST_F(SimNetwork, ASendIsPartialThenPendingUntilThePeerReads) {
    options().buffer_bytes = 1000;
    const auto [left, right] = pair();
    const std::string bulk(1500, 'x');

    EXPECT_EQ(send(left, bulk), 1000);
    counted_op pending;
    ASSERT_TRUE(is_pending(pending.on(op_code::send, left).with(bytes_.data(), 100)));
    core().reap(10ms);
    EXPECT_EQ(pending.completions, 0);
    EXPECT_EQ(recv(right), 1000);
    finish(pending);

    EXPECT_EQ(pending.outcome, 100);
}

TEST_F(SimNetwork, ALaterSendNeverOvertakesOneThatWaits) {
    options().buffer_bytes = 900;
    const auto [left, right] = pair();
    EXPECT_EQ(send(left, std::string(900, 'a')), 900);
    world_.run_for(1ms);
    std::string waits = "b";
    std::string follows = "c";
    counted_op first;
    counted_op second;
    counted_op reading;
    ASSERT_TRUE(is_pending(first.on(op_code::send, left).with(waits.data(), 1)));

    // Room for one byte, too little to wake the writer that waits.
    EXPECT_EQ(run(reading.on(op_code::recv, right).with(bytes_.data(), 1)), 1);
    EXPECT_TRUE(is_pending(second.on(op_code::send, left).with(follows.data(), 1)));
    EXPECT_EQ(recv(right), 899);
    finish(second);
    world_.run_for(1ms);

    const auto count = recv(right);
    EXPECT_EQ(received(count), "bc");
}

TEST_F(SimNetwork, HalfCloseEndsOneDirectionOnly) {
    const auto [left, right] = pair();
    ASSERT_TRUE(system_->shutdown(left, SHUT_WR));

    EXPECT_EQ(recv(right), 0);
    EXPECT_EQ(send(right, "answer"), 6);
    EXPECT_EQ(recv(left), 6);
    EXPECT_EQ(send(left, "more"), -EPIPE);
}

TEST_F(SimNetwork, BytesSentBeforeTheCloseStillArrive) {
    const auto [left, right] = pair();
    send(left, "last words");
    system_->close(left);

    EXPECT_EQ(recv(right), 10);
    EXPECT_EQ(recv(right), 0);
}

TEST_F(SimNetwork, ClosingWithUnreadBytesResetsThePeer) {
    const auto [left, right] = pair();
    send(left, "never read");
    world_.run_for(1ms);
    counted_op receiving;
    ASSERT_TRUE(is_pending(receiving.on(op_code::recv, left).with(bytes_.data(), 8)));

    system_->close(right);
    finish(receiving);

    EXPECT_EQ(receiving.outcome, -ECONNRESET);
    EXPECT_EQ(send(left, "x"), -EPIPE);
    EXPECT_EQ(recv(left), 0);
}

TEST_F(SimNetwork, SendingToAClosedPeerIsAnsweredByAReset) {
    const auto [left, right] = pair();
    system_->close(right);
    EXPECT_EQ(recv(left), 0);

    EXPECT_EQ(send(left, "into the void"), 13);
    world_.run_for(1ms);

    EXPECT_EQ(send(left, "x"), -EPIPE);
}

TEST_F(SimNetwork, RefusesAConnectWhereNobodyListens) {
    auto where = *socket_address::from_ip("127.0.0.1", 80);
    counted_op connecting;

    EXPECT_EQ(run(connecting.on(op_code::connect, socket()).to(where)), -ECONNREFUSED);
}

TEST_F(SimNetwork, AFullBacklogDelaysUntilThereIsRoom) {
    auto [listening, where] = listener(0);  // one may wait
    counted_op first;
    counted_op second;
    const int one = socket();
    ASSERT_EQ(run(first.on(op_code::connect, one).to(where)), 0);
    ASSERT_TRUE(is_pending(second.on(op_code::connect, socket()).to(where)));
    core().reap(500ms);
    EXPECT_EQ(second.completions, 0);

    counted_op accepting;
    const instant began = world_.now();
    ASSERT_GE(run(accepting.on(op_code::accept, listening)), 0);
    finish(second);

    EXPECT_EQ(second.outcome, 0);
    EXPECT_LT(world_.now() - began, 1s);  // the request is repeated after a second
}

TEST_F(SimNetwork, AConnectTimesOutWhenTheBacklogStaysFull) {
    auto [listening, where] = listener(0);
    counted_op first;
    counted_op second;
    ASSERT_EQ(run(first.on(op_code::connect, socket()).to(where)), 0);

    EXPECT_EQ(run(second.on(op_code::connect, socket()).to(where)), -ETIMEDOUT);
}

TEST_F(SimNetwork, ClosingTheListenerResetsWhoWaits) {
    auto [listening, where] = listener();
    const int client = socket();
    counted_op connecting;
    ASSERT_EQ(run(connecting.on(op_code::connect, client).to(where)), 0);

    system_->close(listening);

    EXPECT_EQ(recv(client), -ECONNRESET);
}

TEST_F(SimNetwork, AcceptTellsThePeersAddress) {
    auto [listening, where] = listener();
    const int client = socket();
    counted_op connecting;
    counted_op accepting;
    socket_address peer;
    peer.prepare_output();
    accepting.on(op_code::accept, listening);
    accepting.address = peer.data();
    accepting.address_length_out = peer.size_address();

    ASSERT_EQ(run(connecting.on(op_code::connect, client).to(where)), 0);
    const auto server = static_cast<int>(run(accepting));

    EXPECT_EQ(peer.to_string(), system_->local_address(client)->to_string());
    EXPECT_EQ(system_->peer_address(server)->to_string(), peer.to_string());
    EXPECT_EQ(system_->peer_address(client)->to_string(), where.to_string());
    counted_op again;
    EXPECT_EQ(run(again.on(op_code::connect, client).to(where)), -EISCONN);
}

TEST_F(SimNetwork, AcceptFailsWhenDescriptorsRunOut) {
    auto [listening, where] = listener();
    counted_op connecting;
    ASSERT_EQ(run(connecting.on(op_code::connect, socket()).to(where)), 0);
    world_.run_for(1ms);
    options().fds_max = world_.network().open_fds();
    counted_op failing;
    counted_op again;

    EXPECT_EQ(run(failing.on(op_code::accept, listening)), -EMFILE);
    options().fds_max = 100;

    EXPECT_GE(run(again.on(op_code::accept, listening)), sim_network::first_fd);
}

TEST_F(SimNetwork, CancelCompletesOnceAndLosesNoByte) {
    const auto [left, right] = pair();
    counted_op receiving;
    ASSERT_TRUE(is_pending(receiving.on(op_code::recv, right).with(bytes_.data(), 8)));

    core().cancel(receiving);
    EXPECT_EQ(receiving.completions, 0);
    finish(receiving);

    EXPECT_EQ(receiving.outcome, -ECANCELED);
    send(left, "kept");
    EXPECT_EQ(recv(right), 4);
}

TEST_F(SimNetwork, ACancelThatComesLateLeavesTheOutcome) {
    const auto [left, right] = pair();
    counted_op receiving;
    ASSERT_TRUE(is_pending(receiving.on(op_code::recv, right).with(bytes_.data(), 8)));
    send(left, "in time");
    world_.run_for(1ms);

    core().cancel(receiving);
    finish(receiving);

    EXPECT_EQ(receiving.outcome, 7);
}

TEST_F(SimNetwork, ClosingCompletesPendingOperations) {
    const auto [left, right] = pair();
    counted_op receiving;
    counted_op polling;
    ASSERT_TRUE(is_pending(receiving.on(op_code::recv, right).with(bytes_.data(), 8)));
    ASSERT_TRUE(is_pending(polling.on(op_code::poll, right).with_flags(POLLIN)));

    system_->close(right);
    finish(receiving);
    finish(polling);

    EXPECT_EQ(receiving.outcome, -ECANCELED);
    EXPECT_EQ(polling.outcome, -ECANCELED);
    EXPECT_EQ(recv(left), 0);
}

TEST_F(SimNetwork, TearingDownABackendCompletesEverything) {
    const auto [left, right] = pair();
    counted_op receiving;
    counted_op posted;
    counted_op opening;
    opening.code = op_code::open;
    opening.path = "/nowhere";
    ASSERT_TRUE(is_pending(receiving.on(op_code::recv, right).with(bytes_.data(), 8)));
    ASSERT_TRUE(is_pending(opening));
    core().post(posted.on(op_code::recv, left).with(bytes_.data(), 8));

    cores_[0].reset();

    for (const counted_op* op : {&receiving, &posted, &opening}) {
        EXPECT_EQ(op->completions, 1);
        EXPECT_EQ(op->outcome, -ECANCELED);
    }
}

TEST_F(SimNetwork, CompletesAtTheHomeWhatAnotherCoreSubmitted) {
    const auto [left, right] = pair();
    char got[2] = {};
    counted_op at_home;
    counted_op elsewhere;
    system_->forget(right);
    ASSERT_TRUE(is_pending(at_home.on(op_code::recv, right).with(&got[0], 1), 0));
    ASSERT_TRUE(is_pending(elsewhere.on(op_code::recv, right).with(&got[1], 1), 1));

    send(left, "ab");
    world_.run_for(1ms);
    EXPECT_EQ(core(1).reap(duration::zero()), 0U);
    finish(elsewhere, 0);

    EXPECT_EQ(at_home.completions, 1);
    EXPECT_EQ(got[0], 'a');
    EXPECT_EQ(got[1], 'b');
}

TEST_F(SimNetwork, TakesPostedOperations) {
    const auto [left, right] = pair();
    counted_op receiving;
    counted_op cancelled;

    core().post(receiving.on(op_code::recv, right).with(bytes_.data(), 8));
    core().post(cancelled.on(op_code::recv, left).with(bytes_.data(), 8));
    core().cancel(cancelled);
    send(left, "posted");
    finish(receiving);

    EXPECT_EQ(receiving.outcome, 6);
    EXPECT_EQ(cancelled.outcome, -ECANCELED);
}

TEST_F(SimNetwork, PollsForTheEventsThatWereAsked) {
    const auto [left, right] = pair();
    counted_op writable;
    counted_op readable;
    counted_op hung_up;
    EXPECT_EQ(run(writable.on(op_code::poll, right).with_flags(POLLOUT)), POLLOUT);
    ASSERT_TRUE(is_pending(readable.on(op_code::poll, right).with_flags(POLLIN)));
    ASSERT_TRUE(is_pending(hung_up.on(op_code::poll, right).with_flags(POLLRDHUP)));

    send(left, "x");
    finish(readable);
    EXPECT_EQ(readable.outcome, POLLIN);
    EXPECT_EQ(hung_up.completions, 0);
    system_->close(left);
    finish(hung_up);

    EXPECT_EQ(hung_up.outcome, POLLRDHUP);
}

TEST_F(SimNetwork, SendsAndReceivesMessages) {
    const auto [left, right] = pair();
    char hello[] = "hello ";
    char world[] = "world";
    char first[4] = {};
    char second[16] = {};
    iovec out[] = {{hello, 6}, {world, 5}};
    iovec in[] = {{first, 3}, {second, 15}};
    msghdr to_send{};
    to_send.msg_iov = out;
    to_send.msg_iovlen = 2;
    msghdr to_fill{};
    to_fill.msg_iov = in;
    to_fill.msg_iovlen = 2;
    counted_op sending;
    counted_op receiving;
    sending.on(op_code::send_msg, left).message = &to_send;
    receiving.on(op_code::recv_msg, right).message = &to_fill;

    EXPECT_EQ(run(sending), 11);
    world_.run_for(1ms);
    EXPECT_EQ(run(receiving), 11);

    EXPECT_STREQ(first, "hel");
    EXPECT_STREQ(second, "lo world");
}

TEST_F(SimNetwork, RefusesDescriptorsThatAreNone) {
    EXPECT_EQ(recv(-1), -EBADF);
    EXPECT_EQ(recv(3), -EBADF);
    EXPECT_EQ(recv(sim_network::first_fd + 500), -EBADF);
    EXPECT_EQ(recv(socket()), -ENOTCONN);
}

TEST_F(SimNetwork, ALinkHasItsOwnLaw) {
    world_.network().latency("127.0.0.1", "127.0.0.1", fixed(20ms));
    const auto [left, right] = pair();
    const instant began = world_.now();
    counted_op receiving;
    ASSERT_TRUE(is_pending(receiving.on(op_code::recv, right).with(bytes_.data(), 1)));

    send(left, "x");
    finish(receiving);

    EXPECT_EQ(world_.now() - began, 20ms);
}

TEST_F(SimNetwork, TwoListenOnOnePortOnlyIfBothSayso) {
    const auto where = *socket_address::from_ip("0.0.0.0", 8080);
    const int first = socket();
    const int second = socket();
    const int third = socket();
    for (const int fd : {first, second}) {
        ASSERT_TRUE(system_->set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1));
    }
    ASSERT_TRUE(system_->bind(first, where));
    ASSERT_TRUE(system_->listen(first, 16));

    EXPECT_TRUE(system_->bind(second, where));
    EXPECT_EQ(system_->bind(third, where).error(), errno_code(EADDRINUSE));
}

}  // namespace
}  // namespace drama
