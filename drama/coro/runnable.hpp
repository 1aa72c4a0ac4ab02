// SPDX-License-Identifier: Apache-2.0
// A task as the scheduler sees it: one strand of coroutines, the context that travels with it, what
// it waits for and how it is stopped.
//
// A strand runs on one thread at a time and is suspended on at most one wait. Coroutines never
// resume each other: they leave the next one in the trampoline of whoever runs the strand. So a
// million ready awaits use no stack, on every compiler and under every sanitizer.
#pragma once

#include <bit>
#include <coroutine>
#include <cstdint>
#include <source_location>

#include "drama/base/assert.hpp"
#include "drama/base/clock.hpp"
#include "drama/base/errc.hpp"
#include "drama/base/work.hpp"
#include "drama/coro/host.hpp"
#include "drama/coro/wait_record.hpp"

namespace drama::inline v0 {

class account;
class runnable;

/// The bottom of the stack of a running strand; lives on the stack of the thread that runs it.
struct trampoline {
    std::coroutine_handle<> next;  ///< what to resume when the present coroutine returns here
    runnable* ended = nullptr;     ///< set when the strand's outermost coroutine has finished
    instant now = long_ago;        ///< start of this poll; coarse time for wait records
    instant turn_ends = never;     ///< a polite task gives way after this
    int inline_left = 64;          ///< completions without suspension before it must give way
    int depth = 0;                 ///< strands below that wait on this stack for this one
};

/// One level at which a strand can be asked to stop: the whole task, or the inside of a with_stop
/// or with_deadline. Threads: guarded by the runnable's stop lock.
struct stop_scope {
    stop_scope* outer = nullptr;
    errc reason{};  ///< set once; awaits inside then yield it
};

/// Where a task comes from: the spawn that is written in the source, and the function that was
/// spawned. Spawns inside a scope have the place of their root and their own function.
struct task_site {
    std::source_location where;
    const void* function = nullptr;  ///< null for function objects

    friend bool operator==(const task_site& left, const task_site& right) noexcept {
        return left.function == right.function && left.where.line() == right.where.line() &&
               left.where.file_name() == right.where.file_name();
    }
};

/// Everything about one task that is not its code.
///
/// Threads: `run` and the context by the thread that runs the strand; `request_stop` by any; the
/// rest as
///          its group says.
class runnable : public work_item {
  public:
    runnable() noexcept = default;
    runnable(const runnable&) = delete;
    runnable& operator=(const runnable&) = delete;

    /// Takes over what children inherit: tenant, class, name, deadline, user slot, host, birth.
    void inherit(const runnable& parent) noexcept {
        cls = parent.cls;
        class_fixed = parent.class_fixed;
        input_complete = parent.input_complete;
        home = parent.home;
        payer = parent.payer;
        name = parent.name;
        deadline = parent.deadline;
        birth = parent.birth;
        site.where = parent.site.where;
        user_slot = parent.user_slot;
    }

    void finish() noexcept { finished(*this); }

    /// What runs the strand. Only while it runs: once a wait is published a queue may link here.
    trampoline& slot() const noexcept { return *static_cast<trampoline*>(runs_on); }

    /// Resumes the strand until it suspends or ends. The runnable may be gone afterwards.
    void run(trampoline& bottom) noexcept;

    // Waiting, called by awaiters.

    /// Publishes the wait. False if a stop is pending: the awaiter must not wait.
    /// Call it under the primitive's own lock, before the awaiter can be found by a waker.
    bool begin_wait(wait_record& record) noexcept {
        record.begin(slot().now);
        return waits_.begin(record);
    }
    /// Publishes a wait that a stop does not end (its cancel passes the request on).
    void begin_steady_wait(wait_record& record) noexcept {
        record.begin(slot().now);
        waits_.begin_steady(record);
    }
    /// Publishes the wait for the next turn, which a stop leaves alone. Without a record to look
    /// into, begin and end take no lock and no fence: giving way is as cheap as can be.
    void begin_turn_wait(const std::source_location& at) noexcept {
        waits_.begin_turn(std::bit_cast<std::uintptr_t>(at));
    }
    void end_turn_wait() noexcept { waits_.end_turn(); }
    /// Withdraws the wait; afterwards nobody else touches the record. Called on resumption.
    void end_wait() noexcept { waits_.end(); }

    /// For an await that ends at once because of a stop, or is refused: a loop that does not heed
    /// that must not keep its thread. True once the task has gone on so for long: it is suspended,
    /// on its way behind others, and ends its wait on resumption. Requires: `resume_point` is set.
    bool gives_way_refused(const std::source_location& at) noexcept {
        if (!must_give_way_refused()) {
            return false;
        }
        give_way_refused(at);
        return true;
    }
    /// For one that gives way by itself.
    bool must_give_way_refused() noexcept { return (slot().inline_left -= refusal_cost) <= 0; }

    /// A stop of this task, or of a scope that it is inside of, is pending.
    bool is_stopping() const noexcept { return waits_.is_stopping(); }
    /// The reason of the innermost pending stop; zero if there is none.
    errc stop_reason() noexcept;

    // Stopping.

    /// Asks the whole task to stop. Threads: any that keeps the runnable alive.
    void request_stop(errc reason = errc::stop_requested) noexcept {
        note_stop(root_reason_, reason);
    }
    void request_stop(stop_scope& scope, errc reason) noexcept { note_stop(scope.reason, reason); }
    /// Enters and leaves a scope. Called by the strand itself, in stack order.
    void push_scope(stop_scope& scope) noexcept;
    void pop_scope(stop_scope& scope) noexcept;

    /// Calls `visit(const wait_record*)` under the stop lock: null while the task does not wait.
    template <class Visit>
    void inspect_wait(Visit visit) noexcept {
        waits_.lock();
        show_wait(visit);
    }
    /// The same, or false where somebody holds the lock. For a simulator, whose threads may have
    /// lost their CPU with it.
    template <class Visit>
    bool try_inspect_wait(Visit visit) noexcept {
        const bool is_locked = waits_.try_lock();
        if (is_locked) {
            show_wait(visit);
        }
        return is_locked;
    }

    /// The class that the await just begun gives the task, unless the user fixed it.
    void set_class(work_class to) noexcept {
        if (!class_fixed) {
            cls = to;
        }
    }
    /// Changes the name by which reports call the task, also those about the poll that runs.
    void rename(const char* to) noexcept {
        name = to;
        home->renamed(*this);
    }
    /// For compute, blocking, locks, channels and joins: keep, but at least compute once the
    /// request's input is complete.
    void keep_class() noexcept {
        if (!class_fixed && input_complete && cls > work_class::compute) {
            cls = work_class::compute;
        }
    }

    // Small ones first: they fill the end of work_item. Context and execution, as below.
    bool class_fixed : 1 = false;
    bool input_complete : 1 = false;
    bool pinned : 1 = false;         ///< never leaves `core`
    bool is_foreign : 1 = false;     ///< the runtime's: a thread without a core started it
    bool has_given_way : 1 = false;  ///< the runtime's: lasts longer than one poll
    bool is_watched : 1 = false;     ///< the runtime's: `home` has a watcher
    bool on_core_once : 1 = false;   ///< the runtime's: next on a core, whatever its site did
    std::uint16_t core = 0;          ///< the runtime's: where it last ran
    coarse_instant birth;

    // Execution: the running thread.
    std::coroutine_handle<> resume_point;  ///< the innermost suspended coroutine; at the end, the
                                           ///< outermost
    host* home = nullptr;
    void (*finished)(runnable&) noexcept = nullptr;  ///< the outermost coroutine has finished

    // Context: the running thread, or whoever creates the task.
    account* payer = nullptr;
    const char* name = "";
    task_site site;
    instant deadline = never;
    void* user_slot = nullptr;
    std::uint64_t id = 0;

  private:
    static constexpr int refusal_cost = 8;  // completions without suspension that it stands for

    template <class Visit>
    void show_wait(Visit& visit) noexcept {
        const std::uintptr_t wait = waits_.look();
        if (wait_word::is_turn(wait)) {
            const wait_record turn = turn_record(wait);
            visit(&turn);
        } else {
            visit(wait_word::record_of(wait));
        }
        waits_.unlock();
    }
    void note_stop(errc& noted, errc reason) noexcept;
    void give_way_refused(const std::source_location& at) noexcept;
    wait_record turn_record(std::uintptr_t wait) const noexcept;

    using wait_word = basic_wait_word<wait_record>;
    static_assert(sizeof(std::source_location) == sizeof(std::uintptr_t));

    stop_scope* scope_ = nullptr;  // the innermost; the whole task has only a reason
    // Its lock guards the scopes, the reasons and the life of the wait record.
    [[no_unique_address]] wait_word waits_;
    errc root_reason_{};

  public:
    std::uint8_t lifo_uses = 0;  ///< the runtime's: consecutive turns taken through the LIFO slot
};

/// The task that this thread runs now, or nullptr. Not inlined, so that no compiler keeps a
/// thread's address across a suspension.
[[nodiscard]] DRAMA_API runnable* current_runnable() noexcept;

}  // namespace drama::inline v0
