// SPDX-License-Identifier: Apache-2.0
// A core's IO over epoll: tries first, waits edge-triggered, completes what became ready. Files and
// name resolution go to the offloader, in the ring backend to the ring.
//
// A descriptor is registered once, in the epoll of the core that first had to wait for it: its
// home. Operations that other cores submit later queue in the same entry, and the home completes
// them. So a connection costs one epoll_ctl in its life, and `done` is only ever called by a reap
// (or by the destructor), never by cancel, post or close.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "drama/base/mpsc_stack.hpp"
#include "drama/base/unique_fd.hpp"
#include "drama/io/epoll/fd_table.hpp"
#include "drama/io/io_backend.hpp"
#include "drama/io/posix_system.hpp"

struct epoll_event;

namespace drama::inline v0 {

/// io_backend over one epoll and one eventfd. Threads: as io_backend.
class epoll_backend : public io_backend {
  public:
    /// Lifetime: `system` outlives the backend. Check open() before use.
    explicit epoll_backend(posix_system& system) noexcept;
    /// Cancels what is pending and waits until every accepted operation has completed, offloaded
    /// ones too: the offloader must still work, or have run all that it accepted.
    ~epoll_backend() override;

    /// Makes the descriptors. Errors: errno of epoll_create1, eventfd or epoll_ctl.
    result<void> open() noexcept;

    submission submit(operation& op) noexcept override;
    void post(operation& op) noexcept override;
    void cancel(operation& op) noexcept override;
    void flush() noexcept override {}
    std::size_t reap(duration wait) noexcept override;
    void wake() noexcept override { end_wait(); }
    std::size_t in_flight() const noexcept override;

    /// Hands over an accepted operation that has its outcome; the next reap calls its `done`.
    /// Threads: any.
    void finish_from_anywhere(operation& op) noexcept;
    /// Takes `fd` out of the epoll. Threads: any, under the lock of the fd's entry.
    void unwatch(int fd) noexcept;

  protected:
    /// Starts a file operation; the ring backend overrides it. `from`: the stage the operation is
    /// in.
    virtual submission start_file(operation& op, internal::op_stage from) noexcept;
    /// A cancel met an operation in stage ring_queued or in_ring. Threads: any.
    virtual void cancel_file(operation& op) noexcept;
    /// What else there is to complete; called by reap before and after it waits. Lowers `wait` if
    /// it must be called again soon.
    virtual std::size_t reap_files(duration& wait) noexcept;

    /// Adds another descriptor to the epoll: its events only end the wait.
    result<void> watch_internal(int fd) noexcept;
    /// Gives the operation to the offloader.
    submission offload(operation& op, internal::op_stage from) noexcept;
    /// The same for an operation in stage offloaded that was counted already. 0 or a negative
    /// errno.
    std::int64_t hand_to_offloader(operation& op) noexcept;
    posix_system& system() noexcept { return system_; }
    /// An operation was accepted, by the thread that holds the core.
    void count_accepted() noexcept { add_local(1); }
    /// Calls `done`. Requires: outcome and stage are set, and the thread holds the core.
    void call_done(operation& op) noexcept;
    /// Keeps this object alive until leave_remote(). Requires: an operation of it is not completed.
    void enter_remote() noexcept { visitors_.fetch_add(1, std::memory_order_relaxed); }
    /// wake(), but not virtual: the operation that kept this object from being destroyed may have
    /// completed, and a destructor that waits for leave_remote() changes the type meanwhile.
    void end_wait() noexcept;
    void leave_remote() noexcept { visitors_.fetch_sub(1, std::memory_order_release); }

  private:
    enum class sleep_state : std::uint8_t { awake, asleep, notified };

    submission start(operation& op, internal::op_stage from) noexcept;
    submission start_on_fd(operation& op, internal::op_stage from) noexcept;
    std::int64_t wait_on_entry(operation& op, internal::fd_entry& entry,
                               internal::op_stage from) noexcept;
    static void run_offloaded(operation& op) noexcept;

    std::size_t drain_inboxes() noexcept;
    std::size_t wait_for_events(duration wait) noexcept;
    int epoll_wait(epoll_event* events, int count, duration wait) noexcept;
    std::size_t serve(const epoll_event& event) noexcept;
    void add_local(std::int64_t by) noexcept {
        local_.store(local_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
    }

    posix_system& system_;
    unique_fd epoll_;
    unique_fd event_;
    bool has_nanoseconds_ = true;  // epoll_pwait2 exists

    // Accepted and not completed, in two parts so that the usual case needs no locked instruction:
    // written by the thread that holds the core, and by anyone. Only the sum means something.
    std::atomic<std::int64_t> local_{0};
    alignas(64) std::atomic<std::int64_t> remote_{0};

    // The inboxes. Who pushes, wakes.
    mpsc_stack<operation, &operation::next> posted_;
    mpsc_stack<operation, &operation::next> finished_;
    std::atomic<sleep_state> sleep_{sleep_state::awake};  // reap against wake
    std::atomic<int> visitors_{0};  // threads between push and wake; release pairs with ~'s acquire
};

/// Real IO over epoll alone. Threads: as io_system.
class epoll_system final : public posix_system {
  public:
    const char* name() const noexcept override { return "epoll"; }
    result<std::unique_ptr<io_backend>> make_backend(std::size_t core) override;
};

}  // namespace drama::inline v0
