// SPDX-License-Identifier: Apache-2.0
// Lost signals: an event of one's own that looks before it enters, a pool that counts a worker as
// idle which is about to go, a drain that nobody ends, a wait that does not look again.
#include <atomic>
#include <coroutine>
#include <cstddef>
#include <utility>

#include "drama/base/atomic.hpp"
#include "drama/base/spinlock.hpp"
#include "drama/coro/context.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/sync/channel.hpp"
#include "drama/sync/condition.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/mutex.hpp"
#include "tests/hunt/hunt.hpp"

namespace drama::hunt {
namespace {

// An event for one waiter. It must look whether it is set after it can be found by who sets it.

template <bool Mended>
class own_event {
  public:
    struct awaiter : wait_record {
        awaiter(own_event& event, std::source_location at) noexcept : of(&event) {
            kind = wait_kind::item;
            object = &event;
            where = at;
            cancel = &give_up;
        }
        void attach(runnable& task) noexcept { self = &task; }
        bool await_ready() const noexcept { return of->set_.load(); }
        bool await_suspend(std::coroutine_handle<> at) noexcept {
            self->resume_point = at;
            own_event& event = *of;
            if (!self->begin_wait(*this)) {
                stopped = true;
                return false;
            }
            event.waiter_.store(this);
            if constexpr (Mended) {
                // Whoever takes the waiter out decides; if it is still there, it does not wait.
                if (event.set_.load()) {
                    return event.waiter_.exchange(nullptr) == nullptr;
                }
            }
            return true;
        }
        [[nodiscard]] result<void> await_resume() noexcept {
            self->end_wait();
            if (stopped) {
                return fail(self->stop_reason());
            }
            return {};
        }

        own_event* of;
        runnable* self = nullptr;
        bool stopped = false;

      private:
        static void give_up(wait_record& record) noexcept {
            auto& me = static_cast<awaiter&>(record);
            awaiter* expected = &me;
            if (me.of->waiter_.compare_exchange_strong(expected, nullptr)) {
                me.stopped = true;
                me.self->home->ready(*me.self);
            }
        }
    };

    [[nodiscard]] awaiter wait(
        std::source_location where = std::source_location::current()) noexcept {
        return {*this, where};
    }
    void set() noexcept {
        set_.store(true);
        if (awaiter* const woken = waiter_.exchange(nullptr)) {
            woken->self->home->ready(*woken->self);
        }
    }

  private:
    drama::atomic<bool> set_{false};
    drama::atomic<awaiter*> waiter_{nullptr};
};

template <bool Mended>
task<result<void>> wait_for_it(own_event<Mended>* in) {
    co_return co_await in->wait();
}

template <bool Mended>
task<void> set_it(own_event<Mended>* in) {
    in->set();
    co_return;
}

template <bool Mended>
void look_before_entering(sim_test_world& world) {
    auto& in = world.keep<own_event<Mended>>();
    world.start_as("node", "waiter", wait_for_it<Mended>, &in);
    world.start_as("node", "setter", set_it<Mended>, &in);
}

// Workers go when they were idle for long; who brings a job starts one only if none is idle.

struct crew {
    spinlock lock;
    std::size_t idle = 0;
    std::size_t brought = 0;
    std::atomic<std::size_t> done{0};
    std::atomic<bool> was_stopped{false};
    channel<int> jobs{8};
};

template <bool Mended>
task<void> work(crew* in) {
    for (;;) {
        auto next = co_await in->jobs.pop(100us);
        if (next) {
            ++in->done;
        } else if (next.error() == errc::stop_requested) {
            in->was_stopped = true;
        }
        in->lock.lock();
        if (next) {
            ++in->idle;
            in->lock.unlock();
            continue;
        }
        // The mended one looks again while nobody can count on it.
        const bool goes = !Mended || in->jobs.size() == 0 || in->was_stopped;
        if (goes) {
            --in->idle;
        }
        in->lock.unlock();
        if (goes) {
            co_return;
        }
    }
}

template <bool Mended>
result<void> bring(scope_handle workers, crew* in) {
    in->lock.lock();
    const bool counts_on_idle = in->idle > 0;
    if (counts_on_idle) {
        --in->idle;
    }
    auto pushed = in->jobs.try_push(1);
    in->lock.unlock();
    if (!pushed) {
        return pushed;
    }
    ++in->brought;
    if (!counts_on_idle) {
        auto started = workers.spawn(work<Mended>, in);
        if (!started) {
            return fail(started.error().code());
        }
    }
    return {};
}

template <bool Mended>
task<result<void>> bring_some(scope_handle workers, crew* in) {
    for (int i = 0; i < 6; ++i) {
        auto brought = bring<Mended>(workers, in);
        if (!brought) {
            co_return brought;
        }
        auto slept = co_await sleep_for(95us);
        if (!slept) {
            co_return slept;
        }
    }
    co_return result<void>();
}

// A file is read by one that waits for its lines; `done` tells it that there are no more.

struct pipeline {
    explicit pipeline(std::size_t room) : lines(room) {}
    channel<int> lines;
    event all_taken;
    std::atomic<int> produced{0};
    std::atomic<int> consumed{0};
};

template <bool Mended>
task<result<void>> consume(pipeline* in) {
    for (;;) {
        auto next = co_await in->lines.pop(200us);
        if (!next) {
            if constexpr (Mended) {
                in->lines.close();  // who drains is told
            }
            in->all_taken.set();
            co_return result<void>();
        }
        ++in->consumed;
    }
}

task<result<void>> produce_and_drain(pipeline* in) {
    for (int i = 0; i < 6; ++i) {
        auto pushed = co_await in->lines.push(i);
        if (!pushed) {
            co_return pushed.error() == errc::closed ? result<void>() : pushed;
        }
        ++in->produced;
        auto slept = co_await sleep_for(i == 3 ? 180us : 20us);
        if (!slept) {
            co_return slept;
        }
    }
    co_return co_await in->all_taken.wait();
}

template <bool Mended>
void drain_after_the_end(sim_test_world& world) {
    auto& in = world.keep<pipeline>(std::size_t{1});
    world.start_as("node", "consumer", consume<Mended>, &in);
    world.start_as("node", "producer", produce_and_drain, &in);
}

// A condition is waited for once, and what it was about is taken without looking again.

struct shelf {
    mutex lock;
    condition filled;
    int goods = 0;
    bool is_closed = false;
    int below_zero = 0;
};

template <bool Mended>
task<result<void>> take_one(shelf* in) {
    DRAMA_CO_TRY(auto held, co_await in->lock.lock());
    if constexpr (Mended) {
        while (in->goods == 0) {
            auto told = co_await in->filled.wait(held);
            if (!told) {
                co_return told;
            }
        }
    } else {
        if (in->goods == 0) {
            auto told = co_await in->filled.wait(held);
            if (!told) {
                co_return told;
            }
        }
    }
    --in->goods;
    in->below_zero += in->goods < 0 ? 1 : 0;
    co_return result<void>();
}

task<result<void>> fill(shelf* in, int how_many) {
    for (int i = 0; i < how_many; ++i) {
        auto slept = co_await sleep_for(20us);
        if (!slept) {
            co_return slept;
        }
        DRAMA_CO_TRY(auto held, co_await in->lock.lock());
        ++in->goods;
        in->filled.notify_all();
    }
    co_return result<void>();
}

template <bool Mended>
void wait_without_looking_again(sim_test_world& world) {
    auto& in = world.keep<shelf>();
    const int takers = 3;
    for (int i = 0; i < takers; ++i) {
        world.start_as("shop", tenant_name(static_cast<std::size_t>(i)), take_one<Mended>, &in);
    }
    world.start_as("shop", "filler", fill, &in, takers);
    world.always([&in] { return in.below_zero == 0; });
}

task<result<void>> run_crew_buggy(crew* in) {
    co_return co_await in_scope(bring_some<false>, in);
}
task<result<void>> run_crew_mended(crew* in) {
    co_return co_await in_scope(bring_some<true>, in);
}

template <bool Mended>
void count_on_who_goes(sim_test_world& world) {
    auto& in = world.keep<crew>();
    world.start("crew", Mended ? &run_crew_mended : &run_crew_buggy, &in);
    world.finally([&in] { return in.was_stopped || in.done == in.brought; });
}

constexpr program programs[] = {
    {"LooksBeforeEntering", look_before_entering<false>, look_before_entering<true>, "orphan"},
    {"CountsOnWhoGoes", count_on_who_goes<false>, count_on_who_goes<true>, "invariant orphan"},
    {"DrainsAfterTheEnd", drain_after_the_end<false>, drain_after_the_end<true>, "orphan"},
    {"WaitsWithoutLookingAgain", wait_without_looking_again<false>,
     wait_without_looking_again<true>, "invariant"},
};

}  // namespace

std::span<const program> signal_programs() {
    return programs;
}

}  // namespace drama::hunt
