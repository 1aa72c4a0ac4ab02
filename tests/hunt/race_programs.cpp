// SPDX-License-Identifier: Apache-2.0
// What was looked at is not so any more: a list that grew during an await, something opened twice,
// a free list that hands one place out twice, a door that closes between the look and the step, a
// wait that is woken from two sides, two readings that belong to two states.
#include <array>
#include <atomic>
#include <coroutine>
#include <cstddef>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "drama/base/spinlock.hpp"
#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/mutex.hpp"
#include "tests/hunt/hunt.hpp"

namespace drama::hunt {
namespace {

// A session is found, something is awaited, and what was found has moved: the list has grown.

struct session {
    int requests = 0;
};

struct session_list {
    mutex lock;
    std::vector<session> all = std::vector<session>(1);
    int served = 0;
};

template <bool Mended>
task<result<void>> serve_session(session_list* in) {
    DRAMA_CO_TRY(auto held, co_await in->lock.lock());
    session* const mine = &in->all.front();
    held.unlock();
    auto answered = co_await sleep_for(10us);
    if (!answered) {
        co_return answered;
    }
    DRAMA_CO_TRY(auto again, co_await in->lock.lock());
    session* const now = Mended ? &in->all.front() : mine;
    ++now->requests;
    ++in->served;
    co_return result<void>();
}

task<result<void>> open_sessions(session_list* in) {
    for (int i = 0; i < 4; ++i) {
        auto slept = co_await sleep_for(8us);
        if (!slept) {
            co_return slept;
        }
        DRAMA_CO_TRY(auto held, co_await in->lock.lock());
        in->all.emplace_back();
    }
    co_return result<void>();
}

template <bool Mended>
void keep_a_pointer_into_a_list(sim_test_world& world) {
    auto& in = world.keep<session_list>();
    world.start_as("node", "one", serve_session<Mended>, &in);
    world.start_as("node", "other", open_sessions, &in);
}

// A connection is opened when it is first wanted: by everybody who wants it meanwhile.

struct lazily_opened {
    mutex lock;
    std::shared_ptr<int> connection;
    int opened = 0;
};

task<result<std::shared_ptr<int>>> open_connection(lazily_opened* in) {
    auto shaken = co_await sleep_for(20us);
    if (!shaken) {
        co_return fail(shaken.error());
    }
    ++in->opened;
    co_return std::make_shared<int>(in->opened);
}

template <bool Mended>
task<result<void>> use_connection(lazily_opened* in) {
    mutex_guard guard;
    if constexpr (Mended) {
        DRAMA_CO_TRY(auto held, co_await in->lock.lock());
        guard = std::move(held);
    }
    if (in->connection == nullptr) {
        DRAMA_CO_TRY(auto made, co_await open_connection(in));
        in->connection = std::move(made);
    }
    co_return result<void>();
}

template <bool Mended>
void open_it_once_for_each(sim_test_world& world) {
    auto& in = world.keep<lazily_opened>();
    for (std::size_t i = 0; i < 2; ++i) {
        world.start_as("node", tenant_name(i), use_connection<Mended>, &in);
    }
    world.always([&in] { return in.opened <= 1; });
}

// Free places in a list without a lock. The head may be the same one again, with another behind it.

struct free_places {
    static constexpr std::uint32_t none = 7;
    std::array<std::atomic<std::uint32_t>, 3> next{1, 2, none};
    std::atomic<std::uint64_t> head{0};  // the place, and above it how often it has changed
    std::array<std::atomic<int>, 3> users{};
    std::atomic<bool> was_shared{false};

    template <bool Mended>
    std::uint32_t take() {
        std::uint64_t seen = head.load();
        for (;;) {
            const auto place = static_cast<std::uint32_t>(seen);
            if (place == none) {
                return none;
            }
            const std::uint64_t behind = next[place].load();
            const std::uint64_t changed = Mended ? ((seen >> 32) + 1) << 32 : 0;
            if (head.compare_exchange_strong(seen, changed | behind)) {
                return place;
            }
        }
    }
    template <bool Mended>
    void give_back(std::uint32_t place) {
        std::uint64_t seen = head.load();
        std::uint64_t wanted = 0;
        do {
            next[place].store(static_cast<std::uint32_t>(seen));
            wanted = (Mended ? ((seen >> 32) + 1) << 32 : 0) | place;
        } while (!head.compare_exchange_strong(seen, wanted));
    }
};

template <bool Mended>
task<result<void>> take_and_give_back(free_places* in) {
    for (int i = 0; i < 6; ++i) {
        const std::uint32_t one = in->take<Mended>();
        const std::uint32_t other = in->take<Mended>();
        for (const std::uint32_t place : {one, other}) {
            if (place != free_places::none && in->users[place].fetch_add(1) != 0) {
                in->was_shared = true;
            }
        }
        auto used = co_await yield_now();
        for (const std::uint32_t place : {one, other}) {
            if (place != free_places::none) {
                in->users[place].fetch_sub(1);
                in->give_back<Mended>(place);
            }
        }
        if (!used) {
            co_return used;
        }
    }
    co_return result<void>();
}

template <bool Mended>
void find_the_same_head_again(sim_test_world& world) {
    auto& in = world.keep<free_places>();
    for (std::size_t i = 0; i < 3; ++i) {
        world.start_as("node", tenant_name(i), take_and_give_back<Mended>, &in);
    }
    world.always([&in] { return !in.was_shared; });
}

// A line of one's own that can be closed: who brings looks at the door, and then goes through it.

struct closing_line {
    spinlock lock;
    std::deque<int> items;
    std::atomic<bool> is_closed{false};
    auto_reset_event changed;
    std::atomic<int> accepted{0};
    std::atomic<int> handled{0};
};

template <bool Mended>
bool bring(closing_line* in, int item) {
    if (!Mended && in->is_closed) {
        return false;
    }
    in->lock.lock();
    const bool may = !Mended || !in->is_closed;
    if (may) {
        in->items.push_back(item);
    }
    in->lock.unlock();
    if (may) {
        ++in->accepted;
        in->changed.set();
    }
    return may;
}

template <bool Mended>
task<result<void>> bring_items(closing_line* in) {
    for (int i = 0; i < 8; ++i) {
        if (!bring<Mended>(in, i)) {
            co_return result<void>();
        }
        auto slept = co_await yield_now();
        if (!slept) {
            co_return slept;
        }
    }
    co_return result<void>();
}

task<result<void>> handle_items(closing_line* in) {
    for (;;) {
        in->lock.lock();
        const bool is_over = in->is_closed && in->items.empty();
        int here = 0;
        if (!in->items.empty()) {
            in->items.pop_front();
            here = 1;
        }
        in->lock.unlock();
        in->handled += here;
        if (is_over) {
            co_return result<void>();
        }
        if (here == 0) {
            auto told = co_await in->changed.wait();
            if (!told) {
                co_return told;
            }
        }
    }
}

task<result<void>> close_line(closing_line* in) {
    auto slept = co_await sleep_for(5us);
    if (!slept) {
        co_return slept;
    }
    in->lock.lock();
    in->is_closed = true;
    in->lock.unlock();
    in->changed.set();
    co_return result<void>();
}

template <bool Mended>
void go_through_a_closing_door(sim_test_world& world) {
    auto& in = world.keep<closing_line>();
    world.start_as("node", "handler", handle_items, &in);
    world.start_as("node", "bringer", bring_items<Mended>, &in);
    world.start_as("node", "closer", close_line, &in);
    world.finally([&in] { return in.accepted == in.handled; });
}

// An answer and a timeout both wake who waits: the first one leaves it to be found by the second.

template <bool Mended>
class answer_or_timeout {
  public:
    struct awaiter : wait_record {
        awaiter(answer_or_timeout& from, std::source_location at) noexcept : of(&from) {
            kind = wait_kind::item;
            object = &from;
            where = at;
            cancel = [](wait_record&) noexcept {};  // one of the two will come
        }
        void attach(runnable& task) noexcept { self = &task; }
        bool await_ready() const noexcept { return false; }
        bool await_suspend(std::coroutine_handle<> at) noexcept {
            self->resume_point = at;
            answer_or_timeout& from = *of;
            from.lock_.lock();
            const bool waits = !from.done_ && self->begin_wait(*this);
            if (waits) {
                from.waiter_ = self;
            }
            from.lock_.unlock();
            return waits;
        }
        void await_resume() noexcept { self->end_wait(); }

        answer_or_timeout* of;
        runnable* self = nullptr;
    };

    [[nodiscard]] awaiter wait(
        std::source_location where = std::source_location::current()) noexcept {
        return {*this, where};
    }
    void complete() noexcept {
        lock_.lock();
        done_ = true;
        runnable* const woken = waiter_;
        if constexpr (Mended) {
            waiter_ = nullptr;
        }
        lock_.unlock();
        if (woken != nullptr) {
            woken->home->ready(*woken);
        }
    }

  private:
    spinlock lock_;
    runnable* waiter_ = nullptr;
    bool done_ = false;
};

template <bool Mended>
struct request_state {
    answer_or_timeout<Mended> outcome;
};

template <bool Mended>
task<void> wait_for_outcome(request_state<Mended>* in) {
    co_await in->outcome.wait();
}

template <bool Mended>
task<result<void>> complete_later(request_state<Mended>* in) {
    auto slept = co_await sleep_for(20us);
    in->outcome.complete();
    co_return slept;
}

template <bool Mended>
void wake_from_two_sides(sim_test_world& world) {
    auto& in = world.keep<request_state<Mended>>();
    world.start_as("node", "waiter", wait_for_outcome<Mended>, &in);
    world.start_as("node", "answer", complete_later<Mended>, &in);
    world.start_as("node", "timeout", complete_later<Mended>, &in);
}

// Two values that belong together are read one after the other.

struct figures {
    spinlock lock;
    std::atomic<int> requests{0};
    std::atomic<int> failures{0};
    std::atomic<bool> was_wrong{false};
};

template <bool Mended>
task<result<void>> count_failures(figures* in) {
    for (int i = 0; i < 6; ++i) {
        if constexpr (Mended) {
            in->lock.lock();
        }
        ++in->failures;
        ++in->requests;
        if constexpr (Mended) {
            in->lock.unlock();
        }
        auto gave_way = co_await yield_now();
        if (!gave_way) {
            co_return gave_way;
        }
    }
    co_return result<void>();
}

template <bool Mended>
task<result<void>> show_figures(figures* in) {
    for (int i = 0; i < 6; ++i) {
        if constexpr (Mended) {
            in->lock.lock();
        }
        const int failures = in->failures;
        const int requests = in->requests;
        if constexpr (Mended) {
            in->lock.unlock();
        }
        if (failures > requests) {
            in->was_wrong = true;
        }
        auto gave_way = co_await yield_now();
        if (!gave_way) {
            co_return gave_way;
        }
    }
    co_return result<void>();
}

template <bool Mended>
void read_two_states(sim_test_world& world) {
    auto& in = world.keep<figures>();
    world.start_as("node", "counts", count_failures<Mended>, &in);
    world.start_as("node", "shows", show_figures<Mended>, &in);
    world.always([&in] { return !in.was_wrong; });
}

constexpr program programs[] = {
    {"KeepsAPointerIntoAList", keep_a_pointer_into_a_list<false>, keep_a_pointer_into_a_list<true>,
     "crash"},
    {"OpensItOnceForEach", open_it_once_for_each<false>, open_it_once_for_each<true>, "invariant"},
    {"FindsTheSameHeadAgain", find_the_same_head_again<false>, find_the_same_head_again<true>,
     "invariant"},
    {"GoesThroughAClosingDoor", go_through_a_closing_door<false>, go_through_a_closing_door<true>,
     "invariant"},
    {"WakesFromTwoSides", wake_from_two_sides<false>, wake_from_two_sides<true>, "crash"},
    {"ReadsTwoStates", read_two_states<false>, read_two_states<true>, "invariant"},
};

}  // namespace

std::span<const program> race_programs() {
    return programs;
}

}  // namespace drama::hunt
