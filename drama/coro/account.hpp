// SPDX-License-Identifier: Apache-2.0
// Who pays, as the language layer sees it: an opaque account. The tenant module derives its record.
#pragma once

#include <atomic>
#include <cstdint>

namespace drama::inline v0 {

/// The part of a tenant's record that frames and tasks are charged to.
/// Threads: counters from any thread. Lifetime: outlives every task and frame charged to it.
class account {
  public:
    explicit account(std::uint64_t id) noexcept : id_(id) {}
    account(const account&) = delete;
    account& operator=(const account&) = delete;

    std::uint64_t id() const noexcept { return id_; }
    /// Bytes of coroutine frames alive. Units: bytes, headers included.
    std::int64_t frame_bytes() const noexcept {
        return frame_bytes_.load(std::memory_order_relaxed);
    }
    void add_frame_bytes(std::int64_t bytes) noexcept {
        frame_bytes_.fetch_add(bytes, std::memory_order_relaxed);
    }
    /// Bytes that came in and are held until they have been worked on, beyond what frames hold.
    std::int64_t buffer_bytes() const noexcept {
        return buffer_bytes_.load(std::memory_order_relaxed);
    }
    void add_buffer_bytes(std::int64_t bytes) noexcept {
        buffer_bytes_.fetch_add(bytes, std::memory_order_relaxed);
    }

  protected:
    ~account() = default;

  private:
    std::atomic<std::int64_t> frame_bytes_{0};
    std::atomic<std::int64_t> buffer_bytes_{0};
    const std::uint64_t id_;
};

}  // namespace drama::inline v0
