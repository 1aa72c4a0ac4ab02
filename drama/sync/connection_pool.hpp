// SPDX-License-Identifier: Apache-2.0
// A bounded number of things that are slow to open, lent to one task at a time: connections, above
// all. Opening, checking and closing are the user's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "drama/base/intrusive_list.hpp"
#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/sync/semaphore.hpp"

namespace drama::inline v0 {

/// How many there may be, and how they come into being.
template <class T>
struct connection_pool_options {
    /// Opens one. Called while the one who waits for it holds a place; its errors are passed on.
    std::function<task<result<T>>()> open;
    /// Looks at an idle one before it is lent; false: it is dropped. Empty: all are good.
    std::function<task<bool>(T*)> check{};
    std::size_t max_open = 16;
    std::size_t max_idle = 16;                        ///< more are closed when they come back
    duration idle_timeout = std::chrono::minutes(1);  ///< idle for so long, it is not lent any more
};

/// Lends up to `max_open` things of type T. Tenants that wait for one are served in turns by
/// weight; the one that was used last is lent first, so those beyond the need idle out.
///
/// `DRAMA_CO_TRY(auto lent, co_await pool.acquire(200ms));`
/// A place is held from the wait's end until the lease ends, through check and open too, so a stop
/// or a deadline at any of them loses nothing.
/// Threads: all from any thread. Lifetime: outlives its leases and waiters.
template <class T>
class connection_pool {
    struct entry : list_link<> {
        explicit entry(T&& opened) : value(std::move(opened)) {}
        T value;
        instant idle_since = long_ago;
    };
    using owned = std::unique_ptr<entry>;

  public:
    using options = connection_pool_options<T>;

    /// One that was lent; it goes back when this is destroyed. Threads: one at a time.
    /// Lifetime: ends before the runtime of the task that it was lent to.
    class [[nodiscard]] lease {
      public:
        lease(lease&& other) noexcept = default;
        lease& operator=(lease&& other) noexcept {
            std::swap(from_, other.from_);
            std::swap(home_, other.home_);
            std::swap(permit_, other.permit_);
            std::swap(lent_, other.lent_);
            return *this;
        }
        ~lease() { give_back(); }

        T& operator*() const noexcept { return lent_->value; }
        T* operator->() const noexcept { return &lent_->value; }
        explicit operator bool() const noexcept { return lent_ != nullptr; }

        /// Gives it back early. Nothing is lent any more.
        void give_back() noexcept {
            if (lent_) {
                from_->take_back(std::move(lent_), home_->now());
            }
            permit_.release();
        }
        /// It is broken: closes it, and gives back its place.
        void discard() noexcept {
            lent_.reset();
            permit_.release();
        }

      private:
        friend class connection_pool;
        lease(connection_pool& from, host& home, semaphore_permit permit, owned lent) noexcept
            : from_(&from), home_(&home), permit_(std::move(permit)), lent_(std::move(lent)) {}

        connection_pool* from_;
        host* home_;
        semaphore_permit permit_;
        owned lent_;
    };

    /// Requires: `how.open`, and room for one.
    explicit connection_pool(options how) : how_(std::move(how)), places_(how_.max_open) {
        DRAMA_ASSERT(how_.open && how_.max_open != 0, "a pool that can open nothing");
    }
    connection_pool(const connection_pool&) = delete;
    connection_pool& operator=(const connection_pool&) = delete;
    /// Closes what is idle. Requires: nothing is lent.
    ~connection_pool() { drop_idle(never); }

    /// Borrows an idle one, or opens one. Suspends: until there is room, then as `check` and `open`
    /// do. Errors: errc::closed, errc::stop_requested, errc::deadline_exceeded after `timeout`, and
    /// what `open` says.
    [[nodiscard]] task<result<lease>> acquire(duration timeout = duration::max()) {
        runnable& self = co_await this_task();
        if (is_closed()) {
            co_return fail(errc::closed);
        }
        auto inner = borrow(saturating_add(self.home->now(), timeout));
        auto got = co_await with_stop(closing_.get_token(), std::move(inner));
        if (!got && is_closed()) {
            co_return fail(errc::closed);
        }
        co_return std::move(got);
    }

    /// Lends no more: those who wait end with errc::closed, what is idle is closed now, what is
    /// lent when it comes back.
    void close() noexcept {
        closing_.request_stop();
        drop_idle(never);
    }
    /// The same, and waits until nothing is lent. Errors: errc::deadline_exceeded,
    /// errc::stop_requested; the pool is closed, but something is still lent.
    [[nodiscard]] task<result<void>> shut_down(duration timeout = duration::max()) {
        close();
        auto all = co_await places_.acquire(how_.max_open, timeout);
        co_return all ? result<void>() : fail(all.error());
    }
    /// Closes what idles out, as long as the pool is open. Without a task that does this, it is
    /// done whenever one is borrowed or comes back. Errors: errc::stop_requested.
    [[nodiscard]] task<result<void>> tend() {
        runnable& self = co_await this_task();
        while (!is_closed()) {
            const duration span = drop_idle(self.home->now());
            auto inner = nap(span);
            auto slept = co_await with_stop(closing_.get_token(), std::move(inner));
            if (!slept && !is_closed()) {
                co_return slept;
            }
        }
        co_return result<void>();
    }

    bool is_closed() const noexcept { return closing_.stop_requested(); }
    /// Open and not lent. A snapshot.
    std::size_t idle() noexcept {
        const std::lock_guard guard(lock_);
        return idle_count_;
    }
    /// Lent, or about to be. A snapshot.
    std::size_t lent() noexcept { return how_.max_open - places_.available(); }

  private:
    static task<result<void>> nap(duration span) {
        auto slept = co_await sleep_for(span);
        co_return slept;
    }

    task<result<lease>> borrow(instant until) {
        runnable& self = co_await this_task();
        host& home = *self.home;
        DRAMA_CO_TRY(auto permit, co_await places_.acquire(1, left(home, until)));
        for (;;) {
            owned some = take_idle(home.now());
            if (!some) {
                break;
            }
            if (!how_.check) {
                co_return lease(*this, home, std::move(permit), std::move(some));
            }
            auto looked = how_.check(&some->value);
            auto good = co_await with_deadline(until, std::move(looked));
            if (good && *good) {
                co_return lease(*this, home, std::move(permit), std::move(some));
            }
            // Cut short, the look has found out nothing, and would not about the others either.
            if (!good || self.is_stopping()) {
                co_return fail(good ? make_error_code(self.stop_reason()) : good.error());
            }
        }
        auto opening = how_.open();
        auto opened = co_await with_deadline(until, std::move(opening));
        if (!opened) {
            co_return fail(opened.error());
        }
        auto made = std::make_unique<entry>(std::move(*opened));
        co_return lease(*this, home, std::move(permit), std::move(made));
    }

    static duration left(const host& home, instant until) noexcept {
        return until == never ? internal::no_timeout : until - home.now();
    }
    instant oldest_kept(instant now) const noexcept {
        return how_.idle_timeout == duration::max() ? long_ago : now - how_.idle_timeout;
    }

    /// The one that was used last, unless it idled out.
    owned take_idle(instant now) noexcept {
        drop_idle(now);
        const std::lock_guard guard(lock_);
        if (idle_.empty()) {
            return nullptr;
        }
        entry& last = idle_.back();
        idle_.remove(last);
        --idle_count_;
        return owned(&last);
    }
    void take_back(owned used, instant now) noexcept {
        used->idle_since = now;
        {
            const std::lock_guard guard(lock_);
            // Looked at under the lock: a close that comes later finds it among the idle.
            if (!is_closed() && idle_count_ < how_.max_idle) {
                idle_.push_back(*used.release());
                ++idle_count_;
            }
        }
        used.reset();
        drop_idle(now);
    }
    /// Closes those that idled out by `now`, or all that are idle. Yields when to look again.
    duration drop_idle(instant now) noexcept {
        for (;;) {
            owned gone;
            {
                const std::lock_guard guard(lock_);
                if (idle_.empty()) {
                    return std::max<duration>(how_.idle_timeout, std::chrono::milliseconds(1));
                }
                entry& first = idle_.front();  // idle for the longest time
                if (now != never && first.idle_since > oldest_kept(now)) {
                    return first.idle_since - oldest_kept(now);
                }
                idle_.remove(first);
                --idle_count_;
                gone.reset(&first);
            }
        }  // closed without the lock
    }

    const options how_;
    semaphore places_;
    stop_source closing_;
    std::mutex lock_;  // guards what follows
    intrusive_list<entry> idle_;
    std::size_t idle_count_ = 0;
};

}  // namespace drama::inline v0
