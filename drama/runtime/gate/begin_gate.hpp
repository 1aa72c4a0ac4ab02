// SPDX-License-Identifier: Apache-2.0
// Finish first, across queues: what a tenant would begin anew waits while functions of its own wait
// for compute threads, softly and for a bounded time. What has not begun holds neither frames nor
// buffers.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "drama/base/spinlock.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/sched/class_order.hpp"
#include "drama/tenant/tenant_record.hpp"

namespace drama::inline v0::internal {

class begin_gate;

/// The wait of one task before it begins something: a sleep that the gate may end early.
struct DRAMA_API begin_awaiter : sleep_awaiter, list_link<begin_gate> {
    begin_awaiter(runnable& task, std::source_location at) noexcept;

    bool await_suspend(std::coroutine_handle<> at) noexcept;
    [[nodiscard]] result<void> await_resume() noexcept;

    begin_gate* gate = nullptr;
    tenant_record* payer = nullptr;
    instant born = long_ago;
    bool is_listed = false;
};

/// EDF with class offsets: a function that was queued before what is new was born, or soon after,
/// is nearer its end. As many functions as there are threads wait in any case, so that none idles.
///
/// Threads: any. Complexity: O(those that wait in the tenant's bucket) for a start.
class begin_gate {
  public:
    /// What is new waits no longer.
    static constexpr duration longest = std::chrono::milliseconds(100);

    /// `threads` zero: nothing waits, ever.
    explicit begin_gate(std::size_t threads) noexcept : threads_(threads) {}

    /// What `payer` would begin, and could have since `born`, is to wait.
    bool must_wait(const tenant_record& payer, instant born) const noexcept {
        const pool_lanes& functions = payer.compute_lanes();
        const std::size_t queued = functions.size();
        return queued != 0 && queued >= threads_ && threads_ != 0 &&
               functions.waiting_since() + offset_of(work_class::compute) <=
                   born + offset_of(work_class::read);
    }
    /// A function of `payer` has started, or something that it began has ended.
    /// Cost while nobody waits: a load.
    void note_change(const tenant_record& payer) noexcept {
        if (waiting_.load(std::memory_order_relaxed) != 0) [[unlikely]] {
            wake_first(payer);
        }
    }
    /// Tasks that wait. Threads: any (a hint).
    std::size_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }

  private:
    friend begin_awaiter;

    struct bucket {
        spinlock lock;
        intrusive_list<begin_awaiter, begin_gate> waits;  // in the order in which they came
    };
    static constexpr std::size_t buckets = 32;

    static constexpr duration offset_of(work_class cls) noexcept {
        return offset_by_class[static_cast<std::size_t>(cls)];
    }
    bucket& bucket_of(const tenant_record& payer) noexcept {
        return buckets_[payer.id() % buckets];
    }
    void wake_first(const tenant_record& payer) noexcept;
    void add(bucket& to, begin_awaiter& wait) noexcept;
    void remove(bucket& from, begin_awaiter& wait) noexcept;

    const std::size_t threads_;
    std::atomic<std::size_t> waiting_{0};
    std::array<bucket, buckets> buckets_;
};

/// True if a request that the running task would begin now had better wait.
DRAMA_API bool has_nearer_work(runnable& task) noexcept;
/// Something that `task` began has ended.
DRAMA_API void note_request_ended(runnable& task) noexcept;

}  // namespace drama::inline v0::internal
