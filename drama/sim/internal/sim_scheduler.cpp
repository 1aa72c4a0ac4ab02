// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/internal/sim_scheduler.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "drama/base/assert.hpp"
#include "drama/coro/runnable.hpp"
#include "drama/sim/internal/step_beat.hpp"
#include "drama/sim/report/run_trace.hpp"
#include "drama/base/atomic.hpp"
#include "drama/coro/frame_pool.hpp"
#include "drama/sim/seed.hpp"

namespace drama::inline v0::internal {
namespace {

// Separate from the strategy's streams, so that a fault more leaves the schedule alone.
std::uint64_t fault_stream(std::uint64_t seed) noexcept {
    std::uint64_t state = seed + 9 * 0xd1b54a32d192ed03ULL;
    return splitmix64(state);
}

thread_local sim_scheduler* this_thread_serves = nullptr;

// Whoever spins waits for a thread that has lost its CPU.
constexpr duration spin_pause = std::chrono::nanoseconds(500);
// A ready thread is passed over so often, and then runs.
constexpr std::uint64_t passed_over_max = 1'000;

// The newest of the simulations that this thread has made and not ended.
thread_local sim_scheduler* this_thread_owns = nullptr;

// The owner waits for a lock of a thread that lost its CPU: the world goes on for a little.
void run_a_little() noexcept {
    sim_scheduler& owned = *this_thread_owns;
    owned.run({.until_ns = owned.now_ns() + spin_pause.count()});
}

void give_way() noexcept {
    const no_access_points guard;
    sim_scheduler* const scheduler = scheduler_of_this_thread();
    DRAMA_ASSERT(scheduler->current() != nullptr,
                 "a check of a simulated run waits for a lock that a task holds");
    scheduler->pass_time(spin_pause, false);
}

}  // namespace

[[gnu::noinline]] sim_scheduler* scheduler_of_this_thread() noexcept {
    return this_thread_serves;
}

[[gnu::noinline]] sim_scheduler* scheduler_owned_by_this_thread() noexcept {
    return this_thread_owns;
}

sim_scheduler::sim_scheduler(std::uint64_t seed, const sim_options& options)
    : seed_(seed),
      options_(options),
      threads_max_(options.threads_max),
      faults_(fault_stream(seed)),
      own_strategy_(seed),
      strategy_(options.strategy != nullptr ? options.strategy : &own_strategy_),
      accesses_(seed) {
    if (options.carriers == nullptr) {
        own_carriers_ = std::make_unique<carrier_threads>();
    }
    carriers_ = options.carriers != nullptr ? options.carriers : own_carriers_.get();
    if (options.keep_events) {
        log_.keep();
    }
    const auto note_fault = [](void* self, const fired_fault& fault) noexcept {
        static_cast<sim_scheduler*>(self)->note(
            sim_event::fault, static_cast<std::uint64_t>(fault.kind) << 56 ^ fault.k);
    };
    faults_.observe(note_fault, this);
    owned_before_ = std::exchange(this_thread_owns, this);
    replace_yield(&run_a_little);
}

sim_scheduler::~sim_scheduler() {
    DRAMA_ASSERT(this_thread_owns == this,
                 "simulations of one thread end in the reverse order of their making");
    this_thread_owns = owned_before_;
    replace_yield(owned_before_ != nullptr ? &run_a_little : nullptr);
    for (auto& thread : threads_) {
        if (thread->inside != nullptr) {
            thread.release();  // its stack still speaks of it
        }
    }
}

result<sim_thread*> sim_scheduler::start(thread_role role, thread_body& body, thread_group* in) {
    fault_context context = fault_context_;
    if (in != nullptr) {
        context.node = in->node;
    }
    if (thread_ids_ >= threads_max_ || !may_start_thread(context, role)) {
        note(sim_event::thread_refused, static_cast<std::uint64_t>(role));
        return fail(errc::thread_unavailable);
    }
    threads_.push_back(std::make_unique<sim_thread>());
    ready_.reserve(threads_.size());
    sim_thread& thread = *threads_.back();
    thread.id = ++thread_ids_;
    thread.role = role;
    thread.breakable = std::make_unique<faulty_body>(role, body, context);
    thread.body = thread.breakable.get();
    thread.home = this;
    thread.group = in;
    thread.fire = &on_due;
    ++alive_;
    if (in != nullptr) {
        ++in->alive;
    }
    note(sim_event::thread_start, thread.id << 8 | static_cast<std::uint64_t>(role));
    make_ready_at(thread, now_ns_ + wake_delay_ns(thread));
    return &thread;
}

void sim_scheduler::join(sim_thread& thread) noexcept {
    if (current_ != nullptr) {
        wait(thread.ended, never_ns);
    } else if (!thread.finished) {
        run({.flag = &thread.finished});
    }
    if (!thread.finished) {
        stop_in_deadlock("a thread is joined that will never end");
    }
    forget(thread);
}

void sim_scheduler::detach(sim_thread& thread) noexcept {
    thread.detached = true;
    if (thread.finished) {
        forget(thread);
    }
}

void sim_scheduler::forget(sim_thread& thread) noexcept {
    std::erase_if(threads_, [&](const auto& each) { return each.get() == &thread; });
}

std::int64_t sim_scheduler::cpu_ns(const sim_thread& thread) const noexcept {
    const std::int64_t since = std::max(thread.burns_since_ns, thread.runs_since_ns);
    return thread.cpu_ns + (since < 0 ? 0 : now_ns_ - since);
}

void sim_scheduler::begin_running(sim_thread& thread) noexcept {
    beat_step();
    current_ = &thread;
    thread.runs_since_ns = now_ns_;
}

void sim_scheduler::end_running(sim_thread& thread) noexcept {
    thread.cpu_ns += now_ns_ - std::exchange(thread.runs_since_ns, -1);
}

void sim_scheduler::make_ready_at(sim_thread& thread, std::int64_t at_ns) noexcept {
    events_.schedule(thread, std::max(at_ns, thread.busy_until_ns));
}

void sim_scheduler::on_due(timed_event& event) noexcept {
    auto& thread = static_cast<sim_thread&>(event);
    if (thread.waits_at != nullptr) {
        thread.waits_at->waiter = nullptr;
        thread.waits_at = nullptr;
    }
    thread.ready_since = thread.home->choices_;
    if (thread.group != nullptr && thread.group->is_held) {
        thread.group->held.push_back(&thread);
    } else {
        thread.home->ready_.push_back(&thread);
    }
}

void sim_scheduler::report_stray(const char* call, const std::string& where) const noexcept {
    const std::string text = std::string("stray call of ") + call + " in simulated code\n" + where;
    if (options_.on_stray) {
        options_.on_stray(text);
        return;
    }
    std::fprintf(stderr, "drama: %s\nreplay: %s\n", text.c_str(), replay_line(seed_).c_str());
    std::fflush(stderr);
    std::abort();
}

// Moves the carrier's OS thread to another body, or to none.
void sim_scheduler::run_on(carrier& on, thread_body* body) noexcept {
    if (on.runs == body) {
        return;
    }
    if (on.runs != nullptr) {
        on.runs->leave_thread();
    }
    on.runs = body;
    if (body != nullptr) {
        body->enter_thread();
    }
}

void sim_scheduler::pass_to(sim_thread& next) noexcept {
    carrier* const on = next.inside != nullptr ? next.inside : &carriers_->take(*this);
    picked_ = &next;
    carrying_ = nullptr;
    on->turn.pass();
}

void sim_scheduler::carry(carrier& on) noexcept {
    this_thread_serves = this;
    replace_yield(&give_way);
    count_accesses_for(&accesses_);
    const frame_spoiling spoils;
    carrying_ = &on;
    sim_thread* next = picked_;
    while (next != nullptr && next->inside == nullptr) {
        step(*next);
        next = pick();
    }
    count_accesses_for(nullptr);
    run_on(on, nullptr);
    this_thread_serves = nullptr;
    carriers_->give_back(on);
    if (next != nullptr) {
        pass_to(*next);
    } else {
        carrying_ = nullptr;
        owner_turn_.pass();
    }
}

run_end sim_scheduler::run(const run_limit& limit) noexcept {
    DRAMA_ASSERT(carrying_ == nullptr, "a simulation is run from inside itself");
    limit_ = limit;
    is_running_ = true;
    sim_thread* const next = pick();
    if (next != nullptr) {
        pass_to(*next);
        owner_turn_.wait();
    }
    is_running_ = false;
    return why_;
}

bool sim_scheduler::is_limit_met() noexcept {
    if ((limit_.flag != nullptr && *limit_.flag) ||
        (limit_.point != nullptr && limit_.point->is_due())) {
        why_ = run_end::asked;
        return true;
    }
    why_ = run_end::time;
    return now_ns_ >= limit_.until_ns;
}

bool sim_scheduler::does_owner_say_enough() noexcept {
    if (limit_.asks == nullptr || !limit_.asks(limit_.asked)) {
        return false;
    }
    why_ = run_end::asked;
    return true;
}

// The thread that runs next; null if the run ends here, for the reason that `why_` then tells.
sim_thread* sim_scheduler::pick() noexcept {
    for (;;) {
        if (is_limit_met()) {
            return nullptr;
        }
        if (!events_.empty() && events_.next_ns() <= now_ns_) {
            timed_event& event = events_.pop();
            event.fire(event);
            continue;  // it may have met the limit
        }
        if (does_owner_say_enough()) {
            return nullptr;
        }
        if (!ready_.empty()) {
            const std::size_t index = ready_.size() == 1 ? 0 : choose();
            sim_thread* const picked = ready_[index];
            ready_[index] = ready_.back();
            ready_.pop_back();
            return picked;
        }
        if (!advance()) {
            return nullptr;
        }
    }
}

// A strategy may be as unfair as it likes, but not for ever: workers that look for work would spin
// while the one that has it never runs, which no machine does to them. Who becomes ready after a
// look is due later than whoever was the first then, so most choices need no look.
std::size_t sim_scheduler::choose() noexcept {
    if (++choices_ > looks_at_choice_) {
        const auto first = std::ranges::min_element(ready_, {}, &sim_thread::ready_since);
        looks_at_choice_ = (*first)->ready_since + passed_over_max;
        if (choices_ > looks_at_choice_) {
            return static_cast<std::size_t>(first - ready_.begin());
        }
    }
    return strategy_->choose(ready_);
}

bool sim_scheduler::advance() noexcept {
    if (events_.empty()) {
        why_ = run_end::idle;
        if (limit_.until_ns != never_ns && limit_.time_passes) {
            now_ns_ = limit_.until_ns;
            why_ = run_end::time;
        }
        return false;
    }
    std::int64_t next_ns = std::max(now_ns_, events_.next_ns());
    // The machine was suspended: all that was to happen meanwhile is late.
    if (const auto jump_ns = faults_.decide({.kind = fault_kind::clock_jump, .site = "clock"})) {
        next_ns = *jump_ns < never_ns - next_ns ? next_ns + *jump_ns : never_ns;
    }
    now_ns_ = std::min(next_ns, limit_.until_ns);
    return true;
}

void sim_scheduler::step(sim_thread& thread) noexcept {
    begin_running(thread);
    if (++steps_ == options_.stop_at_step) [[unlikely]] {
        stop_in_debugger();
    }
    run_on(*carrying_, thread.body);
    if (sim_parker* const spot = std::exchange(thread.parked_at, nullptr)) {
        spot->park(duration::zero());
    }
    const instant wake_at = thread.body->step();
    note(sim_event::step, static_cast<std::uint64_t>(wake_at.time_since_epoch().count()));
    end_running(thread);
    std::int64_t cost = strategy_->delay_ns(schedule_delay::step, thread, options_.step_cost);
    if (thread.group != nullptr) {
        cost = thread.group->step_time(thread.role, cost);
    }
    thread.cpu_ns += cost;
    thread.busy_until_ns = now_ns_ + cost;
    if (strategy_->preempts(thread, options_.preempt_one_in)) {
        thread.busy_until_ns +=
            strategy_->delay_ns(schedule_delay::preemption, thread, options_.preempted);
    }
    if (thread.body->is_finished()) {
        end(thread);
    } else if (wake_at == long_ago) {
        make_ready_at(thread, now_ns_);
    } else {
        park(thread, wake_at);
    }
    current_ = nullptr;
}

void sim_scheduler::park(sim_thread& thread, instant wake_at) noexcept {
    auto& spot = static_cast<sim_parker&>(thread.body->parked_on());
    wait_point& point = spot.point();
    thread.parked_at = &spot;
    if (point.is_due() || wake_at.time_since_epoch().count() <= now_ns_) {
        make_ready_at(thread, now_ns_);
        return;
    }
    DRAMA_ASSERT(point.waiter == nullptr, "two threads wait at one parker");
    point.waiter = &thread;
    thread.waits_at = &point;
    if (wake_at != never) {
        make_ready_at(thread, wake_at.time_since_epoch().count() + wake_delay_ns(thread));
    }
}

void sim_scheduler::end(sim_thread& thread) noexcept {
    note(sim_event::thread_end, thread.id);
    --alive_;
    if (thread.group != nullptr) {
        --thread.group->alive;
    }
    run_on(*carrying_, nullptr);
    thread.finished = true;
    thread.body = nullptr;
    if (thread.detached) {
        current_ = nullptr;
        forget(thread);
    } else {
        thread.ended.has_work = true;
        wake_waiter(thread.ended);
    }
}

void sim_scheduler::add_to_trace(sim_event what, std::uint64_t value) noexcept {
    trace_record record{.step = steps_, .at_ns = now_ns_, .what = what, .value = value};
    if (current_ != nullptr) {
        record.thread = current_->id;
        record.role = current_->role;
    }
    options_.trace->add(std::move(record), current_runnable());
}

void sim_scheduler::stop_in_debugger() const noexcept {
    std::fprintf(stderr, "drama: stop at step %llu\n%s", static_cast<unsigned long long>(steps_),
                 describe().c_str());
    std::fflush(stderr);
    std::raise(SIGTRAP);  // the debugger's; without one the process ends here
}

void sim_scheduler::stop_in_deadlock(const char* what) const noexcept {
    std::fprintf(stderr, "drama: deadlock: %s\nreplay: %s\n%s", what, replay_line(seed_).c_str(),
                 describe().c_str());
    std::fflush(stderr);
    std::abort();
}

std::string sim_scheduler::describe() const {
    static constexpr const char* roles[thread_roles] = {"worker", "compute", "blocking", "watchdog",
                                                        "admin"};
    std::string text = "simulation at " + std::to_string(now_ns_) + " ns, " +
                       std::to_string(steps_) + " steps, " + std::to_string(alive_) + " threads\n";
    for (const auto& each : threads_) {
        text += "  thread " + std::to_string(each->id) + ' ' +
                roles[static_cast<std::size_t>(each->role)] + ": ";
        if (each->finished) {
            text += "ended, not joined";
        } else if (each->burns_since_ns >= 0) {
            text += "burns until " + std::to_string(each->at_ns);
        } else if (each->inside != nullptr) {
            text += "waits inside a step";
        } else if (each->waits_at != nullptr) {
            text += "parked at " + std::to_string(each->waits_at->id);
        } else {
            text += "ready";
        }
        text +=
            each->is_scheduled() ? ", goes on at " + std::to_string(each->at_ns) + " ns\n" : "\n";
    }
    return text;
}

}  // namespace drama::inline v0::internal
