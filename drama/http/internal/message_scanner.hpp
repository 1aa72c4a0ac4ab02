// SPDX-License-Identifier: Apache-2.0
// The part of parsing that requests and responses share: CRLF lines, header fields, and where the
// body ends. Works on offsets, so that the caller's buffer may move between calls, and remembers
// how far it has looked, so that any way of splitting the input costs linear time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "drama/http/body_view.hpp"
#include "drama/http/message.hpp"

namespace drama::inline v0::internal {

enum class scan : std::uint8_t { need_more, done, failed };

/// Why a message was refused; status 0 means that it was not.
struct rejection {
    std::uint16_t http_status = 0;
    std::string_view reason;
};

/// How the end of a body is known.
enum class body_framing : std::uint8_t { length, chunked, until_close };

/// What the header fields say about the message itself.
struct framing_fields {
    std::optional<std::uint64_t> content_length;
    std::uint8_t transfer_encodings = 0;  ///< number of Transfer-Encoding fields, saturating at 2
    std::uint8_t hosts = 0;               ///< number of Host fields, saturating at 2
    std::uint8_t host_slot = 0;
    bool chunked = false;  ///< a Transfer-Encoding field is exactly "chunked"
    bool connection_close = false;
    bool connection_keep_alive = false;
    bool expect_continue = false;
};

/// Every function gets the buffer from the message's first byte on. Complexity: amortised O(bytes).
class message_scanner {
  public:
    explicit message_scanner(const parser_limits& limits) noexcept;

    void reset() noexcept;

    /// Reads one line of at most `bytes_max` bytes, its CRLF included. done: `line` is the line
    /// without CRLF. failed: bare LF, or `too_long` is the error.
    scan next_line(std::string_view text, std::size_t bytes_max, rejection too_long,
                   std::string_view& line) noexcept;

    /// Reads header lines up to and with the blank line.
    scan read_headers(std::string_view text) noexcept;

    /// Says what body follows the headers. Requires: for `length`, size <= body_bytes_max.
    void expect_body(body_framing framing, std::size_t size) noexcept;

    /// Reads the body; done as soon as its last byte is in `text`.
    scan read_body(std::string_view text) noexcept;

    scan fail(std::uint16_t http_status, std::string_view reason) noexcept;

    [[nodiscard]] const parser_limits& limits() const noexcept { return limits_; }
    [[nodiscard]] const framing_fields& fields() const noexcept { return fields_; }
    [[nodiscard]] const rejection& error() const noexcept { return error_; }
    [[nodiscard]] std::size_t position() const noexcept { return position_; }
    [[nodiscard]] std::size_t scanned() const noexcept { return scanned_; }
    [[nodiscard]] header_list headers(std::string_view text) const noexcept;
    [[nodiscard]] body_view body(std::string_view text) const noexcept;

  private:
    enum class chunk_stage : std::uint8_t { size_line, data, trailers };

    scan split_field(std::string_view line, std::string_view& name,
                     std::string_view& value) noexcept;
    scan read_field(std::string_view text, std::string_view line) noexcept;
    scan note_field(std::string_view name, std::string_view value) noexcept;
    scan note_content_length(std::string_view value) noexcept;
    scan read_chunks(std::string_view text) noexcept;
    scan read_chunk_size(std::string_view text) noexcept;
    scan read_chunk_data(std::string_view text) noexcept;
    scan read_trailers(std::string_view text) noexcept;

    parser_limits limits_;
    std::size_t position_ = 0;  // the first byte that belongs to no finished line or chunk
    std::size_t scanned_ = 0;   // no LF stands in [position_, scanned_)
    std::size_t headers_at_ = 0;
    std::size_t body_at_ = 0;
    std::size_t body_size_ = 0;
    std::size_t chunk_left_ = 0;
    std::size_t framing_bytes_ = 0;
    std::size_t trailers_at_ = 0;
    std::size_t trailers_ = 0;
    std::size_t slot_count_ = 0;
    framing_fields fields_;
    body_framing framing_ = body_framing::length;
    chunk_stage chunk_stage_ = chunk_stage::size_line;
    bool in_headers_ = false;
    rejection error_;
    std::array<header_slot, headers_capacity> slots_;
};

}  // namespace drama::inline v0::internal
