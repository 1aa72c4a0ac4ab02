// SPDX-License-Identifier: Apache-2.0
#include "drama/http/internal/message_scanner.hpp"

#include <algorithm>
#include <cstring>

#include "drama/base/assert.hpp"
#include "drama/http/internal/grammar.hpp"

namespace drama::inline v0::internal {
namespace {

constexpr rejection headers_too_large = {431, "the header fields are too large"};
constexpr rejection trailers_too_large = {431, "the trailer fields are too large"};
constexpr rejection framing_too_large = {413, "the chunk framing is too large"};
constexpr std::size_t limit_max = std::size_t{1} << 30;

void count_to_two(std::uint8_t& counter) noexcept {
    counter = static_cast<std::uint8_t>(std::min(counter + 1, 2));
}

}  // namespace

message_scanner::message_scanner(const parser_limits& limits) noexcept : limits_(limits) {
    DRAMA_ASSERT(limits.headers_max <= headers_capacity, "headers_max exceeds headers_capacity");
    DRAMA_ASSERT(limits.header_bytes_max <= 0xffff, "header_bytes_max exceeds 65535");
    DRAMA_ASSERT(limits.request_line_bytes_max <= limit_max,
                 "request_line_bytes_max exceeds 1 GiB");
    DRAMA_ASSERT(limits.body_bytes_max <= limit_max, "body_bytes_max exceeds 1 GiB");
}

void message_scanner::reset() noexcept {
    // Not the slots: only the first slot_count_ are ever read.
    position_ = scanned_ = headers_at_ = body_at_ = body_size_ = 0;
    chunk_left_ = framing_bytes_ = trailers_at_ = trailers_ = slot_count_ = 0;
    fields_ = {};
    framing_ = body_framing::length;
    chunk_stage_ = chunk_stage::size_line;
    in_headers_ = false;
    error_ = {};
}

scan message_scanner::fail(std::uint16_t http_status, std::string_view reason) noexcept {
    error_ = {http_status, reason};
    return scan::failed;
}

scan message_scanner::next_line(std::string_view text, std::size_t bytes_max, rejection too_long,
                                std::string_view& line) noexcept {
    // Never looks past the limit: what stands behind it cannot change the outcome.
    const std::size_t end = std::min(text.size(), position_ + bytes_max);
    const std::size_t from = std::min(scanned_, end);
    const void* found = end > from ? std::memchr(text.data() + from, '\n', end - from) : nullptr;
    if (found == nullptr) {
        scanned_ = end;
        if (end - position_ >= bytes_max) {
            error_ = too_long;
            return scan::failed;
        }
        return scan::need_more;
    }
    const auto line_feed = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    if (line_feed == position_ || text[line_feed - 1] != '\r') {
        return fail(400, "a line ends in LF without CR");
    }
    line = text.substr(position_, line_feed - 1 - position_);
    position_ = scanned_ = line_feed + 1;
    return scan::done;
}

scan message_scanner::read_headers(std::string_view text) noexcept {
    if (!in_headers_) {
        in_headers_ = true;
        headers_at_ = position_;
    }
    for (;;) {
        std::string_view line;
        const std::size_t left = limits_.header_bytes_max - (position_ - headers_at_);
        if (const scan got = next_line(text, left, headers_too_large, line); got != scan::done) {
            return got;
        }
        if (line.empty()) {
            return scan::done;
        }
        if (const scan got = read_field(text, line); got != scan::done) {
            return got;
        }
    }
}

scan message_scanner::split_field(std::string_view line, std::string_view& name,
                                  std::string_view& value) noexcept {
    if (line.front() == ' ' || line.front() == '\t') {
        return fail(400, "a header line begins with a blank");
    }
    const std::size_t colon = line.find(':');
    if (colon == line.npos) {
        return fail(400, "a header line has no colon");
    }
    name = line.substr(0, colon);
    if (!is_token(name)) {
        return fail(400, "a header name has an invalid character");
    }
    value = trim_blanks(line.substr(colon + 1));
    if (!is_field_value(value)) {
        return fail(400, "a header value has a control character");
    }
    return scan::done;
}

scan message_scanner::read_field(std::string_view text, std::string_view line) noexcept {
    if (slot_count_ == limits_.headers_max) {
        return fail(431, "too many header fields");
    }
    std::string_view name;
    std::string_view value;
    if (split_field(line, name, value) == scan::failed) {
        return scan::failed;
    }
    const char* base = text.data() + headers_at_;
    slots_[slot_count_] = {.name_at = static_cast<std::uint16_t>(name.data() - base),
                           .name_size = static_cast<std::uint16_t>(name.size()),
                           .value_at = static_cast<std::uint16_t>(value.data() - base),
                           .value_size = static_cast<std::uint16_t>(value.size())};
    ++slot_count_;
    return note_field(name, value);
}

scan message_scanner::note_field(std::string_view name, std::string_view value) noexcept {
    // The length decides first: most fields match none of these.
    switch (name.size()) {
        case 4:
            if (equals_ignore_case(name, "host")) {
                fields_.host_slot = static_cast<std::uint8_t>(slot_count_ - 1);
                count_to_two(fields_.hosts);
            }
            break;
        case 6:
            if (equals_ignore_case(name, "expect")) {
                fields_.expect_continue |= equals_ignore_case(value, "100-continue");
            }
            break;
        case 10:
            if (equals_ignore_case(name, "connection")) {
                fields_.connection_close |= list_contains(value, "close");
                fields_.connection_keep_alive |= list_contains(value, "keep-alive");
            }
            break;
        case 14:
            if (equals_ignore_case(name, "content-length")) {
                return note_content_length(value);
            }
            break;
        case 17:
            if (equals_ignore_case(name, "transfer-encoding")) {
                count_to_two(fields_.transfer_encodings);
                fields_.chunked = equals_ignore_case(value, "chunked");
            }
            break;
        default:
            break;
    }
    return scan::done;
}

scan message_scanner::note_content_length(std::string_view value) noexcept {
    const auto length = parse_decimal(value);
    if (!length) {
        return fail(400, "Content-Length is not a decimal number");
    }
    if (fields_.content_length && *fields_.content_length != *length) {
        return fail(400, "two Content-Length fields differ");
    }
    fields_.content_length = length;
    return scan::done;
}

void message_scanner::expect_body(body_framing framing, std::size_t size) noexcept {
    framing_ = framing;
    body_at_ = position_;
    body_size_ = size;
}

scan message_scanner::read_body(std::string_view text) noexcept {
    if (framing_ == body_framing::chunked) {
        return read_chunks(text);
    }
    if (framing_ == body_framing::until_close) {
        body_size_ = text.size() - body_at_;
        position_ = text.size();
        if (body_size_ > limits_.body_bytes_max) {
            return fail(413, "the body is too large");
        }
        return scan::need_more;
    }
    if (text.size() - body_at_ < body_size_) {
        return scan::need_more;
    }
    position_ = body_at_ + body_size_;
    return scan::done;
}

scan message_scanner::read_chunks(std::string_view text) noexcept {
    for (;;) {
        if (chunk_stage_ == chunk_stage::trailers) {
            return read_trailers(text);
        }
        const scan got =
            chunk_stage_ == chunk_stage::size_line ? read_chunk_size(text) : read_chunk_data(text);
        if (got != scan::done) {
            return got;
        }
    }
}

scan message_scanner::read_chunk_size(std::string_view text) noexcept {
    std::string_view line;
    const std::size_t left = chunk_framing_bytes_max(limits_) - framing_bytes_;
    if (const scan got = next_line(text, left, framing_too_large, line); got != scan::done) {
        return got;
    }
    const auto size = parse_chunk_size(line);
    if (!size) {
        return fail(400, "a chunk size is not a hexadecimal number");
    }
    if (*size > limits_.body_bytes_max - body_size_) {
        return fail(413, "the body is too large");
    }
    // The CRLF after the data is paid for here, so that waiting for it cannot pass the limit.
    framing_bytes_ += line.size() + (*size == 0 ? 2 : 4);
    if (framing_bytes_ > chunk_framing_bytes_max(limits_)) {
        error_ = framing_too_large;
        return scan::failed;
    }
    chunk_left_ = *size;
    body_size_ += *size;
    chunk_stage_ = *size == 0 ? chunk_stage::trailers : chunk_stage::data;
    trailers_at_ = position_;
    return scan::done;
}

scan message_scanner::read_chunk_data(std::string_view text) noexcept {
    if (text.size() - position_ < chunk_left_ + 2) {
        return scan::need_more;
    }
    if (text.substr(position_ + chunk_left_, 2) != "\r\n") {
        return fail(400, "chunk data is not followed by CRLF");
    }
    position_ += chunk_left_ + 2;
    scanned_ = position_;
    chunk_stage_ = chunk_stage::size_line;
    return scan::done;
}

scan message_scanner::read_trailers(std::string_view text) noexcept {
    for (;;) {
        std::string_view line;
        const std::size_t left = limits_.header_bytes_max - (position_ - trailers_at_);
        if (const scan got = next_line(text, left, trailers_too_large, line); got != scan::done) {
            return got;
        }
        if (line.empty()) {
            return scan::done;
        }
        if (trailers_ == limits_.headers_max) {
            return fail(431, "too many trailer fields");
        }
        ++trailers_;
        // Checked, then dropped: a trailer must never act as a header.
        std::string_view name;
        std::string_view value;
        if (split_field(line, name, value) == scan::failed) {
            return scan::failed;
        }
    }
}

header_list message_scanner::headers(std::string_view text) const noexcept {
    return {text.data() + headers_at_, std::span(slots_.data(), slot_count_)};
}

body_view message_scanner::body(std::string_view text) const noexcept {
    return {text.substr(body_at_, position_ - body_at_), body_size_,
            framing_ == body_framing::chunked};
}

}  // namespace drama::inline v0::internal
