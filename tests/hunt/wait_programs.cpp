// SPDX-License-Identifier: Apache-2.0
// Waits at locks and signals that nobody ends: a reader that reads again behind a writer, two kinds
// of waiters of which the wrong one is told, a signal that counts once, and a spin under the lock
// that the other one needs.
#include <atomic>
#include <cstddef>

#include "drama/coro/sleep.hpp"
#include "drama/sync/condition.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/mutex.hpp"
#include "drama/sync/shared_mutex.hpp"
#include "tests/hunt/hunt.hpp"

namespace drama::hunt {
namespace {

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
    world.always([&world, began = world.now()] { return world.now() - began < 3s; });
}

constexpr program programs[] = {
    {"ReadsBehindAWriter", read_behind_a_writer<false>, read_behind_a_writer<true>, "cycle"},
    {"TellsTheWrongOne", tell_the_wrong_one<false>, tell_the_wrong_one<true>, "orphan"},
    {"CountsTwoRingsAsTwo", count_two_rings_as_two<false>, count_two_rings_as_two<true>, "orphan"},
    {"LooksUnderTheLock", look_under_the_lock<false>, look_under_the_lock<true>,
     "livelock invariant"},
};

}  // namespace

std::span<const program> wait_programs() {
    return programs;
}

}  // namespace drama::hunt
