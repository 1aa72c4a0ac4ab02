// SPDX-License-Identifier: Apache-2.0
// D5-D8, D10, D18: tasks that wait for locks, permits and channels.
#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "drama/coro/sleep.hpp"
#include "drama/coro/when.hpp"
#include "drama/sync/channel.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/mutex.hpp"
#include "drama/sync/semaphore.hpp"
#include "tests/deadlock/arena.hpp"

namespace drama::deadlock {
namespace {

constexpr std::uint64_t bystander_tenant = 99;
constexpr std::uint64_t bystander_turns = 20;

task<void> stand_by(arena* all) {
    for (std::uint64_t i = 0; i < bystander_turns; ++i) {
        auto slept = co_await sleep_for(100us);
        if (!slept) {
            co_return;
        }
        ++all->bystander_turns;
    }
}

void judge_bystander(arena& all, void*) {
    all.check(all.bystander_turns == bystander_turns, "others did not go on");
}

// D5: two locks, taken in opposite orders by two tenants.

struct locks {
    mutex first;
    mutex second;
    std::atomic<int> holding{0};
    event both_hold;
};

task<result<void>> lock_both(locks* in, mutex* one, mutex* other) {
    DRAMA_CO_TRY(auto outer, co_await one->lock());
    if (++in->holding == 2) {
        in->both_hold.set();
    }
    auto both = co_await in->both_hold.wait();
    if (!both) {
        co_return fail(both.error());
    }
    DRAMA_CO_TRY(auto inner, co_await other->lock());
    co_return result<void>();
}

std::shared_ptr<void> start_abba(arena& all) {
    auto made = std::make_shared<locks>();
    all.start(1, lock_both, made.get(), &made->first, &made->second);
    all.start(2, lock_both, made.get(), &made->second, &made->first);
    all.start(bystander_tenant, stand_by, &all);
    return made;
}

bool is_cycle_of_two_tenants(const verdict& seen) {
    return seen.kind == verdict_kind::cycle && seen.tasks.size() == 2 &&
           seen.tasks[0].tenant != seen.tasks[1].tenant && !seen.tasks[0].waits_at.empty() &&
           !seen.tasks[1].waits_at.empty();
}

// D6: a ring of channels with room for one each, all of them full.

struct ring {
    explicit ring(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            links.push_back(std::make_unique<channel<int>>(1));
        }
    }
    std::vector<std::unique_ptr<channel<int>>> links;
};

task<result<void>> pass_on(channel<int>* from, channel<int>* to) {
    auto first = co_await to->push(0);
    if (!first) {
        co_return fail(first.error());
    }
    for (;;) {
        auto second = co_await to->push(1);
        if (!second) {
            co_return fail(second.error());
        }
        DRAMA_CO_TRY(const int got, co_await from->pop());
        if (got < 0) {
            co_return result<void>();
        }
    }
}

std::shared_ptr<void> start_ring(arena& all) {
    auto made = std::make_shared<ring>(all.size + 1);
    for (std::size_t i = 0; i < made->links.size(); ++i) {
        all.start(i, pass_on, made->links[i].get(),
                  made->links[(i + 1) % made->links.size()].get());
    }
    all.start(bystander_tenant, stand_by, &all);
    return made;
}

bool is_orphan_or_cycle(const verdict& seen) {
    return seen.kind == verdict_kind::orphan || seen.kind == verdict_kind::cycle;
}

// D7: a permit of one shard in hand while another shard is asked, and the inverse.

struct shards {
    semaphore first{1};
    semaphore second{1};
    std::atomic<int> holding{0};
    event both_hold;
    std::atomic<int> served{0};
};

task<result<void>> ask_across(shards* in, semaphore* mine, semaphore* other) {
    DRAMA_CO_TRY(auto held, co_await mine->acquire());
    if (++in->holding == 2) {
        in->both_hold.set();
    }
    auto both = co_await in->both_hold.wait();
    if (!both) {
        co_return fail(both.error());
    }
    DRAMA_CO_TRY(auto asked, co_await other->acquire());
    co_return result<void>();
}

std::shared_ptr<void> start_shards(arena& all) {
    auto made = std::make_shared<shards>();
    all.start(1, ask_across, made.get(), &made->first, &made->second);
    all.start(2, ask_across, made.get(), &made->second, &made->first);
    all.start(bystander_tenant, stand_by, &all);
    return made;
}

task<result<void>> ask_for_a_while(arena* all, shards* in, semaphore* mine, semaphore* other) {
    for (;;) {
        DRAMA_CO_TRY(auto held, co_await mine->acquire());
        auto asked = co_await other->acquire(1, 100us + all->some(500us));
        if (asked) {
            ++in->served;
            co_return result<void>();
        }
        if (asked.error() != errc::deadline_exceeded) {
            co_return fail(asked.error());
        }
        held.release();
        auto slept = co_await sleep_for(all->some(500us));
        if (!slept) {
            co_return fail(slept.error());
        }
    }
}

std::shared_ptr<void> start_timed_shards(arena& all) {
    auto made = std::make_shared<shards>();
    for (std::size_t i = 0; i < all.size; ++i) {
        all.start(1, ask_for_a_while, &all, made.get(), &made->first, &made->second);
        all.start(2, ask_for_a_while, &all, made.get(), &made->second, &made->first);
    }
    return made;
}

void judge_timed_shards(arena& all, void* state) {
    all.check(static_cast<shards*>(state)->served == static_cast<int>(2 * all.size),
              "not everybody was served");
}

// D8: a select drops an arm to which the lock was just handed over.

struct selecting {
    mutex lock;
    std::atomic<std::uint64_t> later{0};
};

task<result<void>> hold_for(arena* all, selecting* in) {
    DRAMA_CO_TRY(auto held, co_await in->lock.lock());
    co_return co_await sleep_for(all->some(300us));
}

task<result<mutex_guard>> lock_arm(selecting* in) {
    co_return co_await in->lock.lock();
}

task<result<mutex_guard>> timer_arm(duration longest) {
    auto slept = co_await sleep_for(longest);
    if (!slept) {
        co_return fail(slept.error());
    }
    co_return result<mutex_guard>();
}

task<result<void>> select(arena* all, selecting* in) {
    for (int i = 0; i < 3; ++i) {
        {
            auto won = co_await when_any(lock_arm(in), timer_arm(all->some(300us)));
            if (!won) {
                co_return fail(won.error());
            }
        }
        DRAMA_CO_TRY(auto held, co_await in->lock.lock());
        ++in->later;
    }
    co_return result<void>();
}

std::shared_ptr<void> start_select(arena& all) {
    auto made = std::make_shared<selecting>();
    for (std::size_t i = 0; i < all.size; ++i) {
        all.start(i, hold_for, &all, made.get());
        all.start(i, select, &all, made.get());
    }
    return made;
}

void judge_select(arena& all, void* state) {
    all.check(static_cast<selecting*>(state)->later == 3 * all.size, "a later lock was not had");
}

// D10: who is woken by a channel goes back into it, also from what a value does when it goes.

struct echoing_value {
    channel<echoing_value>* back = nullptr;
    int left = 0;

    echoing_value(channel<echoing_value>* to, int times) noexcept : back(to), left(times) {}
    echoing_value(echoing_value&& other) noexcept
        : back(std::exchange(other.back, nullptr)), left(other.left) {}
    echoing_value& operator=(echoing_value&&) = delete;
    ~echoing_value() {
        if (back != nullptr && left > 0) {
            auto pushed = back->try_push(echoing_value(back, left - 1));
            static_cast<void>(pushed);
        }
    }
};

struct echoes {
    explicit echoes(std::size_t room) : line(room) {}
    channel<echoing_value> line;
    std::atomic<int> taken{0};
};

task<result<void>> take_until_closed(echoes* in) {
    for (;;) {
        auto got = co_await in->line.pop();
        if (!got) {
            co_return got.error() == errc::closed ? result<void>() : fail(got.error());
        }
        if (++in->taken > 10) {
            got->back = nullptr;
            in->line.close();
        }
    }
}

task<result<void>> push_some(echoes* in) {
    for (int i = 0; i < 12; ++i) {
        auto pushed = co_await in->line.push(echoing_value(&in->line, 2));
        if (!pushed) {
            co_return pushed.error() == errc::closed ? result<void>() : pushed;
        }
    }
    co_return result<void>();
}

std::shared_ptr<void> start_echoes(arena& all) {
    auto made = std::make_shared<echoes>(all.size);
    all.start(1, push_some, made.get());
    for (std::size_t i = 0; i < all.size; ++i) {
        all.start(2, take_until_closed, made.get());
    }
    return made;
}

// D18: the consumer has quit, and who drains waits for it.

struct drained {
    explicit drained(std::size_t room) : line(room) {}
    channel<int> line;
    event all_taken;
    std::error_code producer_saw;
};

task<result<void>> take_two_and_quit(drained* in) {
    DRAMA_CO_TRY([[maybe_unused]] auto first, co_await in->line.pop());
    DRAMA_CO_TRY([[maybe_unused]] auto second, co_await in->line.pop());
    in->line.close();
    co_return result<void>();
}

task<result<void>> fill_and_drain(drained* in) {
    for (int i = 0;; ++i) {
        auto pushed = co_await in->line.push(i);
        if (!pushed) {
            in->producer_saw = pushed.error();
            break;
        }
    }
    co_return result<void>();
}

std::shared_ptr<void> start_drain(arena& all) {
    auto made = std::make_shared<drained>(all.size);
    all.start(1, take_two_and_quit, made.get());
    all.start(2, fill_and_drain, made.get());
    return made;
}

void judge_drain(arena& all, void* state) {
    all.check(static_cast<drained*>(state)->producer_saw == errc::closed,
              "the drain was not told that nobody takes any more");
}

constexpr scenario scenarios[] = {
    {"D5", start_abba, is_cycle_of_two_tenants, judge_bystander},
    {"D6", start_ring, is_orphan_or_cycle, judge_bystander},
    {"D7", start_shards, is_cycle_of_two_tenants, judge_bystander},
    {"D7_timed", start_timed_shards, nullptr, judge_timed_shards},
    {"D8", start_select, nullptr, judge_select},
    {"D10", start_echoes},
    {"D18", start_drain, nullptr, judge_drain},
};

}  // namespace

std::span<const scenario> lock_scenarios() {
    return scenarios;
}

}  // namespace drama::deadlock
