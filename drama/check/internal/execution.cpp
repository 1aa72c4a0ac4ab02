// SPDX-License-Identifier: Apache-2.0
#include "drama/check/internal/execution.hpp"

#include <bit>
#include <exception>

#include "drama/base/assert.hpp"

namespace drama::inline v0::internal {
namespace {

constinit thread_local execution* active_execution = nullptr;

// Whether the order of two steps of different threads can matter.
bool depend(const checked_step& a, const checked_step& b) noexcept {
    using kind = checked_step::kind;
    if (a.what == kind::everywhere || b.what == kind::everywhere) {
        return true;
    }
    if (a.what == kind::spin || b.what == kind::spin) {
        return a.writes() || b.writes();
    }
    if (a.what == kind::fence || b.what == kind::fence) {
        return a.order == std::memory_order_seq_cst && b.order == std::memory_order_seq_cst;
    }
    return a.of == b.of && (a.writes() || b.writes());
}

}  // namespace

[[gnu::noinline]] execution* execution::active() noexcept {
    return active_execution;
}

void execution::reset(const run_limits& limits) {
    limits_ = limits;
    memory_.clear();
    printers_.clear();
    running_ = 0;
    count_ = 1;
    is_parallel_ = is_launching_ = coasts_ = ended_ = false;
    enabled_ = unfinished_ = spinning_ = waiting_ = asleep_ = 0;
    preemptions_ = 0;
    may_fail_weakly_ = true;
    writes_ = steps_ = 0;
    replayed_ = 0;
    decisions_.clear();
    trace_.clear();
    failure_.clear();
    search_->rewind();
}

bool execution::run(const run_limits& limits, void (*body)(void*), void* of) {
    DRAMA_ASSERT(active_execution == nullptr, "a checked program starts another search");
    reset(limits);
    body_ = body;
    body_of_ = of;
    threads_[0].stack.prepare(&enter_first, this);
    active_execution = this;
    threads_[0].stack.resume(host_);
    active_execution = nullptr;
    if (!failure_.empty()) {
        for (std::size_t i = 0; i < count_; ++i) {
            threads_[i].stack.abandon();
        }
    }
    return failure_.empty();
}

void execution::enter_first(void* of) {
    fiber::arrived();
    auto& self = *static_cast<execution*>(of);
    try {
        self.body_(self.body_of_);
    } catch (const std::exception& thrown) {
        self.fail(std::string("it throws: ") + thrown.what(), std::source_location());
    }
    self.ended_ = true;
    self.host_.resume(self.threads_[0].stack);
    std::terminate();
}

void execution::enter_thread(void* of) {
    fiber::arrived();
    auto& self = *static_cast<execution*>(of);
    thread& mine = self.threads_[self.running_];
    try {
        mine.call(mine.of);
    } catch (const std::exception& thrown) {
        self.fail(std::string("it throws: ") + thrown.what(), std::source_location());
    }
    self.finish_thread();
    std::terminate();
}

void execution::run_threads(const checked_thread* bodies, std::size_t count) {
    DRAMA_ASSERT(running_ == 0 && !is_parallel_,
                 "only the first thread starts others, all at once");
    DRAMA_ASSERT(count < checked_threads_max, "at most 7 threads besides the first");
    count_ = count + 1;
    unfinished_ = static_cast<thread_mask>(mask_of(count + 1) - 2);
    enabled_ = unfinished_;
    spinning_ = waiting_ = asleep_ = 0;
    is_parallel_ = is_launching_ = true;
    for (std::size_t i = 1; i <= count; ++i) {
        thread& each = threads_[i];
        each.name = bodies[i - 1].name;
        each.call = bodies[i - 1].call;
        each.of = bodies[i - 1].of;
        each.own_writes = 0;
        each.others_seen = writes_;
        memory_.fork(0, static_cast<std::uint8_t>(i));
        each.stack.prepare(&enter_thread, this);
        running_ = i;
        each.stack.resume(threads_[0].stack);
        running_ = 0;
    }
    memory_.tick(0);
    is_launching_ = false;
    if (unfinished_ != 0) {
        const std::size_t first = choose_next(true);
        running_ = first;
        threads_[first].stack.resume(threads_[0].stack);
    }
    running_ = 0;
    is_parallel_ = false;
    for (std::size_t i = 1; i <= count; ++i) {
        memory_.join(0, static_cast<std::uint8_t>(i));
    }
}

void execution::finish_thread() {
    const thread_mask mine = mask_of(running_);
    unfinished_ = static_cast<thread_mask>(unfinished_ & ~mine);
    enabled_ = static_cast<thread_mask>(enabled_ & ~mine);
    fiber& stack = threads_[running_].stack;
    if (is_launching_ || unfinished_ == 0) {
        threads_[0].stack.resume(stack);
        return;
    }
    const std::size_t next = choose_next(true);
    running_ = next;
    threads_[next].stack.resume(stack);
}

// A thread has come to `step`: returns when it is to take it.
void execution::arrive(const checked_step& step) {
    if (++steps_ > limits_.steps_max) {
        fail("it goes on for more than " + std::to_string(limits_.steps_max) +
                 " steps; a loop that waits calls Atomics::yield()",
             step.where);
    }
    if (!is_parallel_) {
        return;
    }
    threads_[running_].pending = step;
    hand_on(step.what == checked_step::kind::spin);
}

void execution::hand_on(bool is_voluntary) {
    if (is_launching_) {
        go_to(0);
        return;
    }
    const std::size_t next = choose_next(is_voluntary);
    if (next != running_) {
        go_to(next);
    }
}

void execution::go_to(std::size_t next) {
    const std::size_t mine = running_;
    running_ = next;
    threads_[next].stack.resume(threads_[mine].stack);
    running_ = mine;
}

std::size_t execution::choose_next(bool is_voluntary) {
    if (enabled_ == 0) {
        fail_stuck();
    }
    const thread_mask mine = mask_of(running_);
    const bool could_go_on = !is_voluntary && (enabled_ & mine) != 0;
    thread_mask options = enabled_;
    if (could_go_on && preemptions_ >= limits_.preemptions_max) {
        if ((enabled_ & ~mine & ~asleep_) != 0 && !coasts_) {
            search_->cut();
        }
        options = mine;
    } else if (is_voluntary && (enabled_ & ~mine) != 0) {
        // Who waits lets others go first, but for those whose turn here has been searched.
        const auto others = static_cast<thread_mask>(enabled_ & ~mine);
        options = (others & ~asleep_) != 0 ? others : enabled_;
    }
    const std::size_t next = decide_thread(options, running_);
    preemptions_ += could_go_on && next != running_ ? 1 : 0;
    asleep_ = static_cast<thread_mask>(asleep_ & ~mask_of(next));
    return next;
}

std::size_t execution::decide_thread(thread_mask options, std::size_t preferred) {
    const bool has_preferred = (options & mask_of(preferred)) != 0;
    auto next = has_preferred ? preferred : static_cast<std::size_t>(std::countr_zero(options));
    if (limits_.replay != nullptr) {
        next = replayed_ < limits_.replay->size() ? (*limits_.replay)[replayed_++] : next;
        if ((enabled_ & mask_of(next)) == 0) {
            fail("it does not do the same when it is run again", threads_[running_].pending.where);
        }
    } else if (!coasts_) {
        const auto awake = static_cast<thread_mask>(options & ~asleep_);
        if (awake == 0) {
            coasts_ = true;
        } else if (std::has_single_bit(awake)) {
            next = static_cast<std::size_t>(std::countr_zero(awake));
        } else {
            next = search_->choose_thread(awake, preferred, asleep_);
        }
    }
    decisions_.push_back(static_cast<std::uint16_t>(next));
    return next;
}

std::size_t execution::decide_value(std::size_t count) {
    std::size_t taken = 0;
    if (count < 2) {
        return taken;
    }
    if (limits_.replay != nullptr) {
        taken = replayed_ < limits_.replay->size() ? (*limits_.replay)[replayed_++] : 0;
        if (taken >= count) {
            fail("it does not do the same when it is run again", threads_[running_].pending.where);
        }
    } else if (!coasts_) {
        taken = search_->choose_value(count);
    }
    decisions_.push_back(static_cast<std::uint16_t>(taken));
    return taken;
}

void execution::end_step(const checked_step& step, bool wrote) {
    memory_.tick(self());
    if (!is_parallel_) {
        return;
    }
    if (wrote) {
        ++writes_;
        ++threads_[running_].own_writes;
        enabled_ |= spinning_;
        spinning_ = 0;
    }
    for (thread_mask left = asleep_; left != 0;
         left = static_cast<thread_mask>(left & (left - 1))) {
        const auto each = static_cast<std::size_t>(std::countr_zero(left));
        if (depend(step, threads_[each].pending)) {
            asleep_ = static_cast<thread_mask>(asleep_ & ~mask_of(each));
        }
    }
}

void execution::fail(std::string what, const std::source_location& where) {
    failure_ = std::move(what);
    if (where.line() != 0) {
        failure_ += " (" + place_of(where) + ")";
    }
    if (is_parallel_ || running_ != 0) {
        failure_ = name_of(running_) + ": " + failure_;
    }
    host_.resume(threads_[running_].stack);
    std::terminate();
}

void execution::fail_stuck() {
    std::string text = "nobody can go on:";
    const char* separator = " ";
    for (std::size_t i = 1; i < count_; ++i) {
        if ((unfinished_ & mask_of(i)) != 0) {
            const bool waits = threads_[i].pending.what == checked_step::kind::wait;
            text += separator + name_of(i) + (waits ? " waits at " : " spins at ") +
                    place_of(threads_[i].pending.where);
            separator = ", ";
        }
    }
    is_parallel_ = false;
    const std::size_t mine = running_;
    running_ = 0;
    failure_ = std::move(text);
    host_.resume(threads_[mine].stack);
    std::terminate();
}

}  // namespace drama::inline v0::internal
