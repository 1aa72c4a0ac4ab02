// SPDX-License-Identifier: Apache-2.0
// A shop and its customers, as an application would write them for a network that breaks: a
// customer asks again until it is answered, nothing is bought twice, nobody waits for longer than
// it has patience, and whoever goes silent gives its place to the next.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "drama/coro/context.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/coro/when.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/net/tcp_stream.hpp"
#include "drama/sim/node/sim_test_world.hpp"
#include "drama/sim/seed.hpp"
#include "drama/sync/semaphore.hpp"
#include "tests/faults/town.hpp"

namespace drama::faults {
namespace {

using enum fault_kind;

constexpr std::uint64_t seeds = 40;
constexpr std::uint16_t port = 8080;
constexpr int customers = 3;
constexpr std::uint32_t purchases = 4;
constexpr duration patience = 200ms;      // of a customer, for one attempt
constexpr duration idle_longest = 300ms;  // of the shop, for an order or an answer that is taken
constexpr duration look_up_after = 5ms;
constexpr int attempts_max = 400;

struct message {
    std::uint32_t customer = 0;
    std::uint32_t number = 0;
    std::uint32_t amount = 0;
    std::uint32_t check = 0;

    std::uint32_t right_check() const { return (customer * 31 + number) * 31 + amount + 0x5a; }
};

struct shop {
    semaphore desks{4};
    std::map<std::uint32_t, std::uint32_t> last;  // by customer: what was sold last
    std::map<std::uint32_t, std::uint32_t> sold;  // by customer: how much
    int answers = 0;
    int wrong_answers = 0;
    int done = 0;
    int broken = 0;  // attempts
    duration longest_attempt{};
};

// The shop.

task<result<void>> read_message(tcp_stream* from, message* into) {
    auto space = std::as_writable_bytes(std::span(into, 1));
    while (!space.empty()) {
        DRAMA_CO_TRY(const std::size_t got, co_await from->read_some(space));
        if (got == 0) {
            co_return fail(errc::end_of_stream);
        }
        space = space.subspan(got);
    }
    co_return into->check == into->right_check() ? result<void>() : fail(errc::bad_argument);
}

task<result<void>> write_message(tcp_stream* to, message what) {
    what.check = what.right_check();
    auto writing = to->write_all(std::as_bytes(std::span(&what, 1)));
    co_return co_await std::move(writing);
}

message sell(shop* in, const message& order) {
    std::uint32_t& last = in->last[order.customer];
    std::uint32_t& sold = in->sold[order.customer];
    if (order.number > last) {
        last = order.number;
        sold += order.amount;
    }
    return {.customer = order.customer, .number = order.number, .amount = sold};
}

task<void> serve_customer(shop* in, tcp_stream stream) {
    auto desk = co_await in->desks.acquire();
    if (!desk) {
        co_return;
    }
    for (;;) {
        message order;
        auto reading = read_message(&stream, &order);
        auto read = co_await with_deadline(idle_longest, std::move(reading));
        if (!read) {
            co_return;
        }
        auto writing = write_message(&stream, sell(in, order));
        auto written = co_await with_deadline(idle_longest, std::move(writing));
        if (!written) {
            co_return;
        }
    }
}

task<result<tcp_stream>> accept_one(tcp_listener* at) {
    co_return co_await at->accept();
}

// It looks up from the door now and then; who comes in at that moment is served all the same.
task<result<void>> accept_customers(scope_handle connections, shop* in) {
    endpoint where("", port);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(where)));
    for (;;) {
        auto accepting = accept_one(&listener);
        auto stream = co_await with_deadline(look_up_after, std::move(accepting));
        if (!stream && stream.error() == errc::deadline_exceeded) {
            continue;
        }
        if (!stream) {
            co_return fail(stream.error());
        }
        auto child = connections.spawn(serve_customer, in, *std::move(stream));
        static_cast<void>(child);
    }
}

task<result<void>> run_shop(shop* in) {
    co_return co_await in_scope(accept_customers, in);
}

// A customer.

struct customer {
    shop* in;
    std::uint32_t number;
    int attempts_left = attempts_max;
    tcp_stream stream = {};
};

task<result<void>> enter(customer* me) {
    endpoint where("shop", port);
    auto connecting = tcp_connect(std::move(where));
    auto made = co_await std::move(connecting);
    if (!made) {
        co_return fail(made.error());
    }
    me->stream = *std::move(made);
    co_return result<void>();
}

// An answer is taken for what it says that it answers.
task<result<void>> exchange(customer* me, message order) {
    auto writing = write_message(&me->stream, order);
    auto written = co_await std::move(writing);
    if (!written) {
        co_return written;
    }
    message answer;
    auto reading = read_message(&me->stream, &answer);
    auto read = co_await std::move(reading);
    if (!read) {
        co_return read;
    }
    ++me->in->answers;
    const bool is_mine = answer.customer == order.customer && answer.number == order.number;
    me->in->wrong_answers += is_mine && answer.check == answer.right_check() ? 0 : 1;
    co_return result<void>();
}

task<result<void>> attempt(customer* me, message order) {
    if (!me->stream.is_open()) {
        auto entering = enter(me);
        auto entered = co_await std::move(entering);
        if (!entered) {
            co_return entered;
        }
    }
    auto exchanging = exchange(me, order);
    auto exchanged = co_await std::move(exchanging);
    if (!exchanged) {
        me->stream.close();
    }
    co_return exchanged;
}

task<void> buy_patiently(customer* me, message order) {
    const runnable& self = co_await this_task();
    while (me->attempts_left-- > 0) {
        const instant began = self.home->now();
        auto trying = attempt(me, order);
        auto done = co_await with_deadline(patience, std::move(trying));
        me->in->longest_attempt = std::max(me->in->longest_attempt, self.home->now() - began);
        if (done) {
            co_return;
        }
        ++me->in->broken;
        me->stream.close();
        auto slept = co_await sleep_for(20ms);
        static_cast<void>(slept);
    }
}

task<void> shop_around(shop* in, std::uint32_t number) {
    customer me{.in = in, .number = number};
    for (std::uint32_t i = 1; i <= purchases; ++i) {
        const message order{.customer = number, .number = i, .amount = 10 * i};
        co_await buy_patiently(&me, order);
        auto slept = co_await sleep_for(150ms);
        static_cast<void>(slept);
    }
    in->done += me.attempts_left > 0 ? 1 : 0;
}

std::uint64_t play(std::uint64_t seed, const fault_rule& rule) {
    sim_test_world world({.seed = seed, .world = with_shared_carriers()});
    world.faults().add(rule);
    if (rule.kind == completion_after_cancel) {  // somebody must come in again and again
        world.faults().add({.kind = connection_reset, .when = probability(0.2)});
    }
    if (rule.kind == peer_never_reads) {  // else all of it has room unread
        world.net().options().buffer_bytes = 24;
    }
    auto& in = world.keep<shop>();
    world.serve("shop", run_shop, &in);
    for (std::uint32_t i = 1; i <= customers; ++i) {
        world.start_as("town", "customer " + std::to_string(i), shop_around, &in, i);
    }
    world.finally([&in, &rule] {
        EXPECT_EQ(in.done, customers) << "somebody gave up";
        for (const auto& [who, sold] : in.sold) {
            EXPECT_EQ(sold, 100U) << "to customer " << who;
        }
        EXPECT_EQ(in.wrong_answers, 0);
        EXPECT_LE(in.longest_attempt, patience + 5ms);
        if (rule.kind == short_transfer) {
            EXPECT_EQ(in.broken, 0) << "what is sent in parts arrives whole";
        }
    });
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    return world.faults().fired(rule.kind);
}

class PatientShop : public ::testing::TestWithParam<fault_rule> {};

TEST_P(PatientShop, SellsOnceToEverybody) {
    std::uint64_t fired = 0;
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + seeds && !HasFailure(); ++seed) {
        fired += play(seed, GetParam());
        EXPECT_FALSE(HasFailure()) << replay_line(seed);
    }
    EXPECT_GT(fired, 0U);
}

constexpr std::int64_t second = 1'000'000'000;

std::vector<fault_rule> all_rules() {
    const auto rule = [](fault_kind kind, double chance, std::optional<std::int64_t> value = {}) {
        return fault_rule{.kind = kind, .when = probability(chance), .value = value};
    };
    return {rule(connect_fails, 0.3),
            rule(backlog_full, 0.3),
            rule(accept_fails, 0.3),
            rule(net_latency, 0.05, 20 * second),
            rule(bandwidth_collapse, 0.05, 1),
            rule(partition, 0.05, 3 * second),
            rule(swizzle_clog, 0.3, 2 * second),
            rule(half_close, 0.2),
            rule(connection_reset, 0.2),
            rule(short_transfer, 0.5),
            rule(zero_window, 0.1, 20 * second),
            rule(peer_never_reads, 0.1),
            rule(slow_trickle, 0.1, second),
            rule(connect_then_silence, 0.2),
            rule(name_lookup, 0.3),
            rule(stale_reply, 0.5),
            rule(completion_after_cancel, 1)};
}

INSTANTIATE_TEST_SUITE_P(All, PatientShop, ::testing::ValuesIn(all_rules()),
                         [](const ::testing::TestParamInfo<fault_rule>& of) {
                             return std::string(name_of(of.param.kind));
                         });

}  // namespace
}  // namespace drama::faults
