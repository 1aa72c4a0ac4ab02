// SPDX-License-Identifier: Apache-2.0
// Awaiting one IO operation from a task: what net/ and fs/ build on.
#pragma once

#include <atomic>
#include <cstdint>
#include <source_location>

#include "drama/base/result.hpp"
#include "drama/coro/task.hpp"
#include "drama/io/io_backend.hpp"
#include "drama/io/operation.hpp"
#include "drama/runtime/disk/disk_request.hpp"

namespace drama::inline v0 {

class io_system;

namespace internal {

/// Awaits an operation: completes at once where the backend can, else suspends.
///
/// A stop or deadline cancels the operation; the await ends when the backend has given it back, so
/// buffers are never in use afterwards. A completion that won against the stop is kept.
/// The completed class of work is set before the task is queued (class follows the await).
class DRAMA_API io_awaiter : public wait_record, public operation {
  public:
    io_awaiter(op_code what, work_class completed_as, std::source_location at) noexcept
        : completed_as_(completed_as) {
        operation::code = what;
        operation::done = &on_done;
        kind = wait_kind::io;
        object = this;
        where = at;
        cancel = &on_cancel;
    }
    io_awaiter(const io_awaiter&) = delete;
    io_awaiter& operator=(const io_awaiter&) = delete;

    void attach(runnable& self) noexcept { self_ = &self; }
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> at) noexcept;
    /// The operation to fill in before it is awaited.
    operation& op() noexcept { return *this; }

  protected:
    /// For disk_awaiter.
    io_awaiter(op_code what, work_class completed_as, std::source_location at,
               bool is_for_disk) noexcept
        : io_awaiter(what, completed_as, at) {
        is_for_disk_ = is_for_disk;
    }
    /// The outcome as the kernel gave it, or the stop's reason. Charges the operation to the
    /// tenant.
    result<std::int64_t> finish() noexcept;

  private:
    /// starting: submit has not returned. waiting: suspended. done: completed.
    /// cancel_asked: a stop came while starting, the starter passes it on.
    enum class stage : std::uint8_t { starting, cancel_asked, waiting, done };

    static void on_done(operation& op) noexcept;
    static void on_cancel(wait_record& record) noexcept;
    submission start() noexcept;
    void pass_cancel() noexcept;
    bool settle_start() noexcept;
    bool must_give_way() noexcept;

    runnable* self_ = nullptr;
    std::atomic<stage> stage_{stage::starting};
    std::uint16_t core_ = 0;
    work_class completed_as_;
    bool refused_ = false;  // the stop was there before the operation was submitted
    bool is_for_disk_ = false;
};

/// Awaits an operation that stands in the disk queue.
class DRAMA_API disk_awaiter : public io_awaiter {
  public:
    /// `queues` false: it passes by the queue, as an io_awaiter does.
    disk_awaiter(op_code what, work_class completed_as, std::source_location at,
                 bool queues = true) noexcept
        : io_awaiter(what, completed_as, at, queues) {}

  private:
    friend class io_awaiter;

    disk_request request_;
};

/// The runtime's synchronous IO calls, for the task that runs. Requires: called from a task.
DRAMA_API io_system& current_io() noexcept;

}  // namespace internal

/// The plain form: yields what the kernel said.
class io_wait : public internal::io_awaiter {
  public:
    using internal::io_awaiter::io_awaiter;
    [[nodiscard]] result<std::int64_t> await_resume() noexcept { return finish(); }
};

}  // namespace drama::inline v0
