// SPDX-License-Identifier: Apache-2.0
// The queued work of one tenant on one core: a FIFO for each class, and the tenant's place in the
// core's shard of a fair queue.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "drama/base/assert.hpp"
#include "drama/base/export.hpp"
#include "drama/base/work.hpp"
#include "drama/sched/account/hold_account.hpp"
#include "drama/sched/class_order.hpp"
#include "drama/sched/tenant_share.hpp"

namespace drama::inline v0 {

/// First in, first out chain of items that link themselves through `next` and `preceding`.
/// Ownership: owns no item. Threads: the caller's lock. Complexity: O(1) unless said.
template <class Item>
class basic_work_fifo {
  public:
    bool empty() const noexcept { return head_ == nullptr; }
    Item* front() const noexcept { return head_; }

    void push(Item& item) noexcept {
        item.next = nullptr;
        item.preceding = tail_;
        (head_ == nullptr ? head_ : tail_->next) = &item;
        tail_ = &item;
    }
    void push_front(Item& item) noexcept {
        item.next = head_;
        item.preceding = nullptr;
        (head_ == nullptr ? tail_ : head_->preceding) = &item;
        head_ = &item;
    }
    /// Takes `item`, which is in it, out.
    void unlink(Item& item) noexcept {
        if (&item == head_) {
            pop();
            return;
        }
        item.preceding->next = item.next;
        (item.next == nullptr ? tail_ : item.next->preceding) = item.preceding;
        item.next = nullptr;
    }
    /// Requires: not empty.
    Item* pop() noexcept {
        Item* item = head_;
        head_ = item->next;
        item->next = nullptr;
        return item;
    }
    /// Takes `item`, which is in it, out; returns how many items were before it.
    /// Complexity: O(those).
    std::size_t remove(Item& item) noexcept {
        std::size_t before_it = 0;
        for (const Item* each = head_; each != &item; each = each->next) {
            ++before_it;
        }
        unlink(item);
        return before_it;
    }
    /// Puts `older`, itself in order, where its queued_at belongs.
    /// Complexity: O(older + own items that are older still).
    void merge(basic_work_fifo& older) noexcept;

  private:
    using link = decltype(Item::next);

    link head_{nullptr};
    link tail_{nullptr};  // stale while empty
};

template <class Item>
void basic_work_fifo<Item>::merge(basic_work_fifo& older) noexcept {
    if (older.empty()) {
        return;
    }
    if (empty()) {
        *this = older;
        older.head_ = nullptr;
        return;
    }
    Item* before = nullptr;
    link* place = &head_;
    Item* incoming = older.head_;
    while (incoming != nullptr && *place != nullptr) {
        if ((*place)->queued_at > incoming->queued_at) {
            Item* const following = incoming->next;
            incoming->next = *place;
            (*place)->preceding = incoming;
            incoming->preceding = before;
            *place = incoming;
            incoming = following;
        }
        before = *place;
        place = &before->next;
    }
    if (incoming != nullptr) {
        *place = incoming;
        incoming->preceding = before;
        tail_ = older.tail_;
    }
    older.head_ = nullptr;
}

extern template class basic_work_fifo<work_item>;
using work_fifo = basic_work_fifo<work_item>;

/// One per tenant and core; a fair_shard or pool_order links it while it has work.
///
/// Threads:  under the lock of the core that owns it, like the shard; size() from any.
/// Lifetime: empty and not running when destroyed; its tenant_share outlives it.
class lane_set {
  public:
    explicit lane_set(tenant_share& share) noexcept : share_(&share) {}
    lane_set(const lane_set&) = delete;
    lane_set& operator=(const lane_set&) = delete;
    ~lane_set() { DRAMA_ASSERT(state_ == state::absent, "a lane_set dies while it is queued"); }

    bool empty() const noexcept { return size() == 0; }
    /// What was popped last had been put back before others. Threads: the core's own.
    bool was_put_back() const noexcept { return (put_backs_ & was_put_back_bit) != 0; }
    /// How long what such an item was put before had waited; zero if nothing was popped so.
    duration overtaken_for(instant now) const noexcept {
        return was_put_back() ? std::max(now - overtaken_since_, duration::zero())
                              : duration::zero();
    }
    /// Threads: any; without the lock it is a hint.
    std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
    tenant_share& share() const noexcept { return *share_; }
    /// Where this tenant's present request is due on the queue's clock. Means something while not
    /// absent from its queue.
    virtual_time deadline() const noexcept { return deadline_; }
    bool is_running() const noexcept { return state_ == state::running; }
    /// When the item that is next was queued, as the queue saw it last. Means something while there
    /// is one. Threads: any (a hint).
    instant waiting_since() const noexcept {
        return waiting_since_.load(std::memory_order_relaxed);
    }
    /// Written under the queue's lock.
    hold_account& holds() noexcept { return holds_; }
    const hold_account& holds() const noexcept { return holds_; }

    /// The class of the item that is next. Requires: not empty.
    work_class next_class() const noexcept { return static_cast<work_class>(next_lane()); }
    /// When the item that is next was queued. Requires: not empty.
    instant next_queued_at() const noexcept { return lanes_[next_lane()].front()->queued_at; }

    /// The first of the next `most` items of each class that `is_wanted` says yes to, or nullptr.
    /// Complexity: O(most).
    template <class Predicate>
    work_item* find(std::size_t most, Predicate is_wanted) const noexcept {
        for (const work_fifo& lane : lanes_) {
            work_item* each = lane.front();
            for (std::size_t left = most; left != 0 && each != nullptr; --left) {
                if (is_wanted(*each)) {
                    return each;
                }
                each = each->next;
            }
        }
        return nullptr;
    }

  protected:
    /// Some item, without a look at others. Requires: not empty.
    const work_item* first_in_a_lane() const noexcept {
        return lanes_[static_cast<std::size_t>(std::countr_zero(filled_))].front();
    }

  private:
    friend class fair_shard;
    friend class pool_order;
    friend class virtual_heap;
    friend class deadline_groups;

    enum class state : std::uint8_t {
        absent,
        queued,    // fair_shard
        far,       // fair_shard: many requests ahead of the clock
        eligible,  // pool_order
        waiting,   // pool_order: ahead of the clock
        limited,   // pool_order: has had what its limit allows
        arrivals,  // under fifo
        running,
        in_service,  // pool_order: nothing waits, something runs
    };

    void note_waiting() noexcept {
        waiting_since_.store(next_queued_at(), std::memory_order_relaxed);
    }

    /// Asks for the cache lines of what is here.
    void prefetch() const noexcept {
        __builtin_prefetch(this, 1);
        __builtin_prefetch(&size_, 1);
    }
    /// The same for what a turn touches beyond it. Requires: not empty.
    void prefetch_turn() const noexcept {
        __builtin_prefetch(share_, 1);
        __builtin_prefetch(first_in_a_lane(), 1);
    }

    void append(work_item& item, std::size_t lane) noexcept {
        lanes_[lane].push(item);
        note_put(item, lane);
    }
    void prepend(work_item& item, std::size_t lane) noexcept {
        lanes_[lane].push_front(item);
        note_put(item, lane);
    }
    void note_put(work_item& item, std::size_t lane) noexcept {
        item.stands_in.store(this, std::memory_order_relaxed);
        filled_ |= static_cast<std::uint8_t>(1U << lane);
        count(1);
    }
    work_item* take(std::size_t lane) noexcept {
        work_item* item = lanes_[lane].pop();
        note_taken(*item, lane);
        return item;
    }
    std::size_t remove(work_item& item, std::size_t lane) noexcept {
        const std::size_t before_it = lanes_[lane].remove(item);
        note_taken(item, lane);
        return before_it;
    }
    void unlink(work_item& item, std::size_t lane) noexcept {
        lanes_[lane].unlink(item);
        note_taken(item, lane);
    }
    void note_taken(work_item& item, std::size_t lane) noexcept {
        item.stands_in.store(nullptr, std::memory_order_relaxed);
        if (lanes_[lane].empty()) {
            filled_ &= static_cast<std::uint8_t>(~(1U << lane));
        }
        count(-1);
    }

    // Only who holds the lock writes, so this need not be one atomic step.
    void count(std::int32_t change) noexcept {
        size_.store(size_.load(std::memory_order_relaxed) + static_cast<std::uint32_t>(change),
                    std::memory_order_relaxed);
    }

    /// The lane whose head has the least queued_at + offset; the nearer class on a tie.
    std::size_t next_lane() const noexcept {
        auto best = static_cast<std::size_t>(std::countr_zero(filled_));
        const auto others = static_cast<unsigned>(filled_ & (filled_ - 1));
        if (others == 0) [[likely]] {
            return best;
        }
        instant best_due = lanes_[best].front()->queued_at + offset_by_class[best];
        for (unsigned left = others; left != 0; left &= left - 1) {
            const auto lane = static_cast<std::size_t>(std::countr_zero(left));
            const instant due = lanes_[lane].front()->queued_at + offset_by_class[lane];
            if (due < best_due) {
                best = lane;
                best_due = due;
            }
        }
        return best;
    }

    // put_backs_: a count in the low bits, and these.
    static constexpr std::uint8_t has_put_back_bit = 0x40;  // put_back_ means something
    static constexpr std::uint8_t was_put_back_bit = 0x80;
    static constexpr std::uint8_t put_backs_mask = 0x3f;

    // A turn with one item touches two lines: up to the first field of the holds.
    tenant_share* share_;
    virtual_time deadline_ = 0;
    std::array<work_fifo, work_classes> lanes_;
    std::atomic<std::uint32_t> size_{0};
    std::uint8_t filled_ = 0;  // bit c: lanes_[c] is not empty
    state state_ = state::absent;
    std::uint8_t group_ = 0;         // deadline_groups: where this stands
    std::uint8_t put_backs_ = 0;     // fair_shard: since the last one that went behind the others
    virtual_time slot_start_ = 0;    // of the slot there
    lane_set* preceding_ = nullptr;  // in the slot; stale at its head
    lane_set* following_ = nullptr;  // in the slot
    std::atomic<instant> waiting_since_{long_ago};
    hold_account holds_;
    const work_item* put_back_ = nullptr;  // fair_shard: it went before others
    instant overtaken_since_{};            // when the oldest of those had been queued
    std::uint32_t heap_index_ = 0;         // virtual_heap
    std::uint32_t in_service_ = 0;         // pool_order: items started and not settled
    instant started_at_ = long_ago;        // pool_order: the last of them
    std::uint32_t started_own_ = 0;        // pool_order: items in service then, its own
    std::uint32_t started_all_ = 0;        // pool_order: and those of all
    bool is_suspended_ = false;            // fair_shard: far ahead, and no member for that
};

}  // namespace drama::inline v0
