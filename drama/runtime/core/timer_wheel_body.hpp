// SPDX-License-Identifier: Apache-2.0
// What a timer wheel does: included where it is instantiated, for the machine's atomics by
// timer_wheel.cpp and for checked ones by the model checker's tests.
#pragma once

#include <algorithm>
#include <bit>
#include <mutex>

#include "drama/runtime/core/timer_wheel.hpp"

namespace drama::inline v0 {
namespace internal {
inline constexpr int level_bits = 6;
inline constexpr std::uint8_t due_level = 0xff;
inline constexpr std::int64_t slack_parts = 64;
inline constexpr std::int64_t slack_max_ns = 1'000'000;
}  // namespace internal

template <class Atomics>
instant basic_timer_wheel<Atomics>::with_slack(instant when, instant now) noexcept {
    constexpr std::int64_t tick_ns = std::int64_t{1} << tick_shift;
    if (when <= now || when > never - duration(internal::slack_max_ns)) {
        return when;  // due, or too far away to reckon with
    }
    const std::int64_t at = when.time_since_epoch().count();
    const std::int64_t slack =
        std::min((when - now).count() / internal::slack_parts, internal::slack_max_ns);
    if (slack < tick_ns) {
        return when;
    }
    const auto grid = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(slack)));
    return instant(duration((at + grid - 1) & ~(grid - 1)));
}

template <class Atomics>
bool basic_timer_wheel<Atomics>::arm(node& timer) noexcept {
    const std::lock_guard guard(lock_);
    timer.wheel = this;
    timer.firing.store(true, std::memory_order_relaxed);
    auto seen = timer.progress.load(std::memory_order_relaxed);
    do {
        if (seen == node::state::refused) {
            timer.firing.store(false, std::memory_order_relaxed);
            return false;
        }
        // Release pairs with disarm, which reads `wheel` after it has seen `armed`.
    } while (!timer.progress.compare_exchange_weak(
        seen, node::state::armed, std::memory_order_release, std::memory_order_relaxed));
    link(timer);
    size_.store(size_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    const std::int64_t when = timer.when.time_since_epoch().count();
    if (when < next_.load(std::memory_order_relaxed)) {
        publish_next();
    }
    return true;
}

template <class Atomics>
bool basic_timer_wheel<Atomics>::disarm(node& timer) noexcept {
    auto seen = timer.progress.load(std::memory_order_acquire);
    while (seen == node::state::idle) {
        // A refusal says nothing but itself; acquire is for what arm() did meanwhile.
        if (timer.progress.compare_exchange_weak(
                seen, node::state::refused, std::memory_order_relaxed, std::memory_order_acquire)) {
            return false;
        }
    }
    if (seen != node::state::armed) {
        return false;
    }
    return static_cast<basic_timer_wheel*>(static_cast<void*>(timer.wheel))->disarm_here(timer);
}

template <class Atomics>
bool basic_timer_wheel<Atomics>::disarm_here(node& timer) noexcept {
    const std::lock_guard guard(lock_);
    if (timer.progress.load(std::memory_order_relaxed) != node::state::armed) {
        return false;
    }
    unlink(timer);
    timer.progress.store(node::state::idle, std::memory_order_relaxed);
    timer.firing.store(false, std::memory_order_relaxed);
    return true;
}

// A timer goes to the level at which its tick and the present one first differ, so that every slot
// is cascaded exactly when the wheel's hand enters it.
template <class Atomics>
void basic_timer_wheel<Atomics>::link(node& timer) noexcept {
    const std::uint64_t due = ticks_up(timer.when);
    if (due <= tick_) {
        timer.slot_level = internal::due_level;
        due_.push_back(timer);
        return;
    }
    const std::uint64_t differing = due ^ tick_;
    std::size_t level =
        static_cast<std::size_t>((63 - std::countl_zero(differing)) / internal::level_bits);
    std::size_t slot = (due >> (level * internal::level_bits)) & (slots - 1);
    if (level >= levels) {
        // Beyond the last level's round: the slot of its tick if that is less than a round away,
        // else the slot furthest from the hand, to be looked at again when the hand gets there.
        level = levels - 1;
        const std::uint64_t hand = tick_ >> (level * internal::level_bits);
        const std::uint64_t away =
            std::min((due >> (level * internal::level_bits)) - hand, slots - 1);
        slot = (hand + away) & (slots - 1);
    }
    timer.slot_level = static_cast<std::uint8_t>(level);
    timer.slot_index = static_cast<std::uint8_t>(slot);
    slots_[level][slot].push_back(timer);
    occupied_[level] |= std::uint64_t{1} << slot;
}

template <class Atomics>
void basic_timer_wheel<Atomics>::unlink(node& timer) noexcept {
    size_.store(size_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    if (timer.slot_level == internal::due_level) {
        due_.remove(timer);
        return;
    }
    auto& slot = slots_[timer.slot_level][timer.slot_index];
    slot.remove(timer);
    if (slot.empty()) {
        occupied_[timer.slot_level] &= ~(std::uint64_t{1} << timer.slot_index);
    }
}

template <class Atomics>
instant basic_timer_wheel<Atomics>::last_until(instant most) noexcept {
    const std::lock_guard guard(lock_);
    instant last = long_ago;
    for (auto& level : slots_) {
        for (auto& slot : level) {
            for (node* at = slot.empty() ? nullptr : &slot.front(); at != nullptr;
                 at = slot.next_of(*at)) {
                last = at->when <= most ? std::max(last, at->when) : last;
            }
        }
    }
    return last;
}

// The first tick after the present one at which a slot must be emptied; all ones if there is none.
template <class Atomics>
std::uint64_t basic_timer_wheel<Atomics>::next_tick() const noexcept {
    std::uint64_t earliest = ~std::uint64_t{0};
    for (std::size_t level = 0; level < levels; ++level) {
        if (occupied_[level] == 0) {
            continue;
        }
        const auto shift = level * internal::level_bits;
        const std::uint64_t hand = (tick_ >> shift) & (slots - 1);
        // Distance from the hand to the next occupied slot, 1..64.
        const std::uint64_t rotated =
            std::rotr(occupied_[level], static_cast<int>((hand + 1) & 63));
        const auto distance = static_cast<std::uint64_t>(std::countr_zero(rotated)) + 1;
        const std::uint64_t tick = ((tick_ >> shift) + distance) << shift;
        earliest = std::min(earliest, tick);
    }
    return earliest;
}

template <class Atomics>
void basic_timer_wheel<Atomics>::publish_next() noexcept {
    std::int64_t next = never.time_since_epoch().count();
    if (!due_.empty()) {
        next = 0;
    } else if (const std::uint64_t tick = next_tick();
               tick <= (~std::uint64_t{0} >> (tick_shift + 1))) {
        next = static_cast<std::int64_t>(tick << tick_shift);
    }
    next_.store(next, std::memory_order_relaxed);
}

// Moves the hand to `tick`, emptying every slot that it enters on the way.
template <class Atomics>
void basic_timer_wheel<Atomics>::advance_to(std::uint64_t tick) noexcept {
    while (tick_ < tick) {
        const std::uint64_t stop = next_tick();
        if (stop > tick) {
            tick_ = tick;
            return;
        }
        tick_ = stop;
        for (std::size_t level = levels; level-- > 0;) {
            const auto shift = level * internal::level_bits;
            if ((tick_ & ((std::uint64_t{1} << shift) - 1)) != 0) {
                continue;  // the hand of this level did not move
            }
            const std::size_t slot = (tick_ >> shift) & (slots - 1);
            if ((occupied_[level] & (std::uint64_t{1} << slot)) == 0) {
                continue;
            }
            occupied_[level] &= ~(std::uint64_t{1} << slot);
            intrusive_list<node> cascade;
            cascade.splice_back(slots_[level][slot]);
            while (node* const timer = cascade.pop_front()) {
                link(*timer);
            }
        }
    }
}

template <class Atomics>
auto basic_timer_wheel<Atomics>::pop_due(instant now) noexcept -> node* {
    const std::lock_guard guard(lock_);
    if (due_.empty()) {
        advance_to(ticks(now));
    }
    node* const timer = due_.empty() ? nullptr : &due_.front();
    if (timer != nullptr) {
        unlink(*timer);
        timer->progress.store(node::state::fired, std::memory_order_relaxed);
    }
    if (due_.empty()) {
        publish_next();
    }
    return timer;
}

template <class Atomics>
std::size_t basic_timer_wheel<Atomics>::fire_due(instant now) noexcept {
    std::size_t fired = 0;
    while (node* const timer = pop_due(now)) {
        // `firing` is still true here: fire() clears it as its last touch of the node.
        timer->fire(*timer);
        ++fired;
    }
    return fired;
}

}  // namespace drama::inline v0
