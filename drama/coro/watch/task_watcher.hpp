// SPDX-License-Identifier: Apache-2.0
// What a world may be told about tasks: their beginning and end, what they wait for and hold. The
// machine's world asks for nothing; a simulated one explains by it why nothing moves any more.
#pragma once

#include <atomic>
#include <cstddef>

#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"

namespace drama::inline v0 {

class account;
class runnable;
struct wait_record;

class task_watcher;

/// Something that tasks wait for: base of every synchronization primitive.
struct watched_object {
    /// Who is told what tasks take from here: set by the first watched task that asks, and reset by
    /// a watcher that goes away before the object does.
    std::atomic<task_watcher*> watcher{nullptr};
};

/// Receives what the tasks of one world do.
///
/// Threads: whichever the thing happens on, with no lock of a task or a primitive held.
/// Cost:    a predicted branch where there is no watcher.
class task_watcher {
  public:
    /// Before the task can run.
    virtual void started(runnable& task) noexcept = 0;
    /// Before its joiners wake.
    virtual void ended(runnable& task) noexcept = 0;
    /// It is about to be queued after a wait.
    virtual void woken(runnable& task) noexcept = 0;
    /// A turn of `payer` begins at `now`; its first task has been ready for `waited`.
    virtual void served(const account& payer, duration waited, instant now) noexcept = 0;
    /// The task awaits `from`, and may get what it wants at once.
    virtual void asks(const runnable& task, const wait_record& what,
                      watched_object& from) noexcept = 0;
    /// It got it. `count`: permits; 0 where nothing is held afterwards.
    virtual void took(const runnable& task, const wait_record& what, watched_object& from,
                      std::size_t count) noexcept = 0;
    /// `count` permits of `to` came back, from whichever thread.
    virtual void gave(watched_object& to, std::size_t count) noexcept = 0;
    /// `gone` is being destroyed.
    virtual void destroyed(watched_object& gone) noexcept = 0;

  protected:
    ~task_watcher() = default;
};

namespace internal {

/// What joins `task`: the scope_state or when_group that it belongs to, the address that the record
/// of a wait for children names; null: nothing does. Requires: it was started by a runtime.
[[nodiscard]] DRAMA_API const void* group_of(const runnable& task) noexcept;

}  // namespace internal
}  // namespace drama::inline v0
