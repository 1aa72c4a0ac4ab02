// SPDX-License-Identifier: Apache-2.0
// Hold and wait: two locks in two orders, readers that want to write, a pool whose users want a
// second connection, a lock in the hands of a task that waits for who wants it, and two tasks that
// change one number.
#include <cstddef>
#include <utility>

#include "drama/base/spinlock.hpp"
#include "drama/coro/context.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/mutex.hpp"
#include "drama/sync/semaphore.hpp"
#include "drama/sync/shared_mutex.hpp"
#include "tests/hunt/hunt.hpp"

namespace drama::hunt {
namespace {

// A transfer locks both accounts: the one that gives first.

struct bank_account {
    mutex lock;
    int money = 100;
};

struct bank {
    bank_account accounts[3];
};

task<result<void>> transfer(bank_account* from, bank_account* to) {
    DRAMA_CO_TRY(auto first, co_await from->lock.lock());
    DRAMA_CO_TRY(auto second, co_await to->lock.lock());
    from->money -= 10;
    to->money += 10;
    co_return result<void>();
}

template <bool Mended>
task<result<void>> transfer_some(bank* in, std::size_t from, std::size_t to) {
    for (int i = 0; i < 3; ++i) {
        const bool swaps = Mended && from > to;
        bank_account* const one = &in->accounts[swaps ? to : from];
        bank_account* const other = &in->accounts[swaps ? from : to];
        auto moved = co_await transfer(one, other);
        if (!moved) {
            co_return moved;
        }
        auto gave_way = co_await yield_now();
        if (!gave_way) {
            co_return gave_way;
        }
    }
    co_return result<void>();
}

template <bool Mended>
void lock_in_two_orders(sim_test_world& world) {
    auto& in = world.keep<bank>();
    world.start_as("bank", "left", transfer_some<Mended>, &in, 0U, 1U);
    world.start_as("bank", "right", transfer_some<Mended>, &in, 1U, 0U);
    world.start_as("bank", "third", transfer_some<Mended>, &in, 1U, 2U);
}

// Whoever finds nothing in the table while it reads goes on to write it.

struct table {
    shared_mutex lock;
    bool has_entry = false;
};

task<result<void>> find_or_add_upgrading(table* in) {
    DRAMA_CO_TRY(auto reading, co_await in->lock.lock_shared());
    if (!in->has_entry) {
        DRAMA_CO_TRY(auto writing, co_await in->lock.lock());
        in->has_entry = true;
    }
    co_return result<void>();
}

task<result<void>> find_or_add_again(table* in) {
    {
        DRAMA_CO_TRY(auto reading, co_await in->lock.lock_shared());
        if (in->has_entry) {
            co_return result<void>();
        }
    }
    DRAMA_CO_TRY(auto writing, co_await in->lock.lock());
    in->has_entry = true;
    co_return result<void>();
}

template <bool Mended>
void upgrade_a_shared_lock(sim_test_world& world) {
    auto& in = world.keep<table>();
    for (std::size_t i = 0; i < 3; ++i) {
        world.start_as("table", tenant_name(i),
                       Mended ? &find_or_add_again : &find_or_add_upgrading, &in);
    }
}

// A handler that has a connection calls another one that takes its own.

struct connections {
    explicit connections(std::size_t count) : free(count) {}
    semaphore free;
};

task<result<void>> audit(connections* in) {
    DRAMA_CO_TRY(auto own, co_await in->free.acquire());
    co_return co_await sleep_for(10us);
}

template <bool Mended>
task<result<void>> serve_with_audit(connections* in) {
    {
        DRAMA_CO_TRY(auto own, co_await in->free.acquire());
        auto asked = co_await sleep_for(50us);
        if (!asked) {
            co_return asked;
        }
        if constexpr (!Mended) {
            auto audited = co_await audit(in);
            if (!audited) {
                co_return audited;
            }
        }
    }
    if constexpr (Mended) {
        auto audited = co_await audit(in);
        if (!audited) {
            co_return audited;
        }
    }
    co_return result<void>();
}

template <bool Mended>
void hold_one_and_want_another(sim_test_world& world) {
    const std::size_t most = world.capacity(4);
    auto& in = world.keep<connections>(most);
    for (std::size_t i = 0; i < most + 1; ++i) {
        world.start_as("server", tenant_name(i % 2), serve_with_audit<Mended>, &in);
    }
}

// One branch has been given the lock and waits to be told to go on, by one that wants the lock.

struct branches {
    mutex lock;
    event go_on;
};

task<result<void>> locked_branch(branches* in) {
    DRAMA_CO_TRY(auto held, co_await in->lock.lock());
    co_return co_await in->go_on.wait();
}

template <bool Mended>
task<result<void>> both_branches(scope_handle scope, branches* in) {
    auto branch = scope.spawn(locked_branch, in);
    if (!branch) {
        co_return fail(branch.error().code());
    }
    auto timer = co_await sleep_for(20us);
    if (!timer) {
        co_return timer;
    }
    if constexpr (Mended) {
        in->go_on.set();
    }
    DRAMA_CO_TRY(auto held, co_await in->lock.lock());
    in->go_on.set();
    co_return result<void>();
}

template <bool Mended>
task<result<void>> run_branches(branches* in) {
    co_return co_await in_scope(both_branches<Mended>, in);
}

template <bool Mended>
void wait_for_who_waits(sim_test_world& world) {
    auto& in = world.keep<branches>();
    world.start("server", run_branches<Mended>, &in);
}

// A number that tasks of two workers change, between two awaits and without a lock.

struct counted {
    spinlock lock;
    int visits = 0;
    int expected = 0;
};

template <bool Mended>
task<result<void>> visit(counted* in) {
    for (int i = 0; i < 5; ++i) {
        auto gave_way = co_await yield_now();
        if (!gave_way) {
            co_return gave_way;
        }
        in->lock.lock();
        ++in->expected;
        if constexpr (Mended) {
            ++in->visits;
        }
        in->lock.unlock();
        if constexpr (!Mended) {
            ++in->visits;
        }
    }
    co_return result<void>();
}

template <bool Mended>
void change_without_a_lock(sim_test_world& world) {
    auto& in = world.keep<counted>();
    for (std::size_t i = 0; i < 3; ++i) {
        world.start_as("counter", tenant_name(i), visit<Mended>, &in);
    }
    world.finally([&in] { return in.visits == in.expected; });
}

// Money is looked at, something is awaited, and what is left is written back.

struct purse {
    mutex lock;
    int money = 100;
    int spent = 0;
};

template <bool Mended>
task<result<void>> buy(purse* in) {
    result<mutex_guard> guard;
    if constexpr (Mended) {
        auto locked = co_await in->lock.lock();
        if (!locked) {
            co_return fail(locked.error());
        }
        guard = std::move(locked);
    }
    const int seen = in->money;
    auto paid = co_await sleep_for(10us);
    if (!paid) {
        co_return paid;
    }
    in->money = seen - 10;
    in->spent += 10;
    co_return result<void>();
}

template <bool Mended>
void write_back_what_was_old(sim_test_world& world) {
    auto& in = world.keep<purse>();
    world.start_as("shop", "one", buy<Mended>, &in);
    world.start_as("shop", "other", buy<Mended>, &in);
    world.finally([&in] { return in.money == 100 - in.spent; });
}

constexpr program programs[] = {
    {"LocksInTwoOrders", lock_in_two_orders<false>, lock_in_two_orders<true>, "cycle"},
    {"UpgradesASharedLock", upgrade_a_shared_lock<false>, upgrade_a_shared_lock<true>, "cycle"},
    {"HoldsOneAndWantsAnother", hold_one_and_want_another<false>, hold_one_and_want_another<true>,
     "starved_pool"},
    {"WaitsForWhoWaits", wait_for_who_waits<false>, wait_for_who_waits<true>, "cycle orphan"},
    {"ChangesWithoutALock", change_without_a_lock<false>, change_without_a_lock<true>, "invariant"},
    {"WritesBackWhatWasOld", write_back_what_was_old<false>, write_back_what_was_old<true>,
     "invariant"},
};

}  // namespace

std::span<const program> holder_programs() {
    return programs;
}

}  // namespace drama::hunt
