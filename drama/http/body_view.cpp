// SPDX-License-Identifier: Apache-2.0
#include "drama/http/body_view.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "drama/base/assert.hpp"
#include "drama/http/internal/grammar.hpp"

namespace drama::inline v0 {

std::string_view body_reader::next() noexcept {
    if (!chunked_) {
        return std::exchange(rest_, {});
    }
    const std::size_t line_end = rest_.find("\r\n");
    if (line_end == std::string_view::npos) {
        return {};
    }
    const auto size = internal::parse_chunk_size(rest_.substr(0, line_end));
    if (!size || *size == 0) {
        // The rest is trailers.
        rest_ = {};
        return {};
    }
    const std::size_t data_at = line_end + 2;
    DRAMA_ASSERT(*size + 2 <= rest_.size() - data_at, "the body did not pass the parser");
    const std::string_view piece = rest_.substr(data_at, *size);
    rest_.remove_prefix(data_at + *size + 2);
    return piece;
}

std::optional<std::string_view> body_view::contiguous() const noexcept {
    body_reader reader(*this);
    const std::string_view first = reader.next();
    if (first.size() != size_) {
        return std::nullopt;
    }
    return first;
}

std::size_t body_view::copy_to(std::span<char> out) const noexcept {
    std::size_t copied = 0;
    body_reader reader(*this);
    for (auto piece = reader.next(); !piece.empty(); piece = reader.next()) {
        const std::size_t count = std::min(piece.size(), out.size() - copied);
        if (count == 0) {
            break;
        }
        std::memcpy(out.data() + copied, piece.data(), count);
        copied += count;
    }
    return copied;
}

}  // namespace drama::inline v0
