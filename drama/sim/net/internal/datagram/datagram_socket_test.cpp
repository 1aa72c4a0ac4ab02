// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/net/internal/datagram/datagram_socket.hpp"

#include <cerrno>
#include <map>
#include <vector>

#include <poll.h>
#include <sys/uio.h>

#include "drama/sim/net/internal/datagram/datagram_flights.hpp"
#include "drama/sim/net/sim_network_harness.hpp"

namespace drama {
namespace {

class DatagramSocket : public SimNetwork {
  protected:
    struct packet_op : counted_op {
        packet_op() {
            message_.msg_iov = &part_;
            message_.msg_iovlen = 1;
            message = &message_;
        }
        packet_op& carrying(void* bytes, std::size_t size) {
            part_ = {bytes, size};
            return *this;
        }
        packet_op& aimed_at(const socket_address& where) {
            address_ = where;
            message_.msg_name = address_.data();
            message_.msg_namelen = address_.size();
            return *this;
        }
        iovec part_{};
        msghdr message_{};
        socket_address address_;
    };

    std::pair<int, socket_address> bound(const char* ip = "127.0.0.1") {
        const int fd = socket(SOCK_DGRAM);
        EXPECT_TRUE(system_->bind(fd, *socket_address::from_ip(ip, 0)));
        return {fd, *system_->local_address(fd)};
    }
    std::int64_t send_to(int fd, std::string text, const socket_address& where) {
        packet_op sending;
        sending.carrying(text.data(), text.size()).aimed_at(where).on(op_code::send_msg, fd);
        return run(sending);
    }
    /// Everything that arrives.
    std::vector<std::string> drain(int fd) {
        world_.run_for(1s);
        std::vector<std::string> all;
        for (;;) {
            counted_op receiving;
            const std::int64_t got = run(receiving.on(op_code::recv, fd)
                                             .with(bytes_.data(), bytes_.size())
                                             .with_flags(MSG_DONTWAIT));
            if (got < 0) {
                return all;
            }
            all.emplace_back(received(got));
        }
    }
};

TEST_F(DatagramSocket, DeliversWholePacketsAndTellsTheSender) {
    const auto [one, from] = bound();
    const auto [other, to] = bound();
    EXPECT_EQ(send_to(one, "first", to), 5);
    EXPECT_EQ(send_to(one, "second", to), 6);
    packet_op receiving;
    socket_address room;
    room.prepare_output();
    receiving.carrying(bytes_.data(), 3).aimed_at(room).on(op_code::recv_msg, other);

    EXPECT_EQ(run(receiving), 3);
    EXPECT_EQ(received(3), "fir");
    EXPECT_NE(receiving.message_.msg_flags & MSG_TRUNC, 0);
    const socket_address told(receiving.address_.data(), receiving.message_.msg_namelen);
    EXPECT_EQ(told.to_string(), from.to_string());
    EXPECT_EQ(drain(other), std::vector<std::string>{"second"});
}

TEST_F(DatagramSocket, PacketsOvertakeEachOtherBetweenMachines) {
    options().latency = heavy_tail(100us, 50ms);
    world_.net().set_host("far", "10.0.0.9");
    const auto [one, from] = bound("10.0.0.1");
    const auto [other, to] = bound("10.0.0.9");
    std::vector<std::string> sent;
    for (int i = 0; i < 50; ++i) {
        sent.push_back(std::to_string(i));
        send_to(one, sent.back(), to);
    }

    std::vector<std::string> got = drain(other);
    EXPECT_NE(got, sent);
    EXPECT_TRUE(std::ranges::is_permutation(got, sent));
}

TEST_F(DatagramSocket, PacketsKeepTheirOrderOnLoopback) {
    options().latency = heavy_tail(100us, 50ms);
    const auto [one, from] = bound();
    const auto [other, to] = bound();
    std::vector<std::string> sent;
    for (int i = 0; i < 50; ++i) {
        sent.push_back(std::to_string(i));
        send_to(one, sent.back(), to);
    }

    EXPECT_EQ(drain(other), sent);
}

TEST_F(DatagramSocket, LosesAndDoublesAsManyAsItWasTold) {
    options().datagram_loss = 0.2;
    options().datagram_duplication = 0.1;
    options().buffer_bytes = 1 << 20;
    const auto [one, from] = bound();
    const auto [other, to] = bound();
    for (int i = 0; i < 1'000; ++i) {
        send_to(one, std::to_string(i), to);
    }
    std::map<std::string, int> seen;
    for (const std::string& each : drain(other)) {
        ++seen[each];
    }

    const auto twice =
        std::ranges::count_if(seen, [](const auto& each) { return each.second == 2; });
    EXPECT_NEAR(static_cast<double>(seen.size()), 800, 60);
    EXPECT_NEAR(static_cast<double>(twice), 80, 40);
    EXPECT_EQ(world_.net().flights().under_way(), 0U);
}

TEST_F(DatagramSocket, DropsWhatFindsNoRoom) {
    options().buffer_bytes = 1'000;
    const auto [one, from] = bound();
    const auto [other, to] = bound();
    for (int i = 0; i < 30; ++i) {
        EXPECT_EQ(send_to(one, std::string(100, 'x'), to), 100);
    }
    EXPECT_EQ(drain(other).size(), 10U);
}

TEST_F(DatagramSocket, AConnectedOneHearsItsPeerOnlyAndThatNobodyIsThere) {
    const auto [peer, where] = bound();
    const auto [stranger, strange] = bound();
    const int own = socket(SOCK_DGRAM);
    auto target = where;
    counted_op connecting;
    ASSERT_EQ(run(connecting.on(op_code::connect, own).to(target)), 0);
    const socket_address self = *system_->local_address(own);

    send_to(stranger, "unasked", self);
    send_to(peer, "asked", self);
    EXPECT_EQ(drain(own), std::vector<std::string>{"asked"});

    system_->close(peer);
    EXPECT_EQ(send(own, "anybody?"), 8);
    world_.run_for(1s);
    EXPECT_EQ(recv(own), -ECONNREFUSED);
}

TEST_F(DatagramSocket, RefusesWhatNoPacketHolds) {
    const auto [one, from] = bound();
    EXPECT_EQ(send_to(one, std::string(65'508, 'x'), from), -EMSGSIZE);
    EXPECT_EQ(send(one, "to whom?"), -EDESTADDRREQ);
}

TEST_F(DatagramSocket, APartitionLosesPacketsAndAClogDelaysThem) {
    world_.net().set_host("far", "10.0.0.9");
    const auto [one, from] = bound("10.0.0.1");
    const auto [far, to] = bound("10.0.0.9");
    world_.net().partition("far");
    send_to(one, "lost", to);
    EXPECT_TRUE(drain(far).empty());
    world_.net().heal();
    world_.net().clog("far", "*");
    send_to(one, "late", to);
    EXPECT_TRUE(drain(far).empty());
    world_.net().unclog("far", "*");

    EXPECT_EQ(drain(far), std::vector<std::string>{"late"});
}

TEST_F(DatagramSocket, UnixPacketsKeepOrderAndTheSenderWaitsForRoom) {
    const auto ends = *system_->open_pair(SOCK_DGRAM);
    int sent = 0;
    counted_op waiting;
    std::string text = "packet";
    while (!is_pending(waiting.on(op_code::send, ends[0]).with(text.data(), text.size()))) {
        ASSERT_LT(++sent, 100);
    }
    EXPECT_EQ(waiting.completions, 0);
    EXPECT_EQ(recv(ends[1]), 6);
    finish(waiting);
    EXPECT_EQ(waiting.outcome, 6);

    system_->close(ends[1]);
    EXPECT_EQ(send(ends[0], "x"), -ECONNREFUSED);
}

TEST_F(DatagramSocket, UnixPacketsFindAName) {
    const int named = socket(SOCK_DGRAM, AF_UNIX);
    const auto where = *socket_address::from_unix("@mailbox");
    ASSERT_TRUE(system_->bind(named, where));
    EXPECT_EQ(system_->bind(socket(SOCK_DGRAM, AF_UNIX), where).error(), errno_code(EADDRINUSE));
    const int sender = socket(SOCK_DGRAM, AF_UNIX);

    EXPECT_EQ(send_to(sender, "hello", where), 5);
    EXPECT_EQ(recv(named), 5);
    system_->close(named);
    EXPECT_EQ(send_to(sender, "hello", where), -ECONNREFUSED);
}

}  // namespace
}  // namespace drama
