// SPDX-License-Identifier: Apache-2.0
// Tasks that go on for ever though much happens: they heed no stop, let each other go first, pass
// the same thing to and fro. And memory whose last owner is gone.
#include <atomic>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "drama/coro/sleep.hpp"
#include "drama/sync/channel.hpp"
#include "tests/hunt/hunt.hpp"

namespace drama::hunt {
namespace {

task<void> work_a_little() {
    auto worked = co_await sleep_for(3ms);
    static_cast<void>(worked);
}

// A housekeeper takes every wake-up for the next hour, also the one that says stop.

template <bool Mended>
task<void> keep_house(std::atomic<int>* rounds) {
    for (;;) {
        auto slept = co_await sleep_for(1ms);
        if (Mended && !slept) {
            co_return;
        }
        ++*rounds;
    }
}

template <bool Mended>
void heed_no_stop(sim_test_world& world) {
    auto& rounds = world.keep<std::atomic<int>>(0);
    world.serve("node", keep_house<Mended>, &rounds);
    world.start("node", work_a_little);
}

// A reader waits for the line to be closed, and its stop closes nothing.

template <bool Mended>
task<void> read_until_closed(channel<int>* from, std::atomic<int>* sum) {
    for (;;) {
        auto got = co_await from->pop();
        if (got) {
            *sum += *got;
        } else if (got.error() == errc::closed || Mended) {
            co_return;
        }
    }
}

task<result<void>> write_some(channel<int>* to) {
    for (int i = 0; i < 3; ++i) {
        int item = i;
        auto sent = co_await to->push(std::move(item));
        if (!sent) {
            co_return sent;
        }
    }
    co_return result<void>();
}

template <bool Mended>
void wait_for_the_end_of_the_line(sim_test_world& world) {
    auto& line = world.keep<channel<int>>(2);
    auto& sum = world.keep<std::atomic<int>>(0);
    world.serve("node", read_until_closed<Mended>, &line, &sum);
    world.start("node", write_some, &line);
}

// Two who each let the other go first.

struct door {
    std::atomic<bool> wants[2] = {true, true};
};

template <bool Mended>
task<result<void>> after_you(door* at, std::size_t me) {
    while (at->wants[1 - me] && (!Mended || me == 1)) {
        auto waited = co_await yield_now();
        if (!waited) {
            co_return waited;
        }
    }
    at->wants[me] = false;
    co_return result<void>();
}

template <bool Mended>
void let_each_other_go_first(sim_test_world& world) {
    auto& at = world.keep<door>();
    world.start_as("node", "one", after_you<Mended>, &at, 0);
    world.start_as("node", "other", after_you<Mended>, &at, 1);
}

// Two in a corridor who both step aside, to the same side, at the same time.

struct corridor {
    std::atomic<int> side[2] = {0, 0};
};

template <bool Mended>
task<result<void>> walk_past(corridor* in, std::size_t me) {
    while (in->side[me] == in->side[1 - me]) {
        auto stopped = co_await sleep_for(10us);
        if (!stopped) {
            co_return stopped;
        }
        if (!Mended || me == 0) {
            in->side[me] = 1 - in->side[me];
        }
        auto stepped = co_await sleep_for(10us);
        if (!stepped) {
            co_return stepped;
        }
    }
    co_return result<void>();
}

template <bool Mended>
void step_aside_together(sim_test_world& world) {
    auto& in = world.keep<corridor>();
    world.start_as("node", "one", walk_past<Mended>, &in, 0);
    world.start_as("node", "other", walk_past<Mended>, &in, 1);
}

// Two desks that each find the other one is in charge.

struct desks {
    channel<int> first{1};
    channel<int> second{1};
};

template <bool Mended>
task<result<void>> send_it_on(channel<int>* mine, channel<int>* next, bool has_it) {
    for (int seen = has_it ? 0 : -1;;) {
        if (seen >= 0) {
            int sent_on = seen + 1;
            auto sent = co_await next->push(std::move(sent_on));
            if (!sent) {
                co_return sent.error() == errc::closed ? result<void>() : sent;
            }
        }
        if (Mended && seen >= 4) {
            next->close();
            co_return result<void>();
        }
        auto got = co_await mine->pop();
        if (!got) {
            co_return got.error() == errc::closed ? result<void>() : fail(got.error());
        }
        seen = *got;
        if (Mended && seen >= 5) {
            mine->close();
            co_return result<void>();
        }
    }
}

template <bool Mended>
void send_it_to_and_fro(sim_test_world& world) {
    auto& in = world.keep<desks>();
    world.start_as("node", "one", send_it_on<Mended>, &in.first, &in.second, true);
    world.start_as("node", "other", send_it_on<Mended>, &in.second, &in.first, false);
}

// Parent and child own each other.

template <bool Mended>
struct family {
    std::shared_ptr<family> child;
    std::conditional_t<Mended, std::weak_ptr<family>, std::shared_ptr<family>> parent;
};

template <bool Mended>
task<void> found_a_family() {
    auto parent = std::make_shared<family<Mended>>();
    parent->child = std::make_shared<family<Mended>>();
    parent->child->parent = parent;
    co_await work_a_little();
}

template <bool Mended>
void own_each_other(sim_test_world& world) {
    world.start("node", found_a_family<Mended>);
}

// A parcel without an owner between two awaits: a stop there loses it.

struct parcel {
    std::vector<int> content = std::vector<int>(16);
};

template <bool Mended>
task<result<void>> carry() {
    auto packed = std::make_unique<parcel>();
    parcel* const bare = Mended ? nullptr : packed.release();
    auto on_the_way = co_await sleep_for(20us);
    if (!on_the_way) {
        co_return on_the_way;
    }
    if constexpr (!Mended) {
        packed.reset(bare);
    }
    co_return result<void>();
}

template <bool Mended>
void carry_without_an_owner(sim_test_world& world) {
    world.start("node", carry<Mended>);
    world.start("node", carry<Mended>);
    world.survives_stops();
}

constexpr program programs[] = {
    {"HeedsNoStop", heed_no_stop<false>, heed_no_stop<true>, "livelock"},
    {"WaitsForTheEndOfTheLine", wait_for_the_end_of_the_line<false>,
     wait_for_the_end_of_the_line<true>, "livelock"},
    {"LetsEachOtherGoFirst", let_each_other_go_first<false>, let_each_other_go_first<true>,
     "livelock"},
    {"StepsAsideTogether", step_aside_together<false>, step_aside_together<true>, "livelock"},
    {"SendsItToAndFro", send_it_to_and_fro<false>, send_it_to_and_fro<true>, "livelock"},
    {"OwnsEachOther", own_each_other<false>, own_each_other<true>, "leak"},
    {"CarriesWithoutAnOwner", carry_without_an_owner<false>, carry_without_an_owner<true>, "leak"},
};

}  // namespace

std::span<const program> endless_programs() {
    return programs;
}

}  // namespace drama::hunt
