// SPDX-License-Identifier: Apache-2.0
// What a simulated descriptor does with operations: try, else queue, and try again when something
// has changed. Several numbers may stand for one descriptor.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "drama/io/epoll/op_stage.hpp"
#include "drama/io/io_backend.hpp"
#include "drama/sim/internal/event_queue.hpp"

namespace drama::inline v0::internal {

class descriptor_table;
class sim_backend;

/// Yielded by attempts that must be made again later; no outcome of an operation.
inline constexpr std::int64_t not_yet = INT64_MIN;

/// Operations of one kind complete in the order in which they were submitted.
class sim_descriptor {
  public:
    sim_descriptor() noexcept;
    virtual ~sim_descriptor();
    sim_descriptor(const sim_descriptor&) = delete;
    sim_descriptor& operator=(const sim_descriptor&) = delete;

    /// Tries `op`, else queues it. Requires: a number stands for this descriptor.
    virtual submission start(operation& op, sim_backend& on) noexcept;
    /// Takes a queued operation out; it completes with -ECANCELED. By fault that comes too late:
    /// for a while it stays, and what happens first is its outcome.
    virtual void cancel(operation& op) noexcept;
    /// Something has changed: completes what can be.
    virtual void serve() noexcept;
    /// The same as soon as nothing runs any more, so that two descriptors which change each other
    /// do not call each other.
    void serve_soon() noexcept;
    /// Cancels what was queued by the number `fd`.
    void retire(int fd) noexcept;

    /// The last number is given up. Frees the descriptor now or when the network lets it go.
    virtual void on_close() noexcept = 0;
    /// Its last process has lost its power; on_close comes next.
    virtual void on_power_loss() noexcept {}

  protected:
    /// The outcome, or not_yet. `again`: it has been tried before and is queued.
    virtual std::int64_t attempt(operation& op, bool again) noexcept = 0;
    /// What poll(2) would report for all events.
    virtual int events() noexcept = 0;
    /// A writer that waits is not woken for every byte.
    virtual bool may_serve_writers() noexcept { return true; }

    std::int64_t attempt_any(operation& op, bool again) noexcept;
    op_queue& queue_of(op_code code) noexcept;
    void finish(operation& op, std::int64_t outcome) noexcept;
    descriptor_table* table() const noexcept { return table_; }

  private:
    friend class descriptor_table;
    struct change_event : timed_event {
        sim_descriptor* of = nullptr;
    };

    struct late_cancel : timed_event {
        sim_descriptor* of = nullptr;
        operation* op = nullptr;
    };

    void serve(op_queue& queue) noexcept;
    void cancel_later(operation& op);
    void cancel_all(op_queue& queue, int fd) noexcept;

    op_queue readers_;
    op_queue writers_;
    op_queue polls_;
    change_event change_;
    std::vector<std::unique_ptr<late_cancel>> late_;
    descriptor_table* table_ = nullptr;  // from its first number on
    std::uint32_t references_ = 0;       // numbers, and messages under way that carry it
};

}  // namespace drama::inline v0::internal
