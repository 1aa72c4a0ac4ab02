// SPDX-License-Identifier: Apache-2.0
// Read buffers that are taken when there is something to read and given back at once, so that idle
// connections hold none.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "drama/base/export.hpp"

namespace drama::inline v0 {

/// 16 KiB from the running thread's small pool; given back when destroyed.
///
/// `co_await stream.wait_readable()`, then take one, then read. Errors: throws std::bad_alloc.
/// Threads: as a value; it may be given back on another thread than it was taken on.
class DRAMA_API pooled_buffer {
  public:
    static constexpr std::size_t bytes = std::size_t{16} * 1024;
    static constexpr std::size_t kept_max = 16;  ///< free ones that a thread keeps

    pooled_buffer() : memory_(take()) {}
    pooled_buffer(pooled_buffer&& other) noexcept
        : memory_(std::exchange(other.memory_, nullptr)) {}
    pooled_buffer& operator=(pooled_buffer&& other) noexcept {
        std::swap(memory_, other.memory_);
        return *this;
    }
    ~pooled_buffer() {
        if (memory_ != nullptr) {
            give_back(memory_);
        }
    }

    /// Empty if it was moved from.
    std::span<std::byte> span() const noexcept { return {memory_, memory_ == nullptr ? 0 : bytes}; }

  private:
    static std::byte* take();
    static void give_back(std::byte* memory) noexcept;

    std::byte* memory_;
};

}  // namespace drama::inline v0
