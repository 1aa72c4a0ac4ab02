// SPDX-License-Identifier: Apache-2.0
// Memory that direct IO accepts.
#pragma once

#include <cstddef>
#include <new>
#include <span>
#include <utility>

namespace drama::inline v0 {

/// Bytes at an aligned address. Direct IO wants address, offset and length to be multiples of the
/// device's block, mostly 512 or 4096. Errors: throws std::bad_alloc.
class aligned_buffer {
  public:
    static constexpr std::size_t page = 4096;

    /// Requires: `alignment` is a power of two.
    explicit aligned_buffer(std::size_t bytes, std::size_t alignment = page)
        : memory_(static_cast<std::byte*>(::operator new(bytes, std::align_val_t(alignment)))),
          bytes_(bytes),
          alignment_(alignment) {}
    aligned_buffer(aligned_buffer&& other) noexcept
        : memory_(std::exchange(other.memory_, nullptr)),
          bytes_(std::exchange(other.bytes_, 0)),
          alignment_(other.alignment_) {}
    aligned_buffer& operator=(aligned_buffer&& other) noexcept {
        std::swap(memory_, other.memory_);
        std::swap(bytes_, other.bytes_);
        std::swap(alignment_, other.alignment_);
        return *this;
    }
    ~aligned_buffer() { ::operator delete(memory_, std::align_val_t(alignment_)); }

    std::span<std::byte> span() const noexcept { return {memory_, bytes_}; }
    std::size_t size() const noexcept { return bytes_; }

  private:
    std::byte* memory_;
    std::size_t bytes_;
    std::size_t alignment_;
};

}  // namespace drama::inline v0
