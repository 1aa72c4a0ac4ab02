// SPDX-License-Identifier: Apache-2.0
// The client's half: an incremental HTTP/1.1 response parser, as strict and as thrifty as
// request_parser, for the load generator and the demo.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "drama/base/export.hpp"
#include "drama/http/body_view.hpp"
#include "drama/http/internal/message_scanner.hpp"
#include "drama/http/message.hpp"

namespace drama::inline v0 {

/// A complete response. Lifetime: views the buffer of the call that completed it, and the parser.
struct http_response {
    int status = 0;           ///< 100 to 599; below 200 it is interim and another one follows
    std::string_view reason;  ///< the reason phrase; may be empty
    int version_minor = 1;    ///< 1 or 0: HTTP/1.1 or HTTP/1.0
    bool keep_alive = true;   ///< another request may be sent on this connection
    header_list headers;
    body_view body;
};

/// What the request was decides whether its response has a body.
enum class request_kind : std::uint8_t { other, head };

/// Reads one response at a time from the front of a growing buffer; used as request_parser is.
///
/// Complexity: O(bytes) over all calls, however the input is split; never allocates.
/// Threads:    one at a time.
class DRAMA_API response_parser {
  public:
    /// Requires: as request_parser; `request_line_bytes_max` bounds the status line.
    explicit response_parser(const parser_limits& limits = {}) noexcept : scanner_(limits) {}

    /// Reads on. Requires: `buffer` begins with the bytes of the previous call since reset().
    /// Errors: the status is 502 whatever is wrong: that is what a gateway answers.
    [[nodiscard]] parse_result parse(std::span<const char> buffer) noexcept;

    /// The peer closed: completes a body without declared length; an error where bytes are missing.
    [[nodiscard]] parse_result finish(std::span<const char> buffer) noexcept;

    /// The response. Requires: the last parse() or finish() returned complete.
    [[nodiscard]] const http_response& response() const noexcept;

    /// Forgets the response; `next` is the kind of request that the following one answers.
    void reset(request_kind next = request_kind::other) noexcept;

  private:
    enum class stage : std::uint8_t { status_line, headers, body, complete, error };

    internal::scan read_status_line(std::string_view text) noexcept;
    internal::scan choose_body() noexcept;
    void publish(std::string_view text) noexcept;
    [[nodiscard]] parse_result outcome() const noexcept;

    internal::message_scanner scanner_;
    stage stage_ = stage::status_line;
    request_kind kind_ = request_kind::other;
    bool until_close_ = false;
    std::uint8_t version_minor_ = 1;
    std::uint16_t status_ = 0;
    std::uint32_t reason_at_ = 0;
    std::uint32_t reason_size_ = 0;
    http_response response_;
};

}  // namespace drama::inline v0
