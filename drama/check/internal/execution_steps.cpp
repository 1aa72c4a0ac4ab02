// SPDX-License-Identifier: Apache-2.0
// The steps that a checked thread takes: each waits for its turn, acts on the memory, and is noted.
#include <algorithm>
#include <array>

#include "drama/base/assert.hpp"
#include "drama/check/internal/execution.hpp"

namespace drama::inline v0::internal {
namespace {

constexpr std::size_t stale_max = 16;  // values of one object that a compare-exchange looks at

}  // namespace

int execution::add(std::uint64_t value, value_printer print, const std::source_location& made) {
    const int of = memory_.add(self(), value, made);
    if (of < 0) {
        fail("more than " + std::to_string(checked_atomics_max) + " atomics at a time", made);
    }
    if (printers_.size() <= static_cast<std::size_t>(of)) {
        printers_.resize(static_cast<std::size_t>(of) + 1);
    }
    printers_[static_cast<std::size_t>(of)] = print;
    return of;
}

void execution::remove(int of) noexcept {
    const std::source_location made = memory_.at(of).made;
    const int user = memory_.remove(self(), of);
    if (user >= 0) {
        fail("destroys an atomic that " + name_of(static_cast<std::size_t>(user)) +
                 " has used and was not waited for",
             made);
    }
}

void execution::check_alive(int of, const std::source_location& where) {
    if (!memory_.at(of).is_alive) {
        fail("uses an atomic after its destruction", where);
    }
}

std::size_t execution::pick_age(int of, std::memory_order order) {
    if (!is_parallel_) {
        return 0;
    }
    const auto choices =
        memory_.readable(self(), of, order == std::memory_order_seq_cst, limits_.is_exhaustive);
    return choices.age_of(decide_value(choices.count));
}

std::uint64_t execution::load(int of, std::memory_order order, const std::source_location& where) {
    const checked_step step{checked_step::kind::load, effective(order, where, false),
                            std::memory_order_relaxed, of, where};
    arrive(step);
    check_alive(of, where);
    const std::size_t age = pick_age(of, step.order);
    const std::uint64_t value = memory_.load(self(), of, step.order, age);
    if (limits_.records) {
        note(step, "loads " + value_of(of, value) + (age == 0 ? "" : ", an old value"));
    }
    end_step(step, false);
    return value;
}

void execution::store(int of, std::uint64_t value, std::memory_order order,
                      const std::source_location& where) {
    const checked_step step{checked_step::kind::store, effective(order, where, false),
                            std::memory_order_relaxed, of, where};
    arrive(step);
    check_alive(of, where);
    const bool changes = memory_.peek(of, 0) != value;
    memory_.store(self(), of, value, step.order, false);
    if (limits_.records) {
        note(step, "stores " + value_of(of, value));
    }
    end_step(step, changes);
}

std::uint64_t execution::modify(checked_step step, change by, std::uint64_t operand) {
    step.order = effective(step.order, step.where, false);
    arrive(step);
    check_alive(step.of, step.where);
    const std::uint64_t before = memory_.load(self(), step.of, step.order, 0);
    const std::uint64_t after = by(before, operand);
    memory_.store(self(), step.of, after, step.order, true);
    if (limits_.records) {
        note(step, "changes " + value_of(step.of, before) + " to " + value_of(step.of, after));
    }
    end_step(step, after != before);
    return before;
}

// It fails by an old value that is not the expected one, or, if it is weak, for no reason, once in
// a run.
bool execution::compare_exchange(checked_step step, std::uint64_t& expected, std::uint64_t desired,
                                 bool is_weak) {
    step.order = effective(step.order, step.where, false);
    step.failure_order = effective(step.failure_order, step.where, true);
    arrive(step);
    check_alive(step.of, step.where);
    const bool can_succeed = memory_.peek(step.of, 0) == expected;
    std::array<std::size_t, stale_max> ages{};
    std::size_t count = 1;
    bool may_fail_weakly = false;
    if (is_parallel_) {
        const auto readable =
            memory_.readable(self(), step.of, step.failure_order == std::memory_order_seq_cst,
                             limits_.is_exhaustive);
        for (std::size_t i = 1; i < readable.count && count < stale_max; ++i) {
            if (memory_.peek(step.of, readable.age_of(i)) != expected) {
                ages[count++] = readable.age_of(i);
            }
        }
        may_fail_weakly = is_weak && can_succeed && may_fail_weakly_;
    }
    const std::size_t taken = decide_value(count + (may_fail_weakly ? 1 : 0));
    const bool fails_weakly = taken == count;
    may_fail_weakly_ = may_fail_weakly_ && !fails_weakly;
    if (can_succeed && taken == 0) {
        memory_.load(self(), step.of, step.order, 0);
        memory_.store(self(), step.of, desired, step.order, true);
        if (limits_.records) {
            note(step,
                 "exchanges " + value_of(step.of, expected) + " for " + value_of(step.of, desired));
        }
        end_step(step, desired != expected);
        return true;
    }
    const std::uint64_t seen =
        memory_.load(self(), step.of, step.failure_order, fails_weakly ? 0 : ages[taken]);
    if (limits_.records) {
        note(step, "expects " + value_of(step.of, expected) + ", finds " + value_of(step.of, seen) +
                       (fails_weakly ? ", fails though" : ""));
    }
    expected = seen;
    end_step(step, false);
    return false;
}

void execution::fence(std::memory_order order, const std::source_location& where) {
    const checked_step step{checked_step::kind::fence, effective(order, where, false),
                            std::memory_order_relaxed, -1, where};
    if (step.order == std::memory_order_seq_cst) {
        arrive(step);  // the others are a thread's own affair
    }
    memory_.fence(self(), step.order);
    if (limits_.records) {
        note(step, "fence");
    }
    end_step(step, false);
}

void execution::fence_everywhere(const std::source_location& where) {
    const checked_step step{checked_step::kind::everywhere, std::memory_order_seq_cst,
                            std::memory_order_relaxed, -1, where};
    for (std::size_t i = 0; i < count_; ++i) {
        const std::size_t other = (running_ + i) % count_;
        if (other != 0 || running_ == 0) {
            arrive(step);
            memory_.fence(static_cast<std::uint8_t>(other), std::memory_order_seq_cst);
            if (limits_.records) {
                note(step, "fence on " + name_of(other));
            }
            end_step(step, false);
        }
    }
    arrive(step);
    memory_.fence(self(), std::memory_order_seq_cst);
    end_step(step, false);
}

void execution::spin(const std::source_location& where) {
    const checked_step step{checked_step::kind::spin, std::memory_order_relaxed,
                            std::memory_order_relaxed, -1, where};
    thread& mine = threads_[running_];
    if (is_parallel_ && writes_ - mine.own_writes == mine.others_seen) {
        spinning_ |= mask_of(running_);
        enabled_ = static_cast<thread_mask>(enabled_ & ~mask_of(running_));
    }
    arrive(step);
    mine.others_seen = writes_ - mine.own_writes;
    memory_.catch_up(self());
    if (limits_.records) {
        note(step, "looks again");
    }
    end_step(step, false);
}

void execution::wait(int of, std::uint64_t old, std::memory_order order,
                     const std::source_location& where) {
    const checked_step step{checked_step::kind::wait, effective(order, where, false),
                            std::memory_order_relaxed, of, where};
    for (;;) {
        arrive(step);
        check_alive(of, where);
        const std::size_t age = pick_age(of, step.order);
        const std::uint64_t value = memory_.load(self(), of, step.order, age);
        if (limits_.records) {
            note(step, "waits while it is " + value_of(of, old) + ", finds " + value_of(of, value));
        }
        end_step(step, false);
        if (value != old) {
            return;
        }
        if (!is_parallel_) {
            fail("waits for what nobody else can do", where);
        }
        waiting_ |= mask_of(running_);
        enabled_ = static_cast<thread_mask>(enabled_ & ~mask_of(running_));
        hand_on(true);
        memory_.catch_up(self());
    }
}

void execution::notify(int of, bool all, const std::source_location& where) {
    const checked_step step{checked_step::kind::notify, std::memory_order_relaxed,
                            std::memory_order_relaxed, of, where};
    arrive(step);
    check_alive(of, where);
    std::array<std::size_t, checked_threads_max> waiters{};
    std::size_t count = 0;
    for (std::size_t i = 1; i < count_; ++i) {
        if ((waiting_ & mask_of(i)) != 0 && threads_[i].pending.of == of) {
            waiters[count++] = i;
        }
    }
    const std::size_t chosen = all || count == 0 ? 0 : decide_value(count);
    for (std::size_t i = 0; i < count; ++i) {
        if (all || i == chosen) {
            waiting_ = static_cast<thread_mask>(waiting_ & ~mask_of(waiters[i]));
            enabled_ |= mask_of(waiters[i]);
        }
    }
    if (limits_.records) {
        note(step, all ? "notifies all" : "notifies one");
    }
    end_step(step, false);
}

void execution::plain_access(plain_history& history, bool writes,
                             const std::source_location& where) {
    const std::uint8_t me = self();
    const std::source_location& at = where.line() != 0 ? where : threads_[running_].pending.where;
    if (history.alive != plain_history::alive_mark) {
        fail("uses an object after its destruction", at);
    }
    if (!memory_.knows(me, history.written)) {
        fail(std::string("data race: ") + (writes ? "writes" : "reads") + " what " +
                 name_of(history.written.thread) + " writes at " + place_of(history.written_at),
             at);
    }
    for (std::uint8_t i = 0; writes && i < count_; ++i) {
        if (!memory_.knows(me, {i, history.read[i]})) {
            fail("data race: writes what " + name_of(i) + " reads at " + place_of(history.read_at),
                 at);
        }
    }
    const epoch now = memory_.now(me);
    if (writes) {
        history.written = now;
        history.written_at = at;
    } else {
        history.read[me] = now.tick;
        history.read_at = at;
    }
}

void execution::plain_end(plain_history& history) noexcept {
    plain_access(history, true, std::source_location());
    history.alive = 0;
}

}  // namespace drama::inline v0::internal
