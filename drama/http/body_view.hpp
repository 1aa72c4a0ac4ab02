// SPDX-License-Identifier: Apache-2.0
// The body of a parsed message, where it stands in the caller's buffer. A chunked body stays in
// its framing; the reader walks from piece to piece, so nothing is moved or allocated.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "drama/base/export.hpp"

namespace drama::inline v0 {

/// A validated body. Lifetime: views the buffer that was passed to the parser last.
class DRAMA_API body_view {
  public:
    body_view() = default;

    /// Requires: `raw` passed the parser; if `chunked`, its chunks decode to `size` bytes.
    body_view(std::string_view raw, std::size_t size, bool chunked) noexcept
        : raw_(raw), size_(size), chunked_(chunked) {}

    /// Bytes of content, without any chunk framing.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool is_empty() const noexcept { return size_ == 0; }
    [[nodiscard]] bool is_chunked() const noexcept { return chunked_; }

    /// The body as it stands in the buffer, chunk framing and trailers included.
    [[nodiscard]] std::string_view raw() const noexcept { return raw_; }

    /// The content, where it lies in one piece; nullopt where it is spread over several chunks.
    [[nodiscard]] std::optional<std::string_view> contiguous() const noexcept;

    /// Copies the content to the front of `out`, as much as fits; returns the bytes copied.
    std::size_t copy_to(std::span<char> out) const noexcept;

  private:
    std::string_view raw_;
    std::size_t size_ = 0;
    bool chunked_ = false;
};

/// Yields the pieces of a body in order. Complexity: O(1) a piece. Lifetime: as its body_view.
class DRAMA_API body_reader {
  public:
    explicit body_reader(const body_view& body) noexcept
        : rest_(body.raw()), chunked_(body.is_chunked()) {}

    /// The next piece; empty at the end.
    [[nodiscard]] std::string_view next() noexcept;

  private:
    std::string_view rest_;
    bool chunked_;
};

}  // namespace drama::inline v0
