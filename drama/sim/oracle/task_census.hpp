// SPDX-License-Identifier: Apache-2.0
// Who lives in a simulated world, what each task asked for and holds: what a verdict is made from.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <unordered_map>
#include <vector>

#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"
#include "drama/base/spinlock.hpp"
#include "drama/coro/runnable.hpp"
#include "drama/coro/watch/task_watcher.hpp"

namespace drama::inline v0 {

/// Threads: any. Determinism: numbers follow the order of events, never addresses.
class DRAMA_API task_census final : public task_watcher {
  public:
    /// Permits of one object in a task's hands. The task may have ended.
    struct holding {
        std::uint64_t task = 0;  ///< its number
        std::size_t count = 0;
        std::source_location taken_at;
    };
    /// A primitive that some task has awaited.
    struct object {
        watched_object* self = nullptr;
        std::uint64_t number = 0;  ///< in the order of the first awaits
        bool has_permits = false;
        std::vector<holding> holders;
        // Tasks that have come for room and for items, at most `users_max` each, the latest last.
        std::vector<std::uint64_t> wanted_space;
        std::vector<std::uint64_t> wanted_item;
    };
    struct live_task {
        runnable* task = nullptr;
        std::uint64_t number = 0;
        const wait_record* asked = nullptr;  ///< the last await of a primitive
        const watched_object* from = nullptr;
        bool is_left_out = false;  ///< its process was killed
    };

    task_census() = default;
    ~task_census();
    task_census(const task_census&) = delete;
    task_census& operator=(const task_census&) = delete;

    void started(runnable& task) noexcept override;
    void ended(runnable& task) noexcept override;
    void woken(runnable& task) noexcept override;
    void served(const account& payer, duration waited, instant now) noexcept override;
    void asks(const runnable& task, const wait_record& what,
              watched_object& from) noexcept override;
    void took(const runnable& task, const wait_record& what, watched_object& from,
              std::size_t count) noexcept override;
    void gave(watched_object& to, std::size_t count) noexcept override;
    void destroyed(watched_object& gone) noexcept override;

    /// While it is held no task starts, ends or is woken; what the functions below yield stays.
    spinlock& lock() const noexcept { return lock_; }

    /// The tasks of a runtime that was killed: they will not go on, and nobody asks why.
    void leave_out(const host& home) noexcept;

    // Requires: the lock is held, or nothing else runs.

    /// In the order in which they started, but for those that are left out.
    std::vector<live_task> tasks() const;
    /// Null: no watched task has awaited it.
    const object* find(const watched_object& it) const noexcept;
    std::uint64_t number_of(const runnable& task) const noexcept;  ///< 0: it does not live

    /// The longest time for which a tenant had a ready task and no turn began, and whose it was.
    /// Threads: the lock is held, or nothing else runs.
    struct longest_wait {
        const account* payer = nullptr;
        duration lasted{};
    };
    longest_wait longest_without_turn() const noexcept { return longest_; }

    /// Tasks that ended and items that were delivered: what a run is for. Threads: any.
    std::uint64_t progress_marks() const noexcept { return marks_.load(std::memory_order_relaxed); }
    void mark_progress() noexcept { marks_.fetch_add(1, std::memory_order_relaxed); }

  private:
    static constexpr std::size_t users_max = 64;

    mutable spinlock lock_;  // guards what follows, up to the marks
    std::unordered_map<const runnable*, live_task> tasks_;
    std::unordered_map<const watched_object*, object> objects_;
    std::unordered_map<const account*, instant> last_turn_;
    longest_wait longest_;
    std::uint64_t last_number_ = 0;
    std::uint64_t last_object_ = 0;
    std::atomic<std::uint64_t> marks_{0};
};

}  // namespace drama::inline v0
