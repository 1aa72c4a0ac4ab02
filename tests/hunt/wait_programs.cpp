// SPDX-License-Identifier: Apache-2.0
// Waits that nobody ends: a reader that reads again behind a writer, two kinds of waiters of which
// the wrong one is told, a signal that counts once, a pool whose jobs wait for jobs, lines that are
// full in a ring, a spin under the lock that the other one needs, a child that outlives its frame,
// a group that is waited for before its members have come, and a server that has gone.
#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "drama/base/spinlock.hpp"
#include "drama/coro/context.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sync/channel.hpp"
#include "drama/sync/condition.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/mutex.hpp"
#include "drama/sync/oneshot.hpp"
#include "drama/sync/shared_mutex.hpp"
#include "tests/hunt/hunt.hpp"

namespace drama::hunt {
namespace {

std::string tenant_name(std::size_t number) {
    return "tenant " + std::to_string(number);
}

// Who reads calls a function that reads as well; a writer has come in between.

struct settings {
    shared_mutex lock;
    int value = 0;
};

task<result<int>> read_value(settings* in) {
    DRAMA_CO_TRY(auto reading, co_await in->lock.lock_shared());
    co_return in->value;
}

template <bool Mended>
task<result<void>> read_all(settings* in) {
    DRAMA_CO_TRY(auto reading, co_await in->lock.lock_shared());
    auto gave_way = co_await yield_now();
    if (!gave_way) {
        co_return gave_way;
    }
    if constexpr (Mended) {
        reading.unlock();
    }
    DRAMA_CO_TRY([[maybe_unused]] const int value, co_await read_value(in));
    co_return result<void>();
}

task<result<void>> write_value(settings* in) {
    DRAMA_CO_TRY(auto writing, co_await in->lock.lock());
    ++in->value;
    co_return result<void>();
}

template <bool Mended>
void read_behind_a_writer(sim_test_world& world) {
    auto& in = world.keep<settings>();
    world.start_as("node", "reader", read_all<Mended>, &in);
    world.start_as("node", "other reader", read_all<Mended>, &in);
    world.start_as("node", "writer", write_value, &in);
}

// Those who wait for room and those who wait for goods are told by the same bell, one at a time.

struct narrow_shelf {
    mutex lock;
    condition changed;
    int goods = 0;

    void ring(bool all) {
        if (all) {
            changed.notify_all();
        } else {
            changed.notify_one();
        }
    }
};

template <bool Mended>
task<result<void>> change_goods(narrow_shelf* in, int by) {
    for (int i = 0; i < 4; ++i) {
        DRAMA_CO_TRY(auto held, co_await in->lock.lock());
        while (in->goods + by < 0 || in->goods + by > 1) {
            auto told = co_await in->changed.wait(held);
            if (!told) {
                co_return told;
            }
        }
        in->goods += by;
        in->ring(Mended);
    }
    co_return result<void>();
}

template <bool Mended>
void tell_the_wrong_one(sim_test_world& world) {
    auto& in = world.keep<narrow_shelf>();
    for (std::size_t i = 0; i < 2; ++i) {
        world.start_as("shop", tenant_name(i), change_goods<Mended>, &in, 1);
        world.start_as("shop", tenant_name(i), change_goods<Mended>, &in, -1);
    }
}

// Two signals that come before the first was taken are one.

struct doorbell {
    auto_reset_event rung;
    std::atomic<int> guests{0};
};

template <bool Mended>
task<result<void>> let_guests_in(doorbell* in, int expected) {
    for (int let_in = 0; let_in < expected;) {
        auto heard = co_await in->rung.wait();
        if (!heard) {
            co_return heard;
        }
        let_in += Mended ? in->guests.exchange(0) : 1;
    }
    co_return result<void>();
}

task<result<void>> ring(doorbell* in) {
    auto came = co_await sleep_for(10us);
    ++in->guests;
    in->rung.set();
    co_return came;
}

template <bool Mended>
void count_two_rings_as_two(sim_test_world& world) {
    auto& in = world.keep<doorbell>();
    world.start_as("house", "host", let_guests_in<Mended>, &in, 2);
    world.start_as("house", "one", ring, &in);
    world.start_as("house", "other", ring, &in);
}

// A pool of one's own, some of whose jobs wait for another job of the pool.

struct order {
    bool is_large = false;
    oneshot_sender<int> done;
};

struct kitchen {
    explicit kitchen(std::size_t most) : cooks(most), orders(16) {}
    std::size_t cooks;
    channel<order> orders;
};

task<result<int>> ask_kitchen(kitchen* in, bool is_large) {
    auto [sender, receiver] = oneshot<int>();
    order wanted{is_large, std::move(sender)};
    auto asked = co_await in->orders.push(std::move(wanted));
    if (!asked) {
        co_return fail(asked.error());
    }
    co_return co_await receiver.receive();
}

template <bool Mended>
task<result<void>> cook(kitchen* in) {
    for (;;) {
        DRAMA_CO_TRY(auto next, co_await in->orders.pop());
        auto cooked = co_await sleep_for(5us);
        if (!cooked) {
            co_return cooked;
        }
        if (next.is_large && !Mended) {
            DRAMA_CO_TRY([[maybe_unused]] const int side, co_await ask_kitchen(in, false));
        }
        auto told = next.done.send(1);
        static_cast<void>(told);
    }
}

template <bool Mended>
task<result<void>> eat(kitchen* in) {
    DRAMA_CO_TRY([[maybe_unused]] const int dish, co_await ask_kitchen(in, true));
    if constexpr (Mended) {
        DRAMA_CO_TRY([[maybe_unused]] const int side, co_await ask_kitchen(in, false));
    }
    co_return result<void>();
}

template <bool Mended>
void wait_for_ones_own_pool(sim_test_world& world) {
    auto& in = world.keep<kitchen>(world.capacity(3));
    for (std::size_t i = 0; i < in.cooks; ++i) {
        world.serve("kitchen", cook<Mended>, &in);
    }
    for (std::size_t i = 0; i < 3; ++i) {
        world.start_as("kitchen", tenant_name(i), eat<Mended>, &in);
    }
}

// Two who answer each other, each over a short line: both are full, and both write.

struct two_lines {
    channel<int> there{1};
    channel<int> back{1};
};

template <bool Mended>
task<result<void>> say_and_hear(channel<int>* say, channel<int>* hear) {
    for (int i = 0; i < 5; ++i) {
        auto said = co_await say->push(i);
        if (!said) {
            co_return said;
        }
        if (i % 2 == 1 || Mended) {
            DRAMA_CO_TRY([[maybe_unused]] const int heard, co_await hear->pop());
        }
    }
    co_return result<void>();
}

template <bool Mended>
void talk_at_the_same_time(sim_test_world& world) {
    auto& in = world.keep<two_lines>();
    world.start_as("node", "one", say_and_hear<Mended>, &in.there, &in.back);
    world.start_as("node", "other", say_and_hear<Mended>, &in.back, &in.there);
}

// Who has the lock looks again and again for what only another one can do who needs the lock.

struct polled {
    mutex lock;
    bool is_ready = false;
};

template <bool Mended>
task<result<void>> look_until_ready(polled* in) {
    for (bool is_ready = false; !is_ready;) {
        DRAMA_CO_TRY(auto held, co_await in->lock.lock());
        while (!Mended && !in->is_ready) {
            auto gave_way = co_await sleep_for(10us);
            if (!gave_way) {
                co_return gave_way;
            }
        }
        is_ready = in->is_ready;
        held.unlock();
        auto gave_way = co_await sleep_for(10us);
        if (!gave_way) {
            co_return gave_way;
        }
    }
    co_return result<void>();
}

task<result<void>> make_ready(polled* in) {
    DRAMA_CO_TRY(auto held, co_await in->lock.lock());
    in->is_ready = true;
    co_return result<void>();
}

template <bool Mended>
void look_under_the_lock(sim_test_world& world) {
    auto& in = world.keep<polled>();
    world.start_as("node", "looks", look_until_ready<Mended>, &in);
    world.start_as("node", "makes", make_ready, &in);
    world.always([&world, began = world.now()] { return world.now() - began < 100ms; });
}

// A task that nobody joins writes into the frame of who spawned it, who did not wait that long.

struct answer_place {
    event is_there;
    int value = 0;
};

task<result<void>> answer_into(answer_place* into, std::shared_ptr<answer_place> kept) {
    auto worked = co_await sleep_for(20us);
    into->value = 7;
    into->is_there.set();
    static_cast<void>(kept);
    co_return worked;
}

template <bool Mended>
task<result<void>> ask_for_a_while() {
    answer_place mine;
    auto shared = std::make_shared<answer_place>();
    answer_place* const place = Mended ? shared.get() : &mine;
    const runtime_handle here = this_runtime();
    auto asked = here.try_spawn(here.tenant("answers"), answer_into, place, shared);
    if (!asked) {
        co_return fail(asked.error().code());
    }
    auto answered = co_await place->is_there.wait(40us);
    static_cast<void>(answered);  // without an answer it goes on
    co_return result<void>();
}

template <bool Mended>
void leave_before_the_answer(sim_test_world& world) {
    world.start("node", ask_for_a_while<Mended>);
    world.start("node", ask_for_a_while<Mended>);
}

// A group is waited for, and its members count themselves only when they run.

struct group_count {
    std::atomic<int> here{0};
    event all_gone;
    std::atomic<int> done{0};
    int done_at_the_end = -1;

    void leave() {
        if (here.fetch_sub(1) == 1) {
            all_gone.set();
        }
    }
};

template <bool Mended>
task<result<void>> belong_to_a_group(group_count* in) {
    if constexpr (!Mended) {
        ++in->here;
    }
    auto worked = co_await sleep_for(5us);
    ++in->done;
    in->leave();
    co_return worked;
}

template <bool Mended>
task<result<void>> start_group(scope_handle scope, group_count* in, int members) {
    if constexpr (Mended) {
        in->here = members;
    }
    for (int i = 0; i < members; ++i) {
        auto one = scope.spawn(belong_to_a_group<Mended>, in);
        if (!one) {
            co_return fail(one.error().code());
        }
    }
    auto gone = co_await in->all_gone.wait();
    in->done_at_the_end = in->done;
    co_return gone;
}

template <bool Mended>
task<result<void>> run_group(group_count* in) {
    co_return co_await in_scope(start_group<Mended>, in, 3);
}

template <bool Mended>
void count_members_too_late(sim_test_world& world) {
    auto& in = world.keep<group_count>();
    world.start("node", run_group<Mended>, &in);
    world.finally([&in] { return in.done_at_the_end == 3; });
}

// Questions that are in the line when the server goes are answered by nobody.

struct question {
    std::shared_ptr<oneshot_sender<int>> answer;
};

struct office {
    channel<question> line{4};
    event closes;
    std::vector<question> left;
};

template <bool Mended>
task<result<void>> answer_until_closed(office* in) {
    while (!in->closes.is_set()) {
        auto next = co_await in->line.pop(15us);
        if (!next && next.error() != errc::deadline_exceeded) {
            co_return fail(next.error());
        }
        if (next) {
            auto told = next->answer->send(1);
            static_cast<void>(told);
        }
    }
    if constexpr (Mended) {
        in->line.close();
        while (auto left = in->line.try_pop()) {
            left->answer.reset();
        }
    }
    co_return result<void>();
}

task<result<void>> ask_office(office* in) {
    for (int i = 0; i < 3; ++i) {
        auto [sender, receiver] = oneshot<int>();
        question put{std::make_shared<oneshot_sender<int>>(std::move(sender))};
        auto asked = co_await in->line.push(std::move(put));
        if (!asked) {
            co_return result<void>();
        }
        auto answered = co_await receiver.receive();
        if (!answered) {
            co_return answered.error() == errc::closed ? result<void>() : fail(answered.error());
        }
    }
    co_return result<void>();
}

task<result<void>> close_office(office* in) {
    auto slept = co_await sleep_for(20us);
    in->closes.set();
    co_return slept;
}

template <bool Mended>
void close_with_a_line(sim_test_world& world) {
    auto& in = world.keep<office>();
    world.start_as("node", "office", answer_until_closed<Mended>, &in);
    for (std::size_t i = 0; i < 2; ++i) {
        world.start_as("node", tenant_name(i), ask_office, &in);
    }
    world.start_as("node", "closer", close_office, &in);
}

constexpr program programs[] = {
    {"ReadsBehindAWriter", read_behind_a_writer<false>, read_behind_a_writer<true>, "cycle"},
    {"TellsTheWrongOne", tell_the_wrong_one<false>, tell_the_wrong_one<true>, "orphan"},
    {"CountsTwoRingsAsTwo", count_two_rings_as_two<false>, count_two_rings_as_two<true>, "orphan"},
    {"WaitsForItsOwnPool", wait_for_ones_own_pool<false>, wait_for_ones_own_pool<true>,
     "orphan cycle"},
    {"TalksAtTheSameTime", talk_at_the_same_time<false>, talk_at_the_same_time<true>,
     "cycle orphan"},
    {"LooksUnderTheLock", look_under_the_lock<false>, look_under_the_lock<true>,
     "livelock invariant"},
    {"LeavesBeforeTheAnswer", leave_before_the_answer<false>, leave_before_the_answer<true>,
     "crash"},
    {"CountsMembersTooLate", count_members_too_late<false>, count_members_too_late<true>,
     "invariant"},
    {"ClosesWithALine", close_with_a_line<false>, close_with_a_line<true>, "orphan"},
};

}  // namespace

std::span<const program> wait_programs() {
    return programs;
}

}  // namespace drama::hunt
