// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/standard_scenario.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "drama/coro/context.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sync/mutex.hpp"
#include "tests/scenarios/workshop.hpp"

namespace drama::scenarios {
namespace {

constexpr std::uint16_t port = 8080;
constexpr std::size_t message_bytes_max = 3'000;
static_assert(message_bytes_max % sizeof(std::uint64_t) == 0);
// A message must fit into both directions of a connection: the client writes all of it before it
// reads, and the server echoes while it reads. With less, both would wait for each other.
constexpr std::size_t buffer_bytes_least = 2'048;

// What the seed chose, and what was counted meanwhile. One run's; outlives its tasks.
struct state {
    explicit state(std::uint64_t seed) : random(seed) {
        clients = 1 + random.below(5);
        messages = 12 + random.below(21);
        tenants = 1 + random.below(3);
        workers = 1 + random.below(4);
        has_hog = random.below(2) == 0;
        hand_over = random.below(4) != 0;
        if (random.below(2) == 0) {
            shop.emplace(random.next());
        }
    }

    prng random;
    std::uint64_t clients = 0;
    std::uint64_t messages = 0;
    std::uint64_t tenants = 0;
    std::uint64_t workers = 0;
    bool has_hog = false;
    bool hand_over = true;

    simulation* sim = nullptr;
    runtime* rt = nullptr;
    mutex index;
    std::uint64_t inside = 0;     // tasks that hold the mutex
    std::uint64_t looked_up = 0;  // under the mutex
    std::uint64_t echoed_bytes = 0;
    std::uint64_t sent_bytes = 0;
    std::uint64_t finished_clients = 0;
    std::optional<workshop> shop;  // in one run of two
    std::string fault;

    void fail_with(const std::string& what) {
        if (fault.empty()) {
            fault = what;
        }
    }
    tenant tenant_of(std::uint64_t number) {
        return rt->tenants().get_or_create("tenant " + std::to_string(number % tenants));
    }
    duration some(duration most) {
        return duration(random.below(static_cast<std::uint64_t>(most.count()) + 1));
    }
};

int look_up(duration cost) {
    sim::block(cost);
    return 1;
}

int pack(duration cost) {
    sim::spend(cost);
    return 1;
}

task<result<void>> sleep_as_task(duration span) {
    co_return co_await sleep_for(span);
}

task<result<void>> use_index(state* all, std::uint64_t who, duration patience) {
    auto guard = co_await all->index.lock(patience);
    if (!guard) {
        co_return guard.error() == errc::deadline_exceeded ? result<void>() : fail(guard.error());
    }
    if (++all->inside != 1) {
        all->fail_with("two tasks hold the mutex");
    }
    all->sim->note(who);  // the order among equals is part of the event hash
    ++all->looked_up;
    auto slept = co_await sleep_for(all->some(200us));
    --all->inside;
    co_return slept;
}

// The work of one message, before it is echoed.
task<result<void>> serve_message(state* all, std::uint64_t who) {
    switch (all->random.below(7)) {
        case 0: {
            auto found = co_await blocking(look_up, all->some(2ms));
            co_return found ? result<void>() : fail(found.error());
        }
        case 1: {
            auto packed = co_await compute(pack, all->some(1ms));
            co_return packed ? result<void>() : fail(packed.error());
        }
        case 2:
            co_return co_await use_index(all, who, 1h);
        case 3:
            sim::spend(all->some(100us));
            co_return result<void>();
        case 4:
            co_return co_await use_index(all, who, all->some(100us));
        default:
            co_return co_await yield_now();
    }
}

task<void> serve_connection(state* all, std::uint64_t who, tcp_stream stream) {
    std::array<std::byte, 1024> buffer;
    for (;;) {
        auto got = co_await stream.read_some(buffer);
        if (!got || *got == 0) {
            co_return;
        }
        auto served = co_await serve_message(all, who);
        if (!served && served.error() != errc::thread_unavailable) {
            co_return;
        }
        auto sent = co_await stream.write_all(std::span<const std::byte>(buffer).first(*got));
        if (!sent) {
            co_return;
        }
        all->echoed_bytes += *got;
    }
}

task<result<void>> serve(scope_handle connections, state* all, tcp_listener* listener) {
    for (std::uint64_t number = 0; number < all->clients; ++number) {
        DRAMA_CO_TRY(auto stream, co_await listener->accept());
        auto child = connections.spawn(all->tenant_of(number), serve_connection, all, number,
                                       std::move(stream));
        if (!child) {
            co_return fail(child.error().code());
        }
    }
    co_return result<void>();
}

task<result<void>> server(state* all) {
    endpoint where("127.0.0.1", port);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(where)));
    co_return co_await in_scope(serve, all, &listener);
}

task<result<void>> read_exactly(tcp_stream* stream, std::span<std::byte> into) {
    while (!into.empty()) {
        DRAMA_CO_TRY(const std::size_t got, co_await stream->read_some(into));
        if (got == 0) {
            co_return fail(errc::end_of_stream);
        }
        into = into.subspan(got);
    }
    co_return result<void>();
}

// Eight bytes at a time: this is most of what a message costs.
void fill(std::span<std::byte, message_bytes_max> message, std::uint64_t drawn) {
    for (std::size_t at = 0; at < message.size(); at += sizeof drawn) {
        std::memcpy(&message[at], &drawn, sizeof drawn);
        drawn = drawn << 7 ^ drawn >> 3;
    }
}

task<result<void>> exchange(state* all, tcp_stream* stream) {
    std::array<std::byte, message_bytes_max> message;
    std::array<std::byte, message_bytes_max> answer;
    const std::size_t size = 1 + all->random.below(message_bytes_max);
    fill(message, all->random.next());
    auto sent = co_await stream->write_all(std::span<const std::byte>(message).first(size));
    if (!sent) {
        co_return sent;
    }
    all->sent_bytes += size;
    auto got = co_await read_exactly(stream, std::span(answer).first(size));
    if (got && std::memcmp(answer.data(), message.data(), size) != 0) {
        all->fail_with("other bytes came back");
    }
    co_return got;
}

task<result<void>> client(state* all) {
    endpoint where("127.0.0.1", port);
    DRAMA_CO_TRY(auto stream, co_await tcp_connect(std::move(where)));
    for (std::uint64_t i = 0; i < all->messages; ++i) {
        auto slept = co_await sleep_for(all->some(500us));
        if (!slept) {
            co_return slept;
        }
        auto exchanged = co_await exchange(all, &stream);
        if (!exchanged) {
            co_return exchanged;
        }
    }
    ++all->finished_clients;
    co_return result<void>();
}

// Gives up sleeps that are too long, all the time.
task<void> dreamer(state* all) {
    for (std::uint64_t i = 0; i < all->messages; ++i) {
        auto slept = co_await with_deadline(all->some(300us), sleep_as_task(all->some(400us)));
        if (!slept && slept.error() != errc::deadline_exceeded) {
            co_return;
        }
    }
}

// Keeps its thread, on the CPU or waiting in the kernel.
task<void> hog(state* all) {
    auto slept = co_await sleep_for(all->some(2ms));
    if (slept && all->random.below(2) == 0) {
        sim::spend(1ms + all->some(4ms));
    } else if (slept) {
        sim::block(1ms + all->some(7ms));
    }
}

void start_everything(state& all) {
    runtime& rt = *all.rt;
    const auto check = [&](bool started) {
        if (!started) {
            all.fail_with("a root was refused");
        }
    };
    check(rt.try_spawn(rt.tenants().system(), server, &all).has_value());
    for (std::uint64_t number = 0; number < all.clients; ++number) {
        check(rt.try_spawn(all.tenant_of(number), client, &all).has_value());
    }
    check(rt.try_spawn(all.tenant_of(0), dreamer, &all).has_value());
    if (all.shop) {
        all.shop->sim = all.sim;
        check(
            rt.try_spawn(rt.tenants().get_or_create("shop"), run_workshop, &*all.shop).has_value());
    }
    if (all.has_hog) {
        check(rt.try_spawn(rt.tenants().get_or_create("hog"), hog, &all).has_value());
    }
}

void set_network(network_options& options, prng& random) {
    options.latency = random.below(2) == 0
                          ? latency_law::fixed(duration(20'000 + random.below(200'000)))
                          : latency_law::heavy_tail(20us, 5ms);
    options.buffer_bytes = random.below(3) == 0 ? buffer_bytes_least : 64 * 1024;
    options.short_one_in = random.below(2) == 0 ? 0 : 4;
}

void judge_shop(state& all) {
    const workshop& shop = *all.shop;
    if (!shop.fault.empty()) {
        all.fail_with(shop.fault);
    } else if (shop.answered != shop.producers * shop.orders_each) {
        all.fail_with("orders were not answered");
    } else if (shop.crowd_done != shop.crowd) {
        all.fail_with("some of the crowd never ran");
    }
}

void judge(state& all, bool ended) {
    if (!ended) {
        all.fail_with("tasks are left");
    } else if (all.finished_clients != all.clients) {
        all.fail_with("a client did not finish");
    } else if (all.echoed_bytes != all.sent_bytes) {
        all.fail_with("bytes were lost");
    } else if (all.shop) {
        judge_shop(all);
    }
    if (!all.rt->stop()) {
        all.fail_with("the runtime did not stop");
    }
    if (!all.sim->leftovers().empty()) {
        all.fail_with(all.sim->leftovers() + " are left");
    }
}

}  // namespace

outcome run_standard(std::uint64_t seed, const settings& how) {
    state all(seed ^ 0x7374616e64617264u);
    sim_options options;
    options.cpus = 1 + all.random.below(3);
    options.carriers = how.carriers;
    options.keep_events = how.keep_events;
    simulation sim(seed, options);
    set_network(sim.network().options(), all.random);
    runtime_options choice;
    choice.workers = all.workers;
    choice.hand_over = all.hand_over;
    choice.log = [](const std::string&) {};
    outcome seen;
    {
        runtime rt(sim.world(), choice);
        all.sim = &sim;
        all.rt = &rt;
        sim.watch(rt);
        if (!rt.start()) {
            all.fail_with("the runtime did not start");
        } else {
            start_everything(all);
            judge(all, sim.run_to_end(std::chrono::minutes(10)));
        }
        seen.hand_overs = rt.stats().hand_overs;
    }
    sim.note(all.looked_up);
    seen.hash = sim.event_hash();
    seen.steps = sim.world().steps();
    seen.events = sim.world().events();
    seen.fault = all.fault;
    seen.kept = sim.world().kept_events();
    return seen;
}

}  // namespace drama::scenarios
