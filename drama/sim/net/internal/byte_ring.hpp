// SPDX-License-Identifier: Apache-2.0
// Bytes on their way from a sender to a reader: a queue that grows up to what its user allows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>

namespace drama::inline v0::internal {

/// First in, first out. Threads: one at a time.
class byte_ring {
  public:
    std::size_t size() const noexcept { return size_; }

    void push(const void* bytes, std::size_t count) {
        reserve(size_ + count);
        const auto* from = static_cast<const std::byte*>(bytes);
        const std::size_t tail = (head_ + size_) & (room_ - 1);
        const std::size_t first = std::min(count, room_ - tail);
        copy(bytes_.get() + tail, from, first);
        copy(bytes_.get(), from + first, count - first);
        size_ += count;
    }

    /// Copies from `skip` bytes behind the front. Requires: they are there.
    void peek(void* into, std::size_t count, std::size_t skip) const noexcept {
        auto* to = static_cast<std::byte*>(into);
        const std::size_t start = room_ == 0 ? 0 : (head_ + skip) & (room_ - 1);
        const std::size_t first = std::min(count, room_ - start);
        copy(to, bytes_.get() + start, first);
        copy(to + first, bytes_.get(), count - first);
    }

    void drop(std::size_t count) noexcept {
        head_ = size_ == count ? 0 : (head_ + count) & (room_ - 1);
        size_ -= count;
    }

  private:
    static void copy(std::byte* to, const std::byte* from, std::size_t count) noexcept {
        if (count != 0) {
            std::memcpy(to, from, count);
        }
    }

    void reserve(std::size_t wanted) {
        if (wanted <= room_) {
            return;
        }
        std::size_t room = std::max<std::size_t>(room_, 256);
        while (room < wanted) {
            room *= 2;
        }
        auto larger = std::make_unique_for_overwrite<std::byte[]>(room);
        peek(larger.get(), size_, 0);
        bytes_ = std::move(larger);
        room_ = room;
        head_ = 0;
    }

    std::unique_ptr<std::byte[]> bytes_;
    std::size_t room_ = 0;  // 0 or a power of two
    std::size_t head_ = 0;
    std::size_t size_ = 0;
};

}  // namespace drama::inline v0::internal
