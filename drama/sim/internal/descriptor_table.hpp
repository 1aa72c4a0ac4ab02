// SPDX-License-Identifier: Apache-2.0
// The numbers of a simulated world: which descriptor each stands for, and which core is its home.
// As over epoll, the core that first had to wait for a number completes all its operations.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "drama/sim/internal/event_queue.hpp"
#include "drama/sim/internal/sim_descriptor.hpp"

namespace drama::inline v0::internal {

class sim_scheduler;
struct sim_process;

/// Threads: as the world: the owner and simulated threads.
class descriptor_table {
  public:
    /// Numbers begin here, so that a real system call finds none of them.
    static constexpr int first_fd = 1'000'000;

    explicit descriptor_table(sim_scheduler& in) noexcept;
    ~descriptor_table();
    descriptor_table(const descriptor_table&) = delete;
    descriptor_table& operator=(const descriptor_table&) = delete;

    sim_scheduler& scheduler() noexcept { return scheduler_; }
    std::size_t open() const noexcept { return open_; }

    /// One more number for `what`, which owns itself from then on; -EMFILE at `most` numbers and
    /// at the limit of the process.
    int add(sim_descriptor& what, sim_process& by, std::size_t most);
    /// Whose number it is. Requires: it is open.
    sim_process& owner_of(int fd) noexcept;
    /// Null if there is none.
    sim_descriptor* find(int fd) noexcept;
    void close(int fd) noexcept;
    /// The number stays open and has no home any more.
    void forget(int fd) noexcept;
    /// Cancels what the numbers of a backend wait for.
    void abandon(sim_backend& home) noexcept;
    /// Closes all numbers.
    void close_all() noexcept;
    /// Those of a process.
    void close_all_of(const sim_process& owner, bool power_fails) noexcept;

    /// Requires: `fd` has one.
    sim_backend& home_of(int fd) noexcept;
    /// The same, `otherwise` if it had none until now.
    sim_backend& home_of(int fd, sim_backend& otherwise) noexcept;

    /// A message under way keeps `what` open until it is dropped.
    void hold(sim_descriptor& what) noexcept { ++what.references_; }
    void drop(sim_descriptor& what) noexcept;

    /// Destroys it as soon as nothing on the stack speaks of it any more.
    void bury(sim_descriptor& dead) noexcept;

  private:
    struct number {
        sim_descriptor* what = nullptr;
        sim_backend* home = nullptr;
        sim_process* owner = nullptr;
    };
    struct burial_event : timed_event {
        descriptor_table* of = nullptr;
    };

    sim_scheduler& scheduler_;
    std::vector<number> numbers_;
    std::vector<int> free_;
    std::size_t open_ = 0;
    std::vector<std::unique_ptr<sim_descriptor>> dead_;
    burial_event burial_;
};

}  // namespace drama::inline v0::internal
