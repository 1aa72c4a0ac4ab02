// SPDX-License-Identifier: Apache-2.0
// Each kind of network fault at its place: what the ends of a connection see of it.
#include <cerrno>
#include <optional>
#include <set>

#include <poll.h>

#include "drama/fault/fault_plan.hpp"
#include "drama/sim/net/sim_network_harness.hpp"

namespace drama {
namespace {

using enum fault_kind;

class NetFaults : public SimNetwork {
  protected:
    NetFaults() {
        world_.net().set_host("far", "10.0.0.9");
        world_.net().set_host("third", "10.0.0.10");
    }
    fault_plan& plan() { return world_.faults(); }
    void add(fault_kind kind, fault_when when = always(),
             std::optional<std::int64_t> value = std::nullopt, const char* site = "") {
        plan().add({.kind = kind, .when = when, .site = site, .value = value});
    }
    std::pair<int, int> far_pair() { return pair("10.0.0.9"); }
    std::int64_t connect() {
        auto [listening, where] = listener(16, "10.0.0.9");
        counted_op connecting;
        return run(connecting.on(op_code::connect, socket()).to(where));
    }
    /// Without waiting.
    std::int64_t recv_now(int fd) {
        counted_op receiving;
        return run(receiving.on(op_code::recv, fd)
                       .with(bytes_.data(), bytes_.size())
                       .with_flags(MSG_DONTWAIT));
    }
    /// All that comes within `length`, and how it ended: 0, an errno, or -EAGAIN.
    std::string drain(int fd, duration length, std::int64_t* end) {
        world_.run_for(length);
        std::string all;
        for (;;) {
            *end = recv_now(fd);
            if (*end <= 0) {
                return all;
            }
            all += received(*end);
        }
    }
};

TEST_F(NetFaults, AConnectFailsAsItIsTold) {
    for (const int error : {ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH}) {
        plan().clear();
        add(connect_fails, nth(1), error);
        const instant began = world_.now();
        EXPECT_EQ(connect(), -error);
        EXPECT_EQ(world_.now() - began >= 127s, error == ETIMEDOUT);
        EXPECT_EQ(connect(), 0) << "only the first";
    }
}

TEST_F(NetFaults, AFullBacklogLetsAConnectWait) {
    add(backlog_full, nth(1));
    const instant began = world_.now();
    EXPECT_EQ(connect(), 0);
    EXPECT_GE(world_.now() - began, 1s);
}

TEST_F(NetFaults, AnAcceptFailsAndLosesNoConnection) {
    add(accept_fails, nth(1), ENFILE);
    auto [listening, where] = listener();
    counted_op connecting;
    ASSERT_EQ(run(connecting.on(op_code::connect, socket()).to(where)), 0);
    world_.run_for(1ms);
    counted_op failing;
    counted_op again;
    EXPECT_EQ(run(failing.on(op_code::accept, listening)), -ENFILE);
    EXPECT_GE(run(again.on(op_code::accept, listening)), sim_network::first_fd);
}

TEST_F(NetFaults, LatencyAndBandwidthDelayASegment) {
    const auto [client, server] = far_pair();
    add(net_latency, nth(1), 30'000'000);
    add(bandwidth_collapse, nth(2), 1'000);
    instant sent = world_.now();
    send(client, "slow");
    EXPECT_EQ(recv(server), 4);
    EXPECT_EQ(world_.now() - sent, 30ms + 100us);
    sent = world_.now();
    send(client, "ten bytes.");
    EXPECT_EQ(recv(server), 10);
    EXPECT_EQ(world_.now() - sent, 10ms + 100us);
}

TEST_F(NetFaults, APartitionEndsByItself) {
    const auto [client, server] = far_pair();
    add(partition, nth(1), 1'000'000'000);
    const instant sent = world_.now();
    send(client, "through it");
    EXPECT_EQ(recv(server), 10);
    EXPECT_GE(world_.now() - sent, 1s);
    EXPECT_LE(world_.now() - sent, 2s);
}

TEST_F(NetFaults, AOneWayPartitionLeavesTheOtherWay) {
    const auto [client, server] = far_pair();
    add(partition, nth(1), -1'000'000'000);
    send(client, "late");
    send(server, "in time");
    const instant sent = world_.now();
    EXPECT_EQ(recv(client), 7);
    EXPECT_LT(world_.now() - sent, 1ms);
    EXPECT_EQ(recv(server), 4);
    EXPECT_GE(world_.now() - sent, 900ms);
}

TEST_F(NetFaults, SwizzlingStopsSomeAndLetsAllGo) {
    int late = 0;
    for (int i = 0; i < 10; ++i) {
        const auto [client, server] = far_pair();
        plan().clear();
        add(swizzle_clog, nth(1), 100'000'000);
        send(client, "swizzles");
        EXPECT_EQ(recv(server), 8);
        world_.run_for(49ms);
        const instant sent = world_.now();
        send(client, "x");
        EXPECT_EQ(recv(server), 1);
        late += world_.now() - sent > 1ms ? 1 : 0;
        world_.run_for(100ms);
    }
    EXPECT_GT(late, 0);
    EXPECT_LT(late, 10);
}

TEST_F(NetFaults, AResetComesAtEveryByte) {
    const std::string message = "a message of some bytes";
    for (std::size_t k = 0; k <= message.size(); ++k) {
        const auto [client, server] = far_pair();
        add(connection_reset, nth(1), static_cast<std::int64_t>(k) + 1);
        EXPECT_EQ(send(client, message), static_cast<std::int64_t>(message.size()));
        std::int64_t end = 0;
        EXPECT_EQ(drain(server, 1s, &end), message.substr(0, k));
        EXPECT_EQ(end, -ECONNRESET);
        EXPECT_EQ(recv(client), -ECONNRESET);
        plan().clear();
    }
}

TEST_F(NetFaults, AHalfCloseComesAtEveryByteAndLeavesTheOtherWay) {
    const std::string message = "half of it";
    for (std::size_t k = 0; k <= message.size(); ++k) {
        const auto [client, server] = far_pair();
        add(half_close, nth(1), static_cast<std::int64_t>(k) + 1);
        EXPECT_EQ(send(client, message), 10);
        EXPECT_EQ(send(client, "never seen"), 10);
        std::int64_t end = -1;
        EXPECT_EQ(drain(server, 1s, &end), message.substr(0, k));
        EXPECT_EQ(end, 0);
        EXPECT_EQ(send(server, "answer"), 6);
        EXPECT_EQ(recv(client), 6);
        plan().clear();
    }
}

TEST_F(NetFaults, TransfersAreAsShortAsTheyAreTold) {
    const auto [client, server] = far_pair();
    add(short_transfer, always(), 3, "tcp.send");
    EXPECT_EQ(send(client, "abcdefgh"), 3);
    add(short_transfer, always(), std::nullopt, "tcp.recv");
    EXPECT_EQ(recv(server), 1);
    EXPECT_EQ(recv(server), 1);
    EXPECT_EQ(recv(server), 1);
}

TEST_F(NetFaults, AZeroWindowHoldsASenderForItsTime) {
    const auto [client, server] = far_pair();
    add(zero_window, nth(1), 50'000'000);
    const instant began = world_.now();
    EXPECT_EQ(send(client, "patient"), 7);
    EXPECT_EQ(world_.now() - began, 50ms);
}

TEST_F(NetFaults, APeerThatNeverReadsTakesOneBufferFull) {
    options().buffer_bytes = 100;
    const auto [client, server] = far_pair();
    add(peer_never_reads, nth(1));
    EXPECT_EQ(send(client, std::string(60, 'x')), 60);
    EXPECT_EQ(recv(server), 60);
    EXPECT_EQ(send(client, std::string(60, 'x')), 40);
    EXPECT_EQ(recv(server), 40);
    counted_op stuck_op;
    ASSERT_TRUE(is_pending(stuck_op.on(op_code::send, client).with(bytes_.data(), 1)));
    world_.run_for(1h);
    core().reap(duration::zero());
    EXPECT_EQ(stuck_op.completions, 0);
    EXPECT_EQ(send(server, "goes on writing"), 15);
    core().cancel(stuck_op);
    finish(stuck_op);
}

TEST_F(NetFaults, ATrickleBringsOneByteAtATime) {
    const auto [client, server] = far_pair();
    add(slow_trickle, nth(1), 1'000'000);
    const instant sent = world_.now();
    send(client, "drops");
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(recv(server), 1);
        EXPECT_EQ(world_.now() - sent, 100us + i * 1ms);
    }
}

TEST_F(NetFaults, ASilentConnectionStandsAndSaysNothing) {
    add(connect_then_silence, nth(1));
    const auto [client, server] = far_pair();
    EXPECT_EQ(send(client, "hello?"), 6);
    EXPECT_EQ(send(server, "hello?"), 6);
    world_.run_for(1h);
    EXPECT_EQ(recv_now(client), -EAGAIN);
    EXPECT_EQ(recv_now(server), -EAGAIN);
    system_->close(client);
    world_.run_for(1h);
    EXPECT_EQ(recv_now(server), -EAGAIN) << "not even that the other end is gone";
    system_->close(server);
}

TEST_F(NetFaults, AStaleByteBelongsToAnEarlierConnection) {
    add(stale_reply, always());
    {
        const auto [client, server] = far_pair();
        send(server, "earlier");
        EXPECT_EQ(recv(client), 7);
        EXPECT_EQ(received(7), "earlier") << "there was none before it";
    }
    const auto [client, server] = far_pair();
    EXPECT_EQ(recv(client), 1);
    EXPECT_EQ(received(1), "r");
}

TEST_F(NetFaults, WithoutABufferNothingIsReadAndNothingLost) {
    const auto [client, server] = far_pair();
    add(buffers_exhausted, nth(1));
    send(client, "kept");
    EXPECT_EQ(recv(server), -ENOBUFS);
    EXPECT_EQ(recv(server), 4);
}

TEST_F(NetFaults, ACancelComesTooLate) {
    const auto [client, server] = far_pair();
    add(completion_after_cancel, always());
    counted_op receiving;
    ASSERT_TRUE(is_pending(receiving.on(op_code::recv, server).with(bytes_.data(), 8)));
    core().cancel(receiving);
    send(client, "in time");
    finish(receiving);
    EXPECT_EQ(receiving.outcome, 7) << "what came first";

    counted_op quiet;
    ASSERT_TRUE(is_pending(quiet.on(op_code::recv, server).with(bytes_.data(), 8)));
    core().cancel(quiet);
    finish(quiet);
    EXPECT_EQ(quiet.outcome, -ECANCELED) << "and it ends when nothing does";

    counted_op closed;
    ASSERT_TRUE(is_pending(closed.on(op_code::recv, server).with(bytes_.data(), 8)));
    core().cancel(closed);
    system_->close(server);
    finish(closed);
    EXPECT_EQ(closed.outcome, -ECANCELED);
}

TEST_F(NetFaults, DatagramsAreLostDoubledAndOvertaken) {
    const int here = socket(SOCK_DGRAM);
    const int there = socket(SOCK_DGRAM);
    ASSERT_TRUE(system_->bind(there, *socket_address::from_ip("10.0.0.9", 9)));
    auto where = *socket_address::from_ip("10.0.0.9", 9);
    counted_op connecting;
    ASSERT_EQ(run(connecting.on(op_code::connect, here).to(where)), 0);
    add(datagram_mangled, nth(1), 0);
    add(datagram_mangled, nth(2), 1);
    add(datagram_mangled, nth(3), 2);
    for (const char* const each : {"lost", "doubled", "overtaken", "last"}) {
        send(here, each);
    }
    std::int64_t end = 0;
    EXPECT_EQ(drain(there, 1s, &end), "doubleddoubledlastovertaken");
}

TEST_F(NetFaults, FaultsOfOneSiteLeaveOthersAlone) {
    const auto ends = *system_->open_pair(SOCK_STREAM);
    const auto through = *system_->open_pipe();
    add(short_transfer, always(), std::nullopt, "unix.recv");
    add(short_transfer, always(), 2, "pipe.read");
    send(ends[0], "unix");
    EXPECT_EQ(recv(ends[1]), 1);
    counted_op writing;
    counted_op reading;
    char text[] = "pipe";
    EXPECT_EQ(run(writing.on(op_code::write, through[1]).with(text, 4)), 4);
    EXPECT_EQ(run(reading.on(op_code::read, through[0]).with(bytes_.data(), 8)), 2);
    const auto [client, server] = far_pair();
    send(client, "tcp");
    EXPECT_EQ(recv(server), 3);
}

TEST_F(NetFaults, EveryKindOfTheNetworkIsAskedFor) {
    const auto [client, server] = far_pair();
    send(client, "question");
    recv(server);
    send(server, "answer");
    recv(client);
    EXPECT_GE(far_pair().first, sim_network::first_fd);
    send(socket(SOCK_DGRAM), "nowhere");
    counted_op cancelled;
    ASSERT_TRUE(is_pending(cancelled.on(op_code::recv, server).with(bytes_.data(), 8)));
    core().cancel(cancelled);
    finish(cancelled);
    const int packets = socket(SOCK_DGRAM);
    auto where = *socket_address::from_ip("10.0.0.9", 9);
    counted_op aiming;
    ASSERT_EQ(run(aiming.on(op_code::connect, packets).to(where)), 0);
    send(packets, "packet");
    for (std::size_t i = 0; i < fault_kinds; ++i) {
        const auto kind = static_cast<fault_kind>(i);
        if (family_of(kind) == "network" && kind != name_lookup) {  // see name_lookups_test.cpp
            EXPECT_GT(plan().asked(kind), 0U) << name_of(kind);
        }
    }
}

}  // namespace
}  // namespace drama
