// SPDX-License-Identifier: Apache-2.0
// Letters over UDP, as an application would send them: what is lost is sent again, what comes twice
// counts once, and what was overtaken waits for its turn.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "drama/coro/sleep.hpp"
#include "drama/coro/when.hpp"
#include "drama/net/udp_socket.hpp"
#include "drama/sim/node/sim_test_world.hpp"
#include "drama/sim/seed.hpp"
#include "tests/faults/town.hpp"

namespace drama::faults {
namespace {

using enum fault_kind;

constexpr std::uint64_t seeds = 20;
constexpr std::uint16_t port = 5353;
constexpr std::uint32_t letters = 12;
constexpr int tries_max = 100;

struct office {
    std::uint32_t next = 1;
    std::vector<std::uint32_t> taken;
    std::uint32_t acknowledged = 0;
};

void take_letter(office* in, std::uint32_t number) {
    if (number > in->next) {  // one before it is missing, and it will come again
        return;
    }
    if (number < in->next) {  // it has come before
        return;
    }
    in->taken.push_back(number);
    in->next = number + 1;
}

task<result<void>> receive_letters(office* in) {
    endpoint where("office", port);
    auto binding = udp_socket::bind(std::move(where));
    DRAMA_CO_TRY(auto socket, co_await std::move(binding));
    for (;;) {
        std::uint32_t number = 0;
        auto got = co_await socket.receive_from(std::as_writable_bytes(std::span(&number, 1)));
        if (!got) {
            co_return result<void>();
        }
        take_letter(in, number);
        const std::uint32_t answer = in->next - 1;
        auto sent = co_await socket.send_to(std::as_bytes(std::span(&answer, 1)), got->from);
        static_cast<void>(sent);
    }
}

task<result<void>> hear_answers(office* in, udp_socket* socket) {
    while (in->acknowledged != letters) {
        std::uint32_t answer = 0;
        DRAMA_CO_TRY(auto got,
                     co_await socket->receive_from(std::as_writable_bytes(std::span(&answer, 1))));
        in->acknowledged = std::max(in->acknowledged, got.bytes == sizeof answer ? answer : 0);
    }
    co_return result<void>();
}

task<result<void>> send_letters(office* in) {
    endpoint where("office", port);
    auto connecting = udp_socket::connect(std::move(where));
    DRAMA_CO_TRY(auto socket, co_await std::move(connecting));
    for (int i = 0; i != tries_max && in->acknowledged != letters; ++i) {
        for (std::uint32_t number = in->acknowledged + 1; number <= letters; ++number) {
            auto sent = co_await socket.send(std::as_bytes(std::span(&number, 1)));
            static_cast<void>(sent);
        }
        auto hearing = hear_answers(in, &socket);
        auto heard = co_await with_deadline(50ms, std::move(hearing));
        // It may be told that nobody is there yet.
        auto slept = co_await sleep_for(heard ? 0ms : 10ms);
        static_cast<void>(slept);
    }
    co_return result<void>();
}

// `form`: of datagram_mangled.
void send_under(std::int64_t form) {
    std::vector<std::uint32_t> all(letters);
    std::iota(all.begin(), all.end(), 1U);
    std::uint64_t fired = 0;
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + seeds && !testing::Test::HasFailure(); ++seed) {
        sim_test_world world({.seed = seed, .world = with_shared_carriers()});
        world.faults().add({.kind = datagram_mangled, .when = probability(0.3), .value = form});
        auto& in = world.keep<office>();
        world.serve("office", receive_letters, &in);
        world.start("sender", send_letters, &in);
        world.finally([&in, &all] {
            EXPECT_EQ(in.taken, all);
            EXPECT_EQ(in.acknowledged, letters);
        });
        EXPECT_TRUE(world.finish().holds()) << world.verdict().what << ' ' << replay_line(seed);
        fired += world.faults().fired(datagram_mangled);
    }
    EXPECT_GT(fired, 0U);
}

TEST(Letters, SurviveLoss) {
    send_under(0);
}

TEST(Letters, CountOnceThatComeTwice) {
    send_under(1);
}

TEST(Letters, KeepTheirOrder) {
    send_under(2);
}

}  // namespace
}  // namespace drama::faults
