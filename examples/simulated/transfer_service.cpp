// SPDX-License-Identifier: Apache-2.0
// A bank whose clients may lose their connections at any byte: each order has a number, clients
// send it again until they have heard that it was done, and the bank does each number once.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "drama/coro/sleep.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/sim/explore/sim_test.hpp"

using namespace drama;

namespace {

constexpr std::uint16_t port = 80;
constexpr std::int64_t money = 1'000'000;

/// Moves one coin. Bytes of an earlier connection may come before it: `check` tells them.
struct order {
    std::uint64_t number = 0;
    std::uint64_t check = 0;

    static order of(std::uint64_t number) { return {number, ~number * 31}; }
    bool is_whole() const { return check == of(number).check; }
    std::size_t from() const { return number % 4; }
    std::size_t to() const { return number / 1'000 % 4; }
};

struct bank {
    std::array<std::int64_t, 4> accounts{money};
    std::set<std::uint64_t> done;
    std::set<std::uint64_t> heard;  // by clients, that it was done

    void apply(const order& asked) {
        if (done.insert(asked.number).second) {
            --accounts.at(asked.from());
            ++accounts.at(asked.to());
        }
    }
    std::array<std::int64_t, 4> expected() const {  // each order that was done, once
        std::array<std::int64_t, 4> sums{money};
        for (const std::uint64_t each : done) {
            --sums.at(order::of(each).from());
            ++sums.at(order::of(each).to());
        }
        return sums;
    }
};

task<result<void>> receive(tcp_stream* from, std::span<std::byte> into) {
    while (!into.empty()) {
        DRAMA_CO_TRY(const std::size_t got, co_await from->read_some(into));
        if (got == 0) {
            co_return fail(errc::end_of_stream);
        }
        into = into.subspan(got);
    }
    co_return result<void>();
}

task<void> serve_client(bank* in, tcp_stream stream) {
    for (;;) {
        order asked;
        auto got = co_await receive(&stream, std::as_writable_bytes(std::span(&asked, 1)));
        if (!got || !asked.is_whole()) {
            co_return;
        }
        in->apply(asked);
        auto sent = co_await stream.write_all(std::as_bytes(std::span(&asked, 1)));
        if (!sent) {
            co_return;
        }
    }
}

task<result<void>> accept_clients(scope_handle clients, bank* in) {
    endpoint where("bank", port);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(where)));
    for (;;) {
        auto stream = co_await listener.accept();
        if (stream) {
            static_cast<void>(clients.spawn(serve_client, in, *std::move(stream)));
        }
        auto slept = co_await sleep_for(100us);  // and again after an error: it may pass
        if (!slept) {
            co_return slept;
        }
    }
}

task<result<void>> run_bank(bank* in) {
    co_return co_await in_scope(accept_clients, in);
}

task<result<void>> send(order asked) {
    endpoint where("bank", port);
    DRAMA_CO_TRY(auto stream, co_await tcp_connect(std::move(where)));
    auto sent = co_await stream.write_all(std::as_bytes(std::span(&asked, 1)));
    if (!sent) {
        co_return sent;
    }
    order answer;
    auto got = co_await receive(&stream, std::as_writable_bytes(std::span(&answer, 1)));
    if (!got) {
        co_return got;
    }
    if (answer.number != asked.number || !answer.is_whole()) {
        co_return fail(std::make_error_code(std::errc::protocol_error));
    }
    co_return result<void>();
}

task<void> transfer_many(bank* at, std::uint64_t client, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
        const order asked = order::of(client * 1'000 + i);
        for (int tries = 0; tries < 20; ++tries) {
            auto sent = co_await with_deadline(50ms, send(asked));
            if (sent) {
                at->heard.insert(asked.number);
                break;
            }
            auto slept = co_await sleep_for(5ms);
            if (!slept) {
                co_return;
            }
        }
    }
}

DRAMA_SIM_TEST(Transfer, NeverLosesMoney) {
    auto& in = world.keep<bank>();
    world.survives_family("network");
    world.serve("bank", run_bank, &in);
    for (std::uint64_t client = 0; client < 3; ++client) {
        world.start("client " + std::to_string(client), transfer_many, &in, client, 3U);
    }
    const duration begin(world.random().below(5'000'000));
    world.after(begin, [&world] { world.pause("bank"); });          // deadlines pass meanwhile,
    world.after(begin + 80ms, [&world] { world.resume("bank"); });  // and orders come twice
    world.after(begin + 90ms, [&world] { world.kill("client 0"); });

    world.always([&in] { return in.accounts == in.expected(); });
    world.finally([&world, &in] {
        EXPECT_TRUE(std::ranges::includes(in.done, in.heard));
        if (world.faults().kinds_fired() == 0) {
            EXPECT_GE(in.heard.size(), 6U);  // the two clients that lived
        }
    });
}

}  // namespace
