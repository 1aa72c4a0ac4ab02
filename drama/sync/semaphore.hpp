// SPDX-License-Identifier: Apache-2.0
// A number of permits that tasks take and give back.
#pragma once

#include <optional>
#include <source_location>
#include <utility>

#include "drama/base/result.hpp"
#include "drama/sync/internal/waiter.hpp"

namespace drama::inline v0 {

class semaphore;

/// Holds permits until it is destroyed. Threads: one at a time; any may destroy it.
class [[nodiscard]] semaphore_permit {
  public:
    semaphore_permit() noexcept = default;
    semaphore_permit(semaphore& from, std::size_t count) noexcept : from_(&from), count_(count) {}
    semaphore_permit(semaphore_permit&& other) noexcept
        : from_(other.from_), count_(std::exchange(other.count_, 0)) {}
    semaphore_permit& operator=(semaphore_permit&& other) noexcept {
        std::swap(from_, other.from_);
        std::swap(count_, other.count_);
        return *this;
    }
    ~semaphore_permit() { release(); }

    /// Gives them back early. Harmless if it holds none.
    inline void release() noexcept;
    /// Forgets them: the caller gives them back by semaphore::release.
    std::size_t detach() noexcept { return std::exchange(count_, 0); }
    std::size_t count() const noexcept { return count_; }

  private:
    semaphore* from_ = nullptr;
    std::size_t count_ = 0;
};

/// Permits, given out to tenants in turns by weight, and inside a tenant in the order of arrival.
/// One who wants many is not overtaken by those who want few once it is next.
///
/// Complexity: O(1) an acquisition, O(log tenants) while several wait; no allocation.
/// Threads:    all from any thread.
/// Lifetime:   outlives its permits and waiters.
class DRAMA_API semaphore final : internal::sync_base {
  public:
    struct acquire_awaiter;

    explicit semaphore(std::size_t permits) noexcept : free_(permits) {}

    /// Takes `count` permits, all at once. Suspends: until they are free.
    /// Requires: that many exist. Errors: errc::stop_requested, errc::deadline_exceeded; nothing
    /// is taken then.
    [[nodiscard]] acquire_awaiter acquire(
        std::size_t count = 1,
        std::source_location where = std::source_location::current()) noexcept;
    /// The same for at most `timeout`. Errors: errc::deadline_exceeded when it has passed.
    [[nodiscard]] acquire_awaiter acquire(
        std::size_t count, duration timeout,
        std::source_location where = std::source_location::current()) noexcept;
    /// Never waits, nor overtakes those who do.
    [[nodiscard]] std::optional<semaphore_permit> try_acquire(std::size_t count = 1) noexcept {
        state_lock.lock();
        const bool taken = take(count);
        state_lock.unlock();
        return taken ? std::optional<semaphore_permit>(std::in_place, *this, count) : std::nullopt;
    }
    /// Adds permits, whether they were taken before or are new.
    void release(std::size_t count = 1) noexcept;

    /// Free permits. A snapshot, for reports.
    std::size_t available() noexcept {
        state_lock.lock();
        const std::size_t now = free_;
        state_lock.unlock();
        return now;
    }

  private:
    bool take(std::size_t count) noexcept {
        if (!waiting_.empty() || free_ < count) {
            return false;
        }
        free_ -= count;
        return true;
    }
    void hand_over(internal::wake_list& woken) noexcept;
    void gave_up(internal::sync_waiter& gone, internal::wake_list& woken) noexcept override;

    internal::waiter_queue waiting_;
    std::size_t free_;
};

struct [[nodiscard]] semaphore::acquire_awaiter
    : internal::sync_awaiter<semaphore::acquire_awaiter> {
    acquire_awaiter(semaphore& of, std::size_t count, duration at_most,
                    std::source_location at) noexcept
        : sync_awaiter(of, wait_kind::space, at_most, at), target(&of) {
        wants = count;
    }
    bool take(internal::wake_list&) noexcept {
        if (target->take(wants)) {
            outcome = internal::wait_outcome::granted;
            return true;
        }
        return false;
    }
    internal::waiter_queue& line() noexcept { return target->waiting_; }
    [[nodiscard]] result<semaphore_permit> await_resume() noexcept {
        settle();
        if (outcome != internal::wait_outcome::granted) {
            return fail(error());
        }
        return result<semaphore_permit>(std::in_place, *target, wants);
    }

    semaphore* target;
};

inline semaphore::acquire_awaiter semaphore::acquire(std::size_t count,
                                                     std::source_location where) noexcept {
    return {*this, count, internal::no_timeout, where};
}
inline semaphore::acquire_awaiter semaphore::acquire(std::size_t count, duration timeout,
                                                     std::source_location where) noexcept {
    return {*this, count, timeout, where};
}

inline void semaphore_permit::release() noexcept {
    if (count_ != 0) {
        from_->release(std::exchange(count_, 0));
    }
}

}  // namespace drama::inline v0
