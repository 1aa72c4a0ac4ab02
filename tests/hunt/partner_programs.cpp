// SPDX-License-Identifier: Apache-2.0
// Waits for partners who do not do their part: a pool whose jobs wait for jobs, lines that are full
// in a ring, a child that outlives its frame, a group that is waited for before its members have
// come, and a server that has gone.
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sync/channel.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/oneshot.hpp"
#include "tests/hunt/hunt.hpp"

namespace drama::hunt {
namespace {

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
    {"WaitsForItsOwnPool", wait_for_ones_own_pool<false>, wait_for_ones_own_pool<true>,
     "orphan cycle"},
    {"TalksAtTheSameTime", talk_at_the_same_time<false>, talk_at_the_same_time<true>,
     "cycle orphan"},
    {"LeavesBeforeTheAnswer", leave_before_the_answer<false>, leave_before_the_answer<true>,
     "crash"},
    {"CountsMembersTooLate", count_members_too_late<false>, count_members_too_late<true>,
     "invariant"},
    {"ClosesWithALine", close_with_a_line<false>, close_with_a_line<true>, "orphan"},
};

}  // namespace

std::span<const program> partner_programs() {
    return programs;
}

}  // namespace drama::hunt
