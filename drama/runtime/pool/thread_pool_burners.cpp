// SPDX-License-Identifier: Apache-2.0
// Functions that burn a CPU: those of the compute pool stand on the board while they run; those of
// a pool whose functions are expected to wait are found by their threads' clocks.
#include <algorithm>
#include <utility>

#include "drama/base/coverage/mark.hpp"
#include "drama/runtime/pool/thread_pool.hpp"

namespace drama::inline v0 {
namespace {

// A function is looked at first when it has run for so long, and then at twice the gap each time:
// of those that wait, thousands may run.
constexpr duration first_look = std::chrono::milliseconds(1);
constexpr duration longest_gap = std::chrono::milliseconds(32);
constexpr duration not_read = duration(-1);
constexpr std::size_t seen_max = 64;   // threads at a time
constexpr std::size_t looks_max = 16;  // at a time, of half a microsecond each
// What a function must have used since the last look. One that shares its CPU with many gets only a
// part of the time.
constexpr duration burned_min = std::chrono::milliseconds(1);

}  // namespace

void thread_pool::begin_burning_locked(pool_thread& self, instant now) noexcept {
    if (options_.board != nullptr && self.grant_) {
        self.burns_at_ =
            options_.board->enter(*static_cast<const job*>(self.grant_.item)->payer, now);
    } else if (options_.keeper != nullptr) {
        self.cpu_seen_ = not_read;
        self.looked_at_ = now;
        self.look_at_ = now + first_look;
    }
}

// May let go of the lock for a moment. `more` is what the function has used.
void thread_pool::stop_burning(std::unique_lock<sleeping_lock>& lock, pool_thread& self,
                               duration more) noexcept {
    burning_board::place* const left = std::exchange(self.burns_at_, nullptr);
    self.look_at_ = never;
    if (options_.board != nullptr) {
        options_.board->leave(left);
        return;
    }
    if (options_.keeper == nullptr || (left == nullptr && more == duration::zero())) {
        return;
    }
    tenant_record& payer = *static_cast<const job*>(self.grant_.item)->payer;
    if (left == nullptr) {
        options_.keeper->end(nullptr, payer, more);
        return;
    }
    lock.unlock();  // it looks for who may have its permit
    options_.keeper->end(left, payer, more);
    lock.lock();
}

// What the function that ends, or waits, has used since it was read last.
duration thread_pool::read_cpu(pool_thread& self) const noexcept {
    const duration cpu = world_->thread_cpu_time();
    return cpu - self.cpu_began_.exchange(cpu, std::memory_order_relaxed);
}

void thread_pool::refresh_running(instant now) noexcept {
    const std::unique_lock guard(lock_, std::try_to_lock);
    if (!guard) {
        return;  // the next time
    }
    for (const auto& each : all_) {
        if (each->burns_at_ != nullptr && each->thread_ != nullptr && each->grant_) {
            const duration cpu = each->thread_->cpu_time();
            if (cpu - each->cpu_seen_ >= burning_board::used_min) {
                each->cpu_seen_ = cpu;
                options_.board->note_used(*each->burns_at_);
            }
            queue_.refresh(each->grant_, cpu - each->cpu_began_.load(std::memory_order_relaxed),
                           now);
        }
    }
}

void thread_pool::look_for_burners(instant now) noexcept {
    const std::unique_lock guard(lock_, std::try_to_lock);
    if (!guard || options_.keeper == nullptr) {
        return;
    }
    std::size_t looks = 0;
    for (std::size_t left = std::min(all_.size(), seen_max); left != 0 && looks != looks_max;
         --left) {
        look_from_ = look_from_ + 1 < all_.size() ? look_from_ + 1 : 0;
        pool_thread& each = *all_[look_from_];
        if (each.burns_at_ == nullptr && each.thread_ != nullptr && each.grant_ &&
            each.look_at_ <= now) {
            look_at_locked(each, now);
            ++looks;
        }
    }
}

void thread_pool::look_at_locked(pool_thread& one, instant now) noexcept {
    const duration cpu = one.thread_->cpu_time();
    const duration began = one.cpu_began_.load(std::memory_order_relaxed);
    const duration gap = now - one.looked_at_;
    const duration used = cpu - (one.cpu_seen_ == not_read ? began : one.cpu_seen_);
    if (used >= gap / 2 || (used >= burned_min && used >= gap / 8)) {
        tenant_record& payer = *static_cast<const job*>(one.grant_.item)->payer;
        one.burns_at_ = options_.keeper->begin(payer, *one.thread_, began, now);
        one.is_demoted_ = one.is_demoted_ || one.burns_at_ != nullptr;
    }
    one.cpu_seen_ = cpu;
    one.looked_at_ = now;
    one.look_at_ = now + std::clamp(2 * gap, first_look, longest_gap);
}

// A thread that stays at the lowest priority for ever ends; if there is work, another takes its
// place. False: none can be had; better this one than none.
bool thread_pool::replace_demoted(pool_thread& self) noexcept {
    std::unique_lock lock(lock_);
    if (queue_.size() != 0 && idle_.empty() && !stopping_) {
        lock.unlock();
        if (!start_thread()) {
            return false;
        }
        lock.lock();
    }
    DRAMA_MARK("pool.ends_a_demoted_thread");
    if (self.is_idle) {
        idle_.forget(self);
    }
    self.finished_ = true;
    --live_;
    threads_.store(live_, std::memory_order_relaxed);
    return true;
}

}  // namespace drama::inline v0
