// SPDX-License-Identifier: Apache-2.0
// What is used after it has gone: by a timer, by who found it just then, by a reader without a
// lock, by the second of two who both were the last.
#include <array>
#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <utility>

#include "drama/base/spinlock.hpp"
#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/runtime/spawn.hpp"
#include "tests/hunt/hunt.hpp"

namespace drama::hunt {
namespace {

// An idle timer comes to an end after its connection has.

struct idle_connection {
    int closed = 0;
};

task<void> close_when_idle(idle_connection* raw, std::shared_ptr<idle_connection> kept) {
    auto slept = co_await sleep_for(50us);
    if (slept) {
        ++raw->closed;
    }
    static_cast<void>(kept);
}

template <bool Mended>
task<result<void>> serve_connection() {
    auto mine = std::make_shared<idle_connection>();
    std::shared_ptr<idle_connection> kept = Mended ? mine : nullptr;
    const runtime_handle here = this_runtime();
    auto timer =
        here.try_spawn(here.tenant("timers"), close_when_idle, mine.get(), std::move(kept));
    if (!timer) {
        co_return fail(timer.error().code());
    }
    for (int i = 0; i < 3; ++i) {
        auto served = co_await sleep_for(16us);
        if (!served) {
            co_return served;
        }
    }
    co_return result<void>();
}

template <bool Mended>
void fires_after_the_end(sim_test_world& world) {
    world.start("node", serve_connection<Mended>);
}

// An entry is found in a registry while its last user drops it.

struct entry {
    std::atomic<int> users{0};
    int value = 7;
};

struct registry {
    spinlock lock;
    std::map<int, entry*> all;
    std::atomic<bool> was_wrong{false};
    ~registry() {
        for (auto& each : all) {
            delete each.second;
        }
    }
};

template <bool Mended>
entry* find_entry(registry* in) {
    in->lock.lock();
    entry*& place = in->all[1];
    if (place == nullptr) {
        place = new entry;
    }
    entry* const found = place;
    if constexpr (Mended) {
        ++found->users;
    }
    in->lock.unlock();
    if constexpr (!Mended) {
        ++found->users;
    }
    return found;
}

template <bool Mended>
void drop_entry(registry* in, entry* gone) {
    if constexpr (Mended) {
        in->lock.lock();
        const bool last = --gone->users == 0;
        if (last) {
            in->all.erase(1);
        }
        in->lock.unlock();
        if (last) {
            delete gone;
        }
    } else {
        if (--gone->users == 0) {
            in->lock.lock();
            in->all.erase(1);
            in->lock.unlock();
            delete gone;
        }
    }
}

template <bool Mended>
task<result<void>> use_entry(registry* in) {
    for (int i = 0; i < 4; ++i) {
        entry* const mine = find_entry<Mended>(in);
        auto gave_way = co_await yield_now();
        if (mine->value != 7) {
            in->was_wrong = true;
        }
        drop_entry<Mended>(in, mine);
        if (!gave_way) {
            co_return gave_way;
        }
    }
    co_return result<void>();
}

template <bool Mended>
void finds_what_is_dropped(sim_test_world& world) {
    auto& in = world.keep<registry>();
    for (std::size_t i = 0; i < 2; ++i) {
        world.start_as("node", tenant_name(i), use_entry<Mended>, &in);
    }
    world.always([&in] { return !in.was_wrong; });
}

// Who reads without a lock says what it reads after it has looked; who replaces that has looked
// before.

struct node_value {
    int value = 7;
};

struct guarded {
    std::atomic<node_value*> head{new node_value};
    std::array<std::atomic<node_value*>, 2> hazards{};
    std::atomic<bool> was_wrong{false};
    ~guarded() { delete head.load(); }
};

template <bool Mended>
task<result<void>> read_guarded(guarded* in, std::size_t me) {
    for (int i = 0; i < 5; ++i) {
        node_value* seen = in->head.load();
        in->hazards[me].store(seen);
        while (Mended && in->head.load() != seen) {
            seen = in->head.load();
            in->hazards[me].store(seen);
        }
        if (seen->value != 7) {
            in->was_wrong = true;
        }
        in->hazards[me].store(nullptr);
        auto gave_way = co_await yield_now();
        if (!gave_way) {
            co_return gave_way;
        }
    }
    co_return result<void>();
}

task<result<void>> replace_guarded(guarded* in) {
    for (int i = 0; i < 5; ++i) {
        node_value* const old = in->head.exchange(new node_value);
        while (in->hazards[0].load() == old || in->hazards[1].load() == old) {
            auto slept = co_await yield_now();
            static_cast<void>(slept);
        }
        delete old;
        auto gave_way = co_await yield_now();
        if (!gave_way) {
            co_return gave_way;
        }
    }
    co_return result<void>();
}

template <bool Mended>
void announces_too_late(sim_test_world& world) {
    auto& in = world.keep<guarded>();
    world.start_as("node", "one", read_guarded<Mended>, &in, 0U);
    world.start_as("node", "other", read_guarded<Mended>, &in, 1U);
    world.start_as("node", "writer", replace_guarded, &in);
    world.always([&in] { return !in.was_wrong; });
}

// A count goes down, and what it has come to is asked afterwards: by both.

struct counted_thing {
    std::atomic<int> refs{2};
    int value = 7;
};

template <bool Mended>
task<void> drop_reference(counted_thing* in) {
    if constexpr (Mended) {
        if (in->refs.fetch_sub(1) == 1) {
            delete in;
        }
    } else {
        --in->refs;
        if (in->refs.load() == 0) {
            delete in;
        }
    }
    co_return;
}

template <bool Mended>
task<result<void>> make_and_share(std::atomic<int>*) {
    for (int i = 0; i < 3; ++i) {
        auto* const made = new counted_thing;
        const runtime_handle here = this_runtime();
        auto other = here.try_spawn(here.tenant("other"), drop_reference<Mended>, made);
        if (!other) {
            co_return fail(other.error().code());
        }
        auto gave_way = co_await yield_now();
        co_await drop_reference<Mended>(made);
        static_cast<void>(gave_way);
        auto joined = co_await other->join();
        static_cast<void>(joined);
    }
    co_return result<void>();
}

template <bool Mended>
void drops_the_last_twice(sim_test_world& world) {
    auto& in = world.keep<std::atomic<int>>(0);
    world.start_as("node", "one", make_and_share<Mended>, &in);
}

constexpr program programs[] = {
    {"FiresAfterTheEnd", fires_after_the_end<false>, fires_after_the_end<true>, "crash"},
    {"FindsWhatIsDropped", finds_what_is_dropped<false>, finds_what_is_dropped<true>,
     "crash invariant"},
    {"AnnouncesTooLate", announces_too_late<false>, announces_too_late<true>, "crash invariant"},
    {"DropsTheLastTwice", drops_the_last_twice<false>, drops_the_last_twice<true>, "crash"},
};

}  // namespace

std::span<const program> lifetime_programs() {
    return programs;
}

}  // namespace drama::hunt
