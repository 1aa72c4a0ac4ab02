// SPDX-License-Identifier: Apache-2.0
// Another backend, whose operations fail, wait or are altered as a plan says. What was accepted
// still completes exactly once.
//
// Underneath an operation with a fault is represented by a shadow, which has the altered parameters
// and begins when its time has come, at a reap; the original waits here. Shadows move from held to
// starting to running under the lock; a cancel that meets `starting` is passed on by the starter.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "drama/base/clock.hpp"
#include "drama/fault/io_faults.hpp"
#include "drama/io/io_backend.hpp"

namespace drama::inline v0 {

/// Threads: as io_backend.
class DRAMA_API faulty_backend : public io_backend {
  public:
    faulty_backend(std::unique_ptr<io_backend> in, fault_plan& plan, const drama::clock& clock);
    ~faulty_backend() override;

    submission submit(operation& op) noexcept override;
    void post(operation& op) noexcept override;
    void cancel(operation& op) noexcept override;
    void flush() noexcept override { in_->flush(); }
    std::size_t reap(duration wait) noexcept override;
    void wake() noexcept override { in_->wake(); }
    std::size_t in_flight() const noexcept override;

    /// `fd` is closed or forgotten: what is held of it completes with -ECANCELED. Threads: any.
    void let_go(int fd) noexcept;

  private:
    struct shadow;
    using shadow_pointer = std::shared_ptr<shadow>;  // a canceller keeps it

    void keep(operation& op, const io_fault& fault) noexcept;
    submission begin(shadow& of) noexcept;
    static void on_done(operation& op) noexcept;
    static void settle(shadow& of) noexcept;
    shadow_pointer forget(operation& original) noexcept;
    std::size_t begin_due() noexcept;
    shadow_pointer next_due(instant now) noexcept;
    duration until_due(duration longest) noexcept;

    std::unique_ptr<io_backend> in_;
    fault_plan* plan_;
    const drama::clock clock_;
    mutable std::mutex lock_;  // guards the shadows and their stages
    std::map<operation*, shadow_pointer> shadows_;
};

}  // namespace drama::inline v0
