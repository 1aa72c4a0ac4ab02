// SPDX-License-Identifier: Apache-2.0
// What a test says of the ways between addresses, seen by sockets at their ends.
#include "drama/sim/net/internal/net_paths.hpp"

#include <cerrno>

#include "drama/sim/net/sim_network_harness.hpp"

namespace drama {
namespace {

constexpr const char* near_ip = "10.0.0.1";
constexpr const char* far_ip = "10.0.0.9";

// The clients are at 10.0.0.1, the servers at "far".
class NetPaths : public SimNetwork {
  protected:
    NetPaths() { net().set_host("far", far_ip); }

    sim_network& net() { return world_.net(); }
    /// How long a byte takes from `from` to `to`.
    duration time_of_a_byte(int from, int to) {
        const instant began = world_.now();
        counted_op receiving;
        EXPECT_TRUE(is_pending(receiving.on(op_code::recv, to).with(bytes_.data(), 1)));
        send(from, "x");
        finish(receiving);
        return world_.now() - began;
    }
    bool arrives_within(duration longest, int to) {
        counted_op receiving;
        if (!is_pending(receiving.on(op_code::recv, to).with(bytes_.data(), bytes_.size()))) {
            return true;
        }
        const instant end = world_.now() + longest;
        while (receiving.completions == 0 && world_.now() < end) {
            core().reap(end - world_.now());
        }
        if (receiving.completions == 0) {
            core().cancel(receiving);
            finish(receiving);
            return false;
        }
        return receiving.outcome > 0;
    }
};

TEST_F(NetPaths, ALinkHasItsOwnLawBothWays) {
    net().latency("far", near_ip, fixed(20ms));
    const auto [client, server] = pair(far_ip);
    const auto [home, home_server] = pair();

    EXPECT_EQ(time_of_a_byte(client, server), 20ms);
    EXPECT_EQ(time_of_a_byte(server, client), 20ms);
    EXPECT_EQ(time_of_a_byte(home, home_server), 100us);
}

TEST_F(NetPaths, ALaterLawHoldsForOpenConnections) {
    const auto [client, server] = pair(far_ip);
    net().latency("*", "*", fixed(3ms));

    EXPECT_EQ(time_of_a_byte(client, server), 3ms);
    net().latency("far", "*", fixed(4ms));
    EXPECT_EQ(time_of_a_byte(client, server), 4ms);
}

TEST_F(NetPaths, BandwidthSpreadsBytesOverTime) {
    net().bandwidth("far", near_ip, 1'000'000);
    const auto [client, server] = pair(far_ip);
    const instant began = world_.now();

    EXPECT_EQ(send(client, std::string(20'000, 'x')), 20'000);
    EXPECT_EQ(send(client, std::string(20'000, 'x')), 20'000);
    EXPECT_EQ(recv(server), 20'000);
    EXPECT_EQ(world_.now() - began, 20ms + 100us);
    EXPECT_EQ(recv(server), 20'000);
    EXPECT_EQ(world_.now() - began, 40ms + 100us);
}

TEST_F(NetPaths, APartitionDelaysWhatIsSentUntilItHeals) {
    const auto [client, server] = pair(far_ip);
    net().partition("far", near_ip);
    send(client, "patient");

    EXPECT_FALSE(arrives_within(5s, server));
    net().heal();
    EXPECT_TRUE(arrives_within(10s, server));
    EXPECT_EQ(received(7), "patient");
}

TEST_F(NetPaths, ALostSegmentIsRepeatedAtDoublingPauses) {
    const auto [client, server] = pair(far_ip);
    net().partition("far");
    const instant sent = world_.now();
    send(client, "x");
    world_.run_for(1s);
    net().heal();

    EXPECT_TRUE(arrives_within(1s, server));
    // Lost at 100 us, repeated 0.2, 0.6 and 1.4 seconds later: the third time it comes through.
    EXPECT_EQ(world_.now() - sent, 1400ms + 100us);
}

TEST_F(NetPaths, AOneWayPartitionLetsTheOtherWayThrough) {
    const auto [client, server] = pair(far_ip);
    net().partition_one_way("far", near_ip);

    send(client, "there");
    EXPECT_TRUE(arrives_within(1s, server));
    send(server, "and back");
    EXPECT_FALSE(arrives_within(1s, client));
}

TEST_F(NetPaths, APartitionSparesOthersAndTheMachineItself) {
    net().set_host("third", "10.0.0.10");
    const auto [client, server] = pair("10.0.0.10");
    const auto [home, home_server] = pair();
    net().partition("far");
    net().partition(near_ip, far_ip);

    EXPECT_EQ(time_of_a_byte(client, server), 100us);
    net().partition("*");
    EXPECT_EQ(time_of_a_byte(home, home_server), 100us);
}

TEST_F(NetPaths, AConnectionIsGivenUpAfterAQuarterOfAnHour) {
    const auto [client, server] = pair(far_ip);
    net().partition("far");
    send(client, "x");
    const instant began = world_.now();
    counted_op receiving;
    ASSERT_TRUE(is_pending(receiving.on(op_code::recv, client).with(bytes_.data(), 1)));
    world_.run_for(1000s);

    finish(receiving);
    EXPECT_EQ(receiving.outcome, -ETIMEDOUT);
    net().heal();
    EXPECT_GE(world_.now() - began, 900s);
    EXPECT_EQ(send(server, "are you there"), 13);
    world_.run_for(1s);
    EXPECT_EQ(recv(server), -ECONNRESET) << "the other end learns when it speaks";
}

TEST_F(NetPaths, AConnectThroughAPartitionTimesOut) {
    auto [listening, where] = listener(16, far_ip);
    net().partition("far");
    counted_op connecting;
    const instant began = world_.now();
    ASSERT_TRUE(is_pending(connecting.on(op_code::connect, socket()).to(where)));
    world_.run_for(200s);
    finish(connecting);

    EXPECT_EQ(connecting.outcome, -ETIMEDOUT);
    EXPECT_GE(world_.now() - began, 127s);
}

TEST_F(NetPaths, AConnectWhoseAnswersAreLostLeavesNothingBehind) {
    auto [listening, where] = listener(0, far_ip);
    net().partition_one_way("far", near_ip);
    counted_op connecting;
    ASSERT_TRUE(is_pending(connecting.on(op_code::connect, socket()).to(where)));
    world_.run_for(200s);
    finish(connecting);
    EXPECT_EQ(connecting.outcome, -ETIMEDOUT);

    // The half-open end does not take the place in the backlog for ever.
    net().heal();
    counted_op again;
    EXPECT_EQ(run(again.on(op_code::connect, socket()).to(where)), 0);
}

TEST_F(NetPaths, AConnectGoesOnWhenThePartitionHeals) {
    auto [listening, where] = listener(16, far_ip);
    net().partition("far");
    counted_op connecting;
    ASSERT_TRUE(is_pending(connecting.on(op_code::connect, socket()).to(where)));
    world_.run_for(2s);
    net().heal("far", "*");

    finish(connecting);
    EXPECT_EQ(connecting.outcome, 0);
}

TEST_F(NetPaths, NobodysAddressIsUnreachable) {
    auto where = *socket_address::from_ip("192.0.2.1", 80);
    counted_op connecting;
    EXPECT_EQ(run(connecting.on(op_code::connect, socket()).to(where)), -EHOSTUNREACH);
    EXPECT_EQ(system_->bind(socket(), where).error(), errno_code(EADDRNOTAVAIL));
}

TEST_F(NetPaths, AClogKeepsWhatIsSentInOrder) {
    const auto [client, server] = pair(far_ip);
    net().clog("far", near_ip);
    send(client, "one ");
    world_.run_for(2000s);
    send(client, "two");
    EXPECT_FALSE(arrives_within(1s, server)) << "and nobody gives up";

    net().unclog("far", near_ip);
    EXPECT_EQ(recv(server), 4);
    EXPECT_EQ(received(4), "one ");
    EXPECT_EQ(recv(server), 3);
    EXPECT_EQ(received(3), "two");
}

TEST_F(NetPaths, ClogsAddUp) {
    const auto [client, server] = pair(far_ip);
    net().clog("far", "*");
    net().clog(near_ip, "*");
    send(client, "x");
    net().unclog(near_ip, "*");
    EXPECT_FALSE(arrives_within(1s, server));
    net().unclog("far", "*");
    EXPECT_TRUE(arrives_within(1ms, server));
}

TEST_F(NetPaths, SwizzlingStopsSomeAndReleasesAll) {
    net().set_host("third", "10.0.0.10");
    const auto [client, server] = pair(far_ip);
    int stopped = 0;
    for (int round = 0; round < 20; ++round) {
        net().swizzle_clog(100ms);
        world_.run_for(49ms);
        send(client, "x");
        stopped += arrives_within(1ms, server) ? 0 : 1;
        world_.run_for(60ms);
        send(client, "y");
        world_.run_for(1ms);
        EXPECT_GE(recv(server), 1);
    }
    EXPECT_GT(stopped, 2);
    EXPECT_LT(stopped, 20);
}

TEST_F(NetPaths, KeepsOneRuleForWhatIsSaidAgain) {
    internal::net_paths& paths = net().paths();
    for (int i = 0; i < 100; ++i) {
        net().partition("far", near_ip);
        net().heal("far", near_ip);
        net().latency("far", near_ip, fixed(1ms));
    }
    EXPECT_LE(paths.rules(), 6U);
}

TEST_F(NetPaths, NodesHaveAddressesAndALoopbackOfTheirOwn) {
    const auto there = world_.make_io_at("bank");
    const auto core_there = *there->make_backend(0);
    const auto own = *socket_address::from_ip("127.0.0.1", 700);
    const int listening = *there->open_socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_TRUE(there->bind(listening, *socket_address::from_ip("0.0.0.0", 700)));
    ASSERT_TRUE(there->listen(listening, 4));
    EXPECT_TRUE(system_->bind(socket(), own)) << "the port is free here";

    auto at_home = own;
    counted_op wrong;
    EXPECT_EQ(run(wrong.on(op_code::connect, socket()).to(at_home)), -ECONNREFUSED);
    auto at_bank = *socket_address::from_ip("10.0.0.2", 700);
    counted_op right;
    EXPECT_EQ(run(right.on(op_code::connect, socket()).to(at_bank)), 0);
    EXPECT_EQ(system_->bind(socket(), *socket_address::from_ip("10.0.0.2", 0)).error(),
              errno_code(EADDRNOTAVAIL));
    there->close(listening);
}

}  // namespace
}  // namespace drama
