// SPDX-License-Identifier: Apache-2.0
// Requests: one that is sent again although it was served, one whose failure nobody is told, and
// one whose late answer goes to another.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "drama/base/spinlock.hpp"
#include "drama/coro/context.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/net/tcp_stream.hpp"
#include "drama/sync/channel.hpp"
#include "drama/sync/oneshot.hpp"
#include "tests/hunt/hunt.hpp"

namespace drama::hunt {
namespace {

// A client that hears nothing in time asks again, on another connection.

struct ledger {
    std::atomic<int> wanted{0};
    std::atomic<int> applied{0};
    spinlock lock;
    std::set<int> seen;

    bool is_first(int number) {
        lock.lock();
        const bool first = seen.insert(number).second;
        lock.unlock();
        return first;
    }
};

template <bool Mended>
task<result<void>> serve_order(ledger* in, tcp_stream stream) {
    std::array<std::byte, 1> order{};
    auto got = co_await stream.read_some(order);
    if (!got || *got == 0) {
        co_return result<void>();
    }
    const int number = std::to_integer<int>(order[0]);
    if (!Mended || in->is_first(number)) {
        ++in->applied;
    }
    auto sent = co_await stream.write_all(order);
    static_cast<void>(sent);  // the client may have gone
    co_return result<void>();
}

template <bool Mended>
task<result<void>> serve_orders(scope_handle scope, ledger* in) {
    endpoint where("", 80);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(where)));
    for (;;) {
        DRAMA_CO_TRY(auto stream, co_await listener.accept());
        auto child = scope.spawn(serve_order<Mended>, in, std::move(stream));
        if (!child) {
            co_return fail(child.error().code());
        }
    }
}

template <bool Mended>
task<result<void>> shop(ledger* in) {
    co_return co_await in_scope(serve_orders<Mended>, in);
}

task<result<void>> order_once(int number) {
    endpoint where("shop", 80);
    DRAMA_CO_TRY(auto stream, co_await tcp_connect(std::move(where)));
    std::array<std::byte, 1> order{static_cast<std::byte>(number)};
    auto sent = co_await stream.write_all(order);
    if (!sent) {
        co_return sent;
    }
    DRAMA_CO_TRY(const std::size_t got, co_await stream.read_some(order));
    co_return got == 1 ? result<void>() : fail(errc::end_of_stream);
}

task<result<void>> order_in_time(int number) {
    co_return co_await with_deadline(2ms, order_once(number));
}

task<result<void>> order_until_served(ledger* in, int number) {
    backoff schedule;
    schedule.first = 1ms;
    schedule.limit = 4;
    schedule.longest = 4ms;
    ++in->wanted;
    auto served = co_await retry(schedule, order_in_time, number);
    static_cast<void>(served);  // it may never be: but not twice
    co_return result<void>();
}

template <bool Mended>
void ask_again_blindly(sim_test_world& world) {
    auto& in = world.keep<ledger>();
    world.net().options().latency = latency_law::heavy_tail(100us, 5ms);
    world.serve("shop", shop<Mended>, &in);
    for (int i = 0; i < 2; ++i) {
        world.start("client", order_until_served, &in, i);
    }
    world.always([&in] { return in.applied <= in.wanted; });
}

// Calls wait for their answers by number; a write that fails leaves its caller in the table.

struct caller_table {
    spinlock lock;
    std::map<int, oneshot_sender<int>> waiting;
    channel<int> line{2};

    void add(int number, oneshot_sender<int> answer) {
        lock.lock();
        waiting.emplace(number, std::move(answer));
        lock.unlock();
    }
    std::optional<oneshot_sender<int>> take(int number) {
        std::optional<oneshot_sender<int>> taken;
        lock.lock();
        if (const auto found = waiting.find(number); found != waiting.end()) {
            taken.emplace(std::move(found->second));
            waiting.erase(found);
        }
        lock.unlock();
        return taken;
    }
};

template <bool Mended>
task<result<int>> call_by_number(caller_table* in, int number) {
    auto [sender, receiver] = oneshot<int>();
    in->add(number, std::move(sender));
    auto sent = co_await in->line.push(number, 20us);
    if (!sent && Mended) {
        static_cast<void>(in->take(number));
        co_return fail(sent.error());
    }
    co_return co_await receiver.receive();
}

template <bool Mended>
task<result<void>> call_some(caller_table* in, int first) {
    for (int i = 0; i < 3; ++i) {
        auto answer = co_await call_by_number<Mended>(in, first + i);
        if (!answer && answer.error() == errc::stop_requested) {
            co_return fail(answer.error());
        }
    }
    co_return result<void>();
}

task<result<void>> answer_calls(caller_table* in) {
    for (;;) {
        DRAMA_CO_TRY(const int number, co_await in->line.pop());
        auto slept = co_await sleep_for(15us);
        if (auto answer = in->take(number)) {
            auto told = answer->send(number);
            static_cast<void>(told);
        }
        if (!slept) {
            co_return slept;
        }
    }
}

template <bool Mended>
void keep_the_failure_secret(sim_test_world& world) {
    auto& in = world.keep<caller_table>();
    world.serve("node", answer_calls, &in);
    for (int i = 0; i < 4; ++i) {
        world.start_as("node", tenant_name(static_cast<std::size_t>(i)), call_some<Mended>, &in,
                       10 * i);
    }
}

// Answers come by slot. A caller that gave up leaves its slot to the next one, whose answer then is
// the late one.

struct slot {
    std::uint64_t generation = 0;
    std::optional<oneshot_sender<int>> waits;
};

struct slot_question {
    std::size_t slot = 0;
    std::uint64_t generation = 0;
    int value = 0;
};

struct slots {
    spinlock lock;
    std::array<slot, 2> all;
    channel<slot_question> questions{8};
    std::atomic<int> wrong_answers{0};
};

slot_question enter(slots* in, oneshot_sender<int> answer, int value) {
    std::size_t free = 0;
    std::uint64_t generation = 0;
    in->lock.lock();
    while (free < in->all.size() && in->all[free].waits) {
        ++free;
    }
    if (free < in->all.size()) {
        in->all[free].waits.emplace(std::move(answer));
        generation = in->all[free].generation;
    }
    in->lock.unlock();
    return {free, generation, value};
}

void leave(slots* in, std::size_t at) {
    std::optional<oneshot_sender<int>> gone;
    in->lock.lock();
    gone = std::exchange(in->all[at].waits, std::nullopt);
    ++in->all[at].generation;
    in->lock.unlock();
}

task<result<void>> ask_by_slot(slots* in, int value) {
    auto [sender, receiver] = oneshot<int>();
    const slot_question put = enter(in, std::move(sender), value);
    const std::size_t at = put.slot;
    if (at == in->all.size()) {
        co_return result<void>();  // all are taken
    }
    auto asked = co_await in->questions.push(put);
    if (!asked) {
        leave(in, at);
        co_return asked;
    }
    auto answer = co_await receiver.receive(60us);
    leave(in, at);
    if (answer) {
        in->wrong_answers += *answer != value ? 1 : 0;
    } else if (answer.error() == errc::stop_requested) {
        co_return fail(answer.error());
    }
    co_return result<void>();
}

template <bool Mended>
task<result<void>> answer_by_slot(slots* in) {
    for (int i = 0;; ++i) {
        DRAMA_CO_TRY(const slot_question next, co_await in->questions.pop());
        auto worked = co_await sleep_for(i % 3 == 0 ? 70us : 20us);
        if (!worked) {
            co_return worked;
        }
        std::optional<oneshot_sender<int>> answer;
        in->lock.lock();
        slot& at = in->all[next.slot];
        if (!Mended || at.generation == next.generation) {
            answer = std::exchange(at.waits, std::nullopt);
        }
        in->lock.unlock();
        if (answer) {
            auto told = answer->send(next.value);
            static_cast<void>(told);
        }
    }
}

task<result<void>> ask_some(slots* in, int first) {
    for (int i = 0; i < 4; ++i) {
        auto asked = co_await ask_by_slot(in, first + i);
        if (!asked) {
            co_return asked;
        }
    }
    co_return result<void>();
}

template <bool Mended>
void answer_who_comes_later(sim_test_world& world) {
    auto& in = world.keep<slots>();
    world.serve("node", answer_by_slot<Mended>, &in);
    world.start_as("node", "one", ask_some, &in, 0);
    world.start_as("node", "other", ask_some, &in, 100);
    world.always([&in] { return in.wrong_answers == 0; });
}

constexpr program programs[] = {
    {"AsksAgainBlindly", ask_again_blindly<false>, ask_again_blindly<true>, "invariant"},
    {"KeepsTheFailureSecret", keep_the_failure_secret<false>, keep_the_failure_secret<true>,
     "orphan"},
    {"AnswersWhoComesLater", answer_who_comes_later<false>, answer_who_comes_later<true>,
     "invariant"},
};

}  // namespace

std::span<const program> request_programs() {
    return programs;
}

}  // namespace drama::hunt
