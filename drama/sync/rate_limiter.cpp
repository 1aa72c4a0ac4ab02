// SPDX-License-Identifier: Apache-2.0
#include "drama/sync/rate_limiter.hpp"

#include <algorithm>
#include <cmath>

#include "drama/coro/sleep.hpp"

namespace drama::inline v0 {

namespace {

bool is_valid(token_rate some) noexcept {
    return some.per_s > 0 && some.burst > 0;
}

}  // namespace

rate_limiter::rate_limiter(token_rate each) : rate_(each) {
    DRAMA_ASSERT(is_valid(each), "a rate limiter without a rate");
}

rate_limiter::~rate_limiter() {
    for (const auto& [tenant, each] : buckets_) {
        DRAMA_ASSERT(each->waiting == 0, "a rate limiter is destroyed while tasks wait for it");
    }
}

rate_limiter::bucket& rate_limiter::find(const account& whose) {
    const auto found = buckets_.find(whose.id());
    if (found != buckets_.end()) {
        return *found->second;
    }
    auto made = std::make_unique<bucket>();
    made->rate = rate_;
    made->tokens = rate_.burst;
    return *buckets_.emplace(whose.id(), std::move(made)).first->second;
}

// A full bucket is as good as none. Looked for when their number has doubled, so at a constant cost
// for each that was made.
void rate_limiter::drop_full(instant now) {
    if (buckets_.size() < drop_at_) {
        return;
    }
    std::erase_if(buckets_, [now](const auto& item) {
        bucket& each = *item.second;
        fill(each, now);
        return each.waiting == 0 && !each.has_own_rate && each.tokens >= each.rate.burst;
    });
    drop_at_ = std::max<std::size_t>(64, 2 * buckets_.size());
}

void rate_limiter::fill(bucket& some, instant now) noexcept {
    if (now > some.filled_at) {
        const double span = std::chrono::duration<double>(now - some.filled_at).count();
        some.tokens = std::min(some.rate.burst, some.tokens + (span * some.rate.per_s));
        some.filled_at = now;
    }
}

duration rate_limiter::delay(const bucket& some, std::size_t tokens) noexcept {
    const double lacking = std::min(static_cast<double>(tokens), some.rate.burst) - some.tokens;
    if (lacking <= 0) {
        return duration::zero();
    }
    constexpr double longest_ns = 1e17;  // three years; a rate may be next to nothing
    const double ns = std::ceil(lacking / some.rate.per_s * 1e9);
    return duration(static_cast<duration::rep>(std::clamp(ns, 1.0, longest_ns)));
}

duration rate_limiter::take_or_delay(bucket& from, std::size_t tokens, instant now) {
    const std::lock_guard guard(lock_);
    fill(from, now);
    const duration more = delay(from, tokens);
    if (more == duration::zero()) {
        from.tokens -= static_cast<double>(tokens);
    }
    return more;
}

bool rate_limiter::try_acquire(std::size_t tokens) {
    const runnable& self = *current_runnable();
    const instant now = self.home->now();
    const std::lock_guard guard(lock_);
    drop_full(now);
    bucket& mine = find(*self.payer);
    fill(mine, now);
    if (mine.waiting != 0 || delay(mine, tokens) != duration::zero()) {
        return false;
    }
    mine.tokens -= static_cast<double>(tokens);
    return true;
}

duration rate_limiter::delay(std::size_t tokens) {
    const runnable& self = *current_runnable();
    const std::lock_guard guard(lock_);
    bucket& mine = find(*self.payer);
    fill(mine, self.home->now());
    return delay(mine, tokens);
}

void rate_limiter::set(const account& whose, token_rate to) {
    DRAMA_ASSERT(is_valid(to), "a rate limiter without a rate");
    const std::lock_guard guard(lock_);
    bucket& some = find(whose);
    const bool is_full = some.tokens >= some.rate.burst;
    some.tokens = is_full ? to.burst : std::min(some.tokens, to.burst);
    some.rate = to;
    some.has_own_rate = true;
}

std::size_t rate_limiter::tenants() {
    const std::lock_guard guard(lock_);
    return buckets_.size();
}

task<result<void>> rate_limiter::acquire(std::size_t tokens, duration timeout) {
    runnable& self = co_await this_task();
    if (self.is_stopping()) {
        co_return fail(self.stop_reason());  // every await is a stop point
    }
    bucket* in = nullptr;
    {
        const instant now = self.home->now();
        const std::lock_guard guard(lock_);
        drop_full(now);
        bucket& mine = find(*self.payer);
        fill(mine, now);
        if (mine.waiting == 0 && delay(mine, tokens) == duration::zero()) {
            mine.tokens -= static_cast<double>(tokens);
            co_return result<void>();
        }
        in = &mine;
        ++mine.waiting;
    }
    struct leaving {
        rate_limiter* from;
        bucket* left;
        ~leaving() {
            const std::lock_guard guard(from->lock_);
            --left->waiting;
        }
    };
    const leaving when_done{this, in};
    auto waited = wait(in, tokens, timeout);
    co_return co_await std::move(waited);
}

task<result<void>> rate_limiter::wait(bucket* in, std::size_t tokens, duration timeout) {
    runnable& self = co_await this_task();
    account& payer = *self.payer;
    const instant began = self.home->now();
    const instant until = saturating_add(began, timeout);
    const work_class cls = self.cls;
    auto turn = co_await in->turn.lock(timeout);
    const instant first_at = self.home->now();  // of the tenant's
    if (!turn) {
        self.home->note_throttled(payer, duration::zero(), first_at - began);
        co_return fail(turn.error());
    }
    std::error_code error;
    instant now = first_at;
    for (;;) {
        const duration more = take_or_delay(*in, tokens, now);
        if (more == duration::zero()) {
            break;
        }
        if (saturating_add(now, more) > until) {
            error = errc::deadline_exceeded;
            break;
        }
        auto slept = co_await sleep_for(more);
        now = self.home->now();
        self.set_class(cls);  // a sleep changes it; this is a wait for others of the tenant
        if (!slept) {
            error = slept.error();
            break;
        }
    }
    self.home->note_throttled(payer, now - first_at, now - began);
    if (error) {
        co_return fail(error);
    }
    co_return result<void>();
}

}  // namespace drama::inline v0
