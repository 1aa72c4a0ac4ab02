// SPDX-License-Identifier: Apache-2.0
// So many things a second, for each tenant by itself: a bucket of tokens per tenant.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "drama/base/export.hpp"
#include "drama/coro/account.hpp"
#include "drama/coro/task.hpp"
#include "drama/sync/mutex.hpp"

namespace drama::inline v0 {

/// How fast tokens come back, and how many may be saved up.
struct token_rate {
    double per_s = 1;
    double burst = 1;
};

/// Lets each tenant do so much a second and no more. A tenant begins with a full bucket, and what
/// others do does not matter to it.
///
/// The tasks of a tenant are served in the order of arrival. Tokens are taken when a wait ends
/// well, so who gives up has taken none, and the next one goes on at once. What a tenant waits here
/// is counted as throttled time with the cause `rate_limit`.
///
/// Complexity: O(1) without a wait; memory for tenants whose buckets are not full.
/// Threads:    all from any thread. Lifetime: outlives its waiters.
class DRAMA_API rate_limiter {
  public:
    /// Requires: both numbers of `each` are above zero; so with set().
    explicit rate_limiter(token_rate each);
    rate_limiter(const rate_limiter&) = delete;
    rate_limiter& operator=(const rate_limiter&) = delete;
    ~rate_limiter();

    /// Takes tokens of the tenant that the running task is charged to. More than the burst are
    /// given once the bucket is full, and paid off by those who come later. Suspends: until they
    /// are there. Errors: errc::stop_requested; errc::deadline_exceeded as soon as it is known that
    /// they come later than `timeout` allows. Nothing is taken then.
    [[nodiscard]] task<result<void>> acquire(std::size_t tokens = 1,
                                             duration timeout = duration::max());
    /// The same without a wait: false if they are not there, or others of the tenant wait.
    /// Requires: a task runs.
    [[nodiscard]] bool try_acquire(std::size_t tokens = 1);
    /// How long the running task's tenant would wait for `tokens` if nobody else came: what to say
    /// in Retry-After. Requires: a task runs.
    [[nodiscard]] duration delay(std::size_t tokens = 1);

    /// Gives `whose` a rate of its own from now on; what it has saved up stays, up to the burst.
    void set(const account& whose, token_rate to);

    /// Tenants that are remembered: those whose buckets are not full, and some that are. A
    /// snapshot.
    std::size_t tenants();

  private:
    struct bucket {
        mutex turn;  // held by the one who is next, while the tokens come
        // Under the limiter's lock.
        token_rate rate;
        double tokens = 0;
        instant filled_at = long_ago;
        std::size_t waiting = 0;
        bool has_own_rate = false;
    };

    bucket& find(const account& whose);
    void drop_full(instant now);
    static void fill(bucket& some, instant now) noexcept;
    static duration delay(const bucket& some, std::size_t tokens) noexcept;
    duration take_or_delay(bucket& from, std::size_t tokens, instant now);
    task<result<void>> wait(bucket* in, std::size_t tokens, duration timeout);

    const token_rate rate_;
    std::mutex lock_;  // guards what follows, and the buckets
    std::unordered_map<std::uint64_t, std::unique_ptr<bucket>> buckets_;
    std::size_t drop_at_ = 64;
};

}  // namespace drama::inline v0
