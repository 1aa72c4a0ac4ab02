// SPDX-License-Identifier: Apache-2.0
// An io_uring for file operations: set up, restricted, filled and emptied. Knows nothing of cores,
// sockets or cancellation protocols; uring_backend does.
#pragma once

#include <liburing.h>

#include <bitset>
#include <cstdint>
#include <memory>
#include <string>

#include "drama/base/result.hpp"
#include "drama/io/operation.hpp"

namespace drama::inline v0::internal {

/// What came out of the ring; `op` is nullptr for the completion of a cancellation.
struct ring_completion {
    operation* op = nullptr;
    std::int64_t outcome = 0;
};

/// A ring that is created disabled, restricted to the operations below and then enabled, so that a
/// seccomp sandbox around the process is not bypassed by way of it. No SINGLE_ISSUER and no
/// DEFER_TASKRUN: the core that owns it moves between threads.
///
/// Threads: one at a time.
class file_ring {
  public:
    /// Operations that may be in the ring; every one and its cancellation have room in the
    /// completion queue, so it never overflows.
    static constexpr unsigned operations_max = 256;

    /// Errors: errno of io_uring_setup or io_uring_register: EPERM in a default container, ENOSYS,
    /// ENOMEM; EINVAL on kernels before 5.10, which cannot restrict a ring.
    static result<std::unique_ptr<file_ring>> open();
    file_ring(const file_ring&) = delete;
    file_ring& operator=(const file_ring&) = delete;
    /// Requires: nothing is in flight.
    ~file_ring();

    int fd() const noexcept { return ring_.ring_fd; }
    bool supports(op_code code) const noexcept {
        return supported_.test(static_cast<std::size_t>(code));
    }
    /// The optional setup flags that the kernel took, for the log.
    std::string describe() const;

    /// Queues the operation. False: no room, because the kernel does not take what is queued.
    bool prepare(operation& op) noexcept;
    /// Queues the cancellation of an operation that is in the ring. False: as prepare.
    bool prepare_cancel(operation& op) noexcept;
    /// Hands what is queued to the kernel. False: something is left; call again soon.
    bool submit() noexcept;
    /// Takes one completion. False: there is none.
    bool next(ring_completion& into) noexcept;
    /// Waits until there is a completion, or a signal.
    void wait() noexcept;

  private:
    friend struct file_ring_inspector;  // tests ask the ring for what must be refused

    file_ring() noexcept = default;
    result<void> set_up() noexcept;
    result<void> probe() noexcept;
    result<void> restrict_and_enable() noexcept;
    io_uring_sqe* get_sqe() noexcept;

    io_uring ring_{};
    bool is_open_ = false;
    bool can_async_cancel_ = false;
    unsigned flags_ = 0;
    std::bitset<op_codes> supported_;
};

}  // namespace drama::inline v0::internal
