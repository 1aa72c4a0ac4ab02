// SPDX-License-Identifier: Apache-2.0
// What requests and responses share: header fields, limits, and the outcome of a parse call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>

#include "drama/base/export.hpp"

namespace drama::inline v0 {

/// One header field; the value has no leading or trailing blanks. Lifetime: views its buffer.
struct header_field {
    std::string_view name;
    std::string_view value;
};

/// Bounds on one message; a message past one of them is an error, never a larger buffer.
struct parser_limits {
    std::size_t request_line_bytes_max = 8192;  ///< of the start line, without its CRLF
    std::size_t header_bytes_max = 16384;      ///< of all header lines and the blank line; <= 65535
    std::size_t headers_max = 64;              ///< header fields; <= headers_capacity
    std::size_t body_bytes_max = 1024 * 1024;  ///< of content, chunk framing not counted
};

/// The fields that a parser has room for.
inline constexpr std::size_t headers_capacity = 64;

/// Bytes that chunk-size lines, extensions and CRLFs of one body may take together.
constexpr std::size_t chunk_framing_bytes_max(const parser_limits& limits) noexcept {
    return limits.body_bytes_max + limits.header_bytes_max;
}

/// A buffer of this size holds every message within `limits`: a full buffer never needs more.
constexpr std::size_t message_bytes_max(const parser_limits& limits) noexcept {
    const std::size_t start_line = 2 + limits.request_line_bytes_max + 2;
    const std::size_t trailers = limits.header_bytes_max;
    return start_line + limits.header_bytes_max + chunk_framing_bytes_max(limits) +
           limits.body_bytes_max + trailers;
}

enum class parse_status : std::uint8_t {
    need_more,  ///< valid so far; call again with the same bytes and more
    complete,   ///< one whole message stands at the front of the buffer
    error,      ///< the bytes are no valid message; answer `http_status` and close
};

/// What one call of parse() found.
struct parse_result {
    parse_status status = parse_status::need_more;
    std::uint16_t http_status = 0;  ///< with error: the status to answer
    std::string_view reason;        ///< with error: one line, static storage
    std::size_t consumed = 0;       ///< with complete: the bytes of this message
};

namespace internal {

/// Where a field stands, counted from the first header line; 16 bits keep an idle parser small.
struct header_slot {
    std::uint16_t name_at = 0;
    std::uint16_t name_size = 0;
    std::uint16_t value_at = 0;
    std::uint16_t value_size = 0;
};

}  // namespace internal

/// The header fields of a message in order of arrival. Lifetime: its parser and its buffer.
class DRAMA_API header_list {
  public:
    class iterator;

    header_list() = default;
    header_list(const char* base, std::span<const internal::header_slot> slots) noexcept
        : base_(base), slots_(slots) {}

    [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }
    [[nodiscard]] bool is_empty() const noexcept { return slots_.empty(); }

    /// Requires: index < size().
    [[nodiscard]] header_field operator[](std::size_t index) const noexcept {
        const internal::header_slot& slot = slots_[index];
        return {{base_ + slot.name_at, slot.name_size}, {base_ + slot.value_at, slot.value_size}};
    }

    /// The value of the first field called `name`, whatever its case. Complexity: O(size()).
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;

    [[nodiscard]] iterator begin() const noexcept;
    [[nodiscard]] iterator end() const noexcept;

  private:
    const char* base_ = nullptr;
    std::span<const internal::header_slot> slots_;
};

class header_list::iterator {
  public:
    using value_type = header_field;
    using difference_type = std::ptrdiff_t;

    iterator() = default;
    iterator(const header_list* list, std::size_t index) noexcept : list_(list), index_(index) {}

    header_field operator*() const noexcept { return (*list_)[index_]; }
    iterator& operator++() noexcept {
        ++index_;
        return *this;
    }
    iterator operator++(int) noexcept { return {list_, index_++}; }
    bool operator==(const iterator& other) const noexcept { return index_ == other.index_; }

  private:
    const header_list* list_ = nullptr;
    std::size_t index_ = 0;
};

inline header_list::iterator header_list::begin() const noexcept {
    return {this, 0};
}
inline header_list::iterator header_list::end() const noexcept {
    return {this, size()};
}

}  // namespace drama::inline v0
