// SPDX-License-Identifier: Apache-2.0
// What a simulated descriptor does with operations: try, else queue, and try again when something
// has changed.
#pragma once

#include <cstdint>

#include "drama/io/epoll/op_stage.hpp"
#include "drama/io/io_backend.hpp"

namespace drama::inline v0::internal {

class sim_backend;

/// Operations of one kind complete in the order in which they were submitted.
class sim_descriptor {
  public:
    virtual ~sim_descriptor() = default;

    /// Tries `op`, else queues it.
    virtual submission start(operation& op, sim_backend& on) noexcept;
    /// Takes a queued operation out; it completes with -ECANCELED.
    void cancel(operation& op) noexcept;
    /// Something has changed: completes what can be.
    void serve() noexcept;
    /// Cancels everything queued; no core is the home any more.
    void retire() noexcept;

    /// The number is given up. Frees the descriptor now or when the network lets it go.
    virtual void on_close() noexcept = 0;

    sim_backend* home() const noexcept { return home_; }
    int fd = -1;  ///< -1: no number (yet or any more)

  protected:
    /// The outcome, or not_yet. `again`: it has been tried before and is queued.
    virtual std::int64_t attempt(operation& op, bool again) noexcept = 0;
    /// What poll(2) would report for all events.
    virtual int events() noexcept = 0;
    /// A writer that waits is not woken for every byte.
    virtual bool may_serve_writers() noexcept { return true; }

  private:
    op_queue& queue_of(op_code code) noexcept;
    std::int64_t attempt_any(operation& op, bool again) noexcept;
    void serve(op_queue& queue) noexcept;
    void cancel_all(op_queue& queue) noexcept;

    op_queue readers_;
    op_queue writers_;
    op_queue polls_;
    sim_backend* home_ = nullptr;
};

}  // namespace drama::inline v0::internal
