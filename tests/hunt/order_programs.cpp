// SPDX-License-Identifier: Apache-2.0
// One is a turn ahead of the other: an old answer on a connection that is used again, a gate that
// is passed twice, a callback into what tells it, a full box of who has left, a write after its
// lease.
#include <array>
#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "drama/base/spinlock.hpp"
#include "drama/coro/context.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/coro/when.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/net/tcp_stream.hpp"
#include "drama/sync/channel.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/mutex.hpp"
#include "tests/hunt/hunt.hpp"

namespace drama::hunt {
namespace {

// A connection goes back to the others while an answer to a question that was given up is on its
// way.

struct idle_connections {
    spinlock lock;
    std::deque<tcp_stream> idle;
    std::atomic<bool> was_wrong{false};
};

task<result<void>> answer_connection(tcp_stream stream) {
    for (;;) {
        std::array<std::byte, 1> question{};
        DRAMA_CO_TRY(const std::size_t got, co_await stream.read_some(question));
        if (got == 0) {
            co_return result<void>();
        }
        auto sent = co_await stream.write_all(question);
        if (!sent) {
            co_return sent;
        }
    }
}

task<result<void>> answer_all(scope_handle scope) {
    endpoint where("", 80);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(where)));
    for (;;) {
        DRAMA_CO_TRY(auto stream, co_await listener.accept());
        auto child = scope.spawn(answer_connection, std::move(stream));
        if (!child) {
            co_return fail(child.error().code());
        }
    }
}

task<result<void>> answer_server() {
    co_return co_await in_scope(answer_all);
}

task<result<std::byte>> ask_on(tcp_stream* over, std::byte question) {
    std::array<std::byte, 1> one{question};
    auto sent = co_await over->write_all(one);
    if (!sent) {
        co_return fail(sent.error());
    }
    DRAMA_CO_TRY(const std::size_t got, co_await over->read_some(one));
    if (got == 0) {
        co_return fail(errc::end_of_stream);
    }
    co_return one[0];
}

task<result<tcp_stream>> take_connection(idle_connections* in) {
    in->lock.lock();
    if (!in->idle.empty()) {
        tcp_stream kept = std::move(in->idle.front());
        in->idle.pop_front();
        in->lock.unlock();
        co_return std::move(kept);
    }
    in->lock.unlock();
    endpoint where("shop", 80);
    co_return co_await tcp_connect(std::move(where));
}

template <bool Mended>
task<result<void>> ask_over_and_over(idle_connections* in, int first) {
    for (int i = 0; i < 4; ++i) {
        DRAMA_CO_TRY(auto over, co_await take_connection(in));
        const auto question = static_cast<std::byte>(first + i);
        auto answer = co_await with_deadline(2ms, ask_on(&over, question));
        if (answer && *answer != question) {
            in->was_wrong = true;
        }
        if (answer || !Mended) {
            in->lock.lock();
            in->idle.push_back(std::move(over));
            in->lock.unlock();
        }
    }
    in->idle.clear();
    co_return result<void>();
}

template <bool Mended>
void gives_back_with_an_answer(sim_test_world& world) {
    auto& in = world.keep<idle_connections>();
    world.net().options().latency = latency_law::heavy_tail(100us, 5ms);
    world.serve("shop", answer_server);
    world.start("client", ask_over_and_over<Mended>, &in, 1);
    world.always([&in] { return !in.was_wrong; });
}

// A gate that lets all through whom it has waited for: who is quick comes by once more.

struct barrier {
    spinlock lock;
    int here = 0;
    event gate;
    std::shared_ptr<event> phase = std::make_shared<event>();
    std::array<std::atomic<int>, 3> rounds{};
    std::atomic<bool> was_lapped{false};
};

template <bool Mended>
task<result<void>> meet(barrier* in, int parties) {
    in->lock.lock();
    const bool last = ++in->here == parties;
    std::shared_ptr<event> mine = in->phase;
    if (last) {
        in->here = 0;
        in->phase = std::make_shared<event>();
    }
    in->lock.unlock();
    if constexpr (Mended) {
        if (last) {
            mine->set();
            co_return result<void>();
        }
        co_return co_await mine->wait();
    } else {
        if (last) {
            in->gate.set();
            co_return result<void>();
        }
        auto told = co_await in->gate.wait();
        in->gate.reset();
        co_return told;
    }
}

template <bool Mended>
task<result<void>> go_rounds(barrier* in, std::size_t me) {
    for (int i = 0; i < 4; ++i) {
        ++in->rounds[me];
        for (auto& other : in->rounds) {
            const int ahead = other - in->rounds[me];
            in->was_lapped = in->was_lapped || ahead > 1 || ahead < -1;
        }
        auto met = co_await meet<Mended>(in, 3);
        if (!met) {
            co_return met;
        }
    }
    co_return result<void>();
}

template <bool Mended>
void laps_the_barrier(sim_test_world& world) {
    auto& in = world.keep<barrier>();
    for (std::size_t i = 0; i < 3; ++i) {
        world.start_as("node", tenant_name(i), go_rounds<Mended>, &in, i);
    }
    world.always([&in] { return !in.was_lapped; });
}

// Listeners are told under the lock of their list, and one of them wants to leave it.

struct listeners {
    mutex lock;
    std::vector<int> all{1, 2};
    std::atomic<int> told{0};
};

task<result<void>> on_news(listeners* in, int number) {
    ++in->told;
    if (number == 2) {
        DRAMA_CO_TRY(auto held, co_await in->lock.lock());
        std::erase(in->all, number);
    }
    co_return result<void>();
}

template <bool Mended>
task<result<void>> tell_all(listeners* in) {
    DRAMA_CO_TRY(auto held, co_await in->lock.lock());
    const std::vector<int> now = in->all;
    if constexpr (Mended) {
        held.unlock();
    }
    for (const int each : now) {
        auto told = co_await on_news(in, each);
        if (!told) {
            co_return told;
        }
    }
    co_return result<void>();
}

template <bool Mended>
void calls_back_under_the_lock(sim_test_world& world) {
    auto& in = world.keep<listeners>();
    world.start_as("node", "one", tell_all<Mended>, &in);
    world.start_as("node", "other", tell_all<Mended>, &in);
}

// Answers go to a box with room for one; who asked twice has left with one.

struct question_box {
    std::shared_ptr<channel<int>> reply;
};

struct asked_pool {
    channel<question_box> questions{4};
};

template <bool Mended>
task<result<void>> answer_questions(asked_pool* in) {
    for (;;) {
        auto next = co_await in->questions.pop();
        if (!next) {
            co_return next.error() == errc::closed ? result<void>() : fail(next.error());
        }
        auto worked = co_await sleep_for(20us);
        if (!worked) {
            co_return worked;
        }
        if constexpr (Mended) {
            auto given = next->reply->try_push(1);
            static_cast<void>(given);
        } else {
            auto given = co_await next->reply->push(1);
            static_cast<void>(given);
        }
    }
}

task<result<void>> ask_two_at_once(asked_pool* in) {
    auto reply = std::make_shared<channel<int>>(1);
    for (int i = 0; i < 2; ++i) {
        question_box box{reply};
        auto asked = co_await in->questions.push(std::move(box));
        if (!asked) {
            co_return asked;
        }
    }
    auto first = co_await reply->pop(100us);
    static_cast<void>(first);
    auto second = co_await reply->pop(30us);  // the slower of the two is not needed
    static_cast<void>(second);
    in->questions.close();
    co_return result<void>();
}

template <bool Mended>
void fills_the_reply_box(sim_test_world& world) {
    auto& in = world.keep<asked_pool>();
    world.start_as("node", "server", answer_questions<Mended>, &in);
    world.start_as("node", "client", ask_two_at_once, &in);
}

// A lease is looked at, a write is sent, and it arrives when another has the lease.

struct leased {
    spinlock lock;
    instant until{};
    int epoch = 0;
    int written = 0;
    std::atomic<bool> went_back{false};
};

template <bool Mended>
task<result<void>> write_under_lease(leased* in) {
    for (int i = 0; i < 4; ++i) {
        runnable& self = co_await this_task();
        in->lock.lock();
        const instant now = self.home->now();
        const bool got = in->until < now;
        int mine = 0;
        if (got) {
            mine = ++in->epoch;
            in->until = now + 100us;
        }
        in->lock.unlock();
        auto worked = co_await sleep_for(60us);
        if (!worked) {
            co_return worked;
        }
        if (!got) {
            continue;
        }
        in->lock.lock();
        const bool still = self.home->now() <= in->until;
        in->lock.unlock();
        if (still) {
            auto sent = co_await sleep_for(45us);  // on its way
            if (!sent) {
                co_return sent;
            }
            in->lock.lock();
            if (!Mended || mine >= in->written) {
                in->went_back = in->went_back || mine < in->written;
                in->written = mine;
            }
            in->lock.unlock();
        }
    }
    co_return result<void>();
}

template <bool Mended>
void writes_after_its_lease(sim_test_world& world) {
    auto& in = world.keep<leased>();
    for (std::size_t i = 0; i < 3; ++i) {
        world.start_as("node", tenant_name(i), write_under_lease<Mended>, &in);
    }
    world.always([&in] { return !in.went_back; });
}

constexpr program programs[] = {
    {"GivesBackWithAnAnswer", gives_back_with_an_answer<false>, gives_back_with_an_answer<true>,
     "invariant"},
    {"LapsTheBarrier", laps_the_barrier<false>, laps_the_barrier<true>, "invariant orphan"},
    {"CallsBackUnderTheLock", calls_back_under_the_lock<false>, calls_back_under_the_lock<true>,
     "cycle"},
    {"FillsTheReplyBox", fills_the_reply_box<false>, fills_the_reply_box<true>, "orphan"},
    {"WritesAfterItsLease", writes_after_its_lease<false>, writes_after_its_lease<true>,
     "invariant"},
};

}  // namespace

std::span<const program> order_programs() {
    return programs;
}

}  // namespace drama::hunt
