// SPDX-License-Identifier: Apache-2.0
// Turns of tasks whose spawn site has a record of overrunning: they run on demoted threads, in fair
// order, each with a CPU permit.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>

#include "drama/base/mpsc_stack.hpp"
#include "drama/base/spinlock.hpp"
#include "drama/coro/runnable.hpp"
#include "drama/runtime/pool/burning_board.hpp"
#include "drama/tenant/tenant_record.hpp"

namespace drama::inline v0::internal {

/// The tenant that is least ahead on the board goes first, among the first tenants_looked_at.
///
/// push() and size() are sequentially consistent, so that whoever pushes and then looks for a
/// rester or a permit, and whoever rests or gives a permit and then looks for work, cannot miss
/// each other. Threads: any. Complexity: a lock, O(tenants looked at).
class demoted_queue {
  public:
    static constexpr std::size_t tenants_looked_at = 64;

    demoted_queue(policy order, burning_board& board) noexcept : policy_(order), board_(&board) {}

    void push(runnable& task, instant now) noexcept {
        demoted_lane& lane = static_cast<tenant_record&>(*task.payer).demoted();
        task.queued_at = now;
        lane.size.fetch_add(1, std::memory_order_relaxed);
        size_.fetch_add(1, std::memory_order_seq_cst);
        board_->join(*lane.record, now);
        inbox_.push(task);  // last: whoever finds nothing yet looks again while the size says so
    }

    runnable* pop(instant now) noexcept {
        const std::lock_guard guard(lock_);
        sort_in();
        demoted_lane** const place = best(now);
        if (place == nullptr) {
            return nullptr;
        }
        demoted_lane& lane = **place;
        remove(place);
        work_item* const item = lane.tasks.pop();
        lane.size.fetch_sub(1, std::memory_order_relaxed);
        size_.fetch_sub(1, std::memory_order_seq_cst);
        popped_.fetch_add(1, std::memory_order_relaxed);
        board_->part(*lane.record);
        if (!lane.tasks.empty()) {
            append(lane);
        }
        return static_cast<runnable*>(item);
    }

    /// Where the tenant of what comes next stands on the board, or no_deadline.
    virtual_time next_position(instant now) noexcept {
        const std::lock_guard guard(lock_);
        sort_in();
        demoted_lane** const place = best(now);
        return place == nullptr ? no_deadline : board_->position_of(*(*place)->record, now);
    }

    std::size_t size() const noexcept { return size_.load(std::memory_order_seq_cst); }
    /// So many have been taken out. Threads: any.
    std::uint64_t popped() const noexcept { return popped_.load(std::memory_order_relaxed); }

  private:
    void sort_in() noexcept {
        for (work_item* item = inbox_.take_all(); item != nullptr;) {
            work_item* const following = item->next;
            auto& record = static_cast<tenant_record&>(*static_cast<runnable*>(item)->payer);
            demoted_lane& lane = record.demoted();
            if (lane.tasks.empty()) {
                append(lane);
            }
            lane.tasks.push(*item);
            item = following;
        }
    }
    void append(demoted_lane& lane) noexcept {
        lane.following = nullptr;
        (first_ == nullptr ? first_ : last_->following) = &lane;
        last_ = &lane;
    }
    void remove(demoted_lane** place) noexcept {
        demoted_lane* const gone = *place;
        *place = gone->following;
        if (last_ == gone) {
            last_ = first_ == nullptr ? nullptr : last_before(gone);
        }
    }
    demoted_lane* last_before(const demoted_lane* gone) const noexcept {
        demoted_lane* each = first_;
        while (each->following != nullptr && each->following != gone) {
            each = each->following;
        }
        return each;
    }

    // Where the lane is linked that is to be served next.
    demoted_lane** best(instant now) noexcept {
        demoted_lane** found = nullptr;
        virtual_time least = 0;
        std::size_t left = tenants_looked_at;
        for (demoted_lane** at = &first_; *at != nullptr && left != 0;
             at = &(*at)->following, --left) {
            const virtual_time stands =
                policy_ == policy::fifo ? (*at)->tasks.front()->queued_at.time_since_epoch().count()
                                        : board_->position_of(*(*at)->record, now);
            if (found == nullptr || before(stands, least)) {
                found = at;
                least = stands;
            }
        }
        return found;
    }

    const policy policy_;
    burning_board* const board_;
    // Workers only push: they never wait for a thread of the lowest priority.
    mpsc_stack<work_item, &work_item::next> inbox_;
    spinlock lock_;  // guards what follows and all tenants' demoted lanes
    demoted_lane* first_ = nullptr;
    demoted_lane* last_ = nullptr;
    std::atomic<std::size_t> size_{0};  // tasks in all lanes
    std::atomic<std::uint64_t> popped_{0};
};

}  // namespace drama::inline v0::internal
