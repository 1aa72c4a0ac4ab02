// SPDX-License-Identifier: Apache-2.0
// An incremental, strict HTTP/1.1 request parser over the caller's buffer. It refuses everything
// that two servers could read differently (request smuggling), copies nothing and never allocates.
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

/// A complete request. Lifetime: views the buffer of the parse() call that completed it, and the
/// parser; dead after reset().
struct http_request {
    std::string_view method;  ///< a token, as sent: methods are case-sensitive
    std::string_view target;  ///< as sent: origin-form (`/a?b`) or absolute-form (`http://h/a?b`)
    std::string_view path;    ///< of the target, not decoded; begins with `/`
    std::string_view query;   ///< of the target, after `?`, not decoded; may be empty
    std::string_view host;    ///< host[:port]; the target's where it names one, else the Host field
    int version_minor = 1;    ///< 1 or 0: HTTP/1.1 or HTTP/1.0
    bool keep_alive = true;   ///< the client wants to send another request on this connection
    header_list headers;
    body_view body;
};

/// Reads one request at a time from the front of a growing buffer.
///
/// Call parse() with all bytes of the request that have arrived, from its first byte on; the
/// buffer may move between calls, its bytes may not change. After `complete`, use request(), drop
/// `consumed` bytes and reset(): the next pipelined request begins there. After `error`, answer
/// and close: nothing that follows can be trusted.
///
/// Complexity: O(bytes) over all calls, however the input is split; never allocates.
/// Threads:    one at a time.
class DRAMA_API request_parser {
  public:
    /// Requires: headers_max <= headers_capacity, header_bytes_max <= 65535, others <= 1 GiB.
    explicit request_parser(const parser_limits& limits = {}) noexcept : scanner_(limits) {}

    /// Reads on. Requires: `buffer` begins with the bytes of the previous call since reset().
    /// Errors: 400 malformed or ambiguous, 413 body, 414 request line or 431 fields too large,
    ///         501 method or transfer coding not implemented, 505 version.
    [[nodiscard]] parse_result parse(std::span<const char> buffer) noexcept;

    /// The request. Requires: the last parse() returned complete.
    [[nodiscard]] const http_request& request() const noexcept;

    /// The header fields are in and valid; what is missing is the body.
    [[nodiscard]] bool is_head_complete() const noexcept {
        return stage_ == stage::body || stage_ == stage::complete;
    }

    /// The client waits for `100 Continue` before it sends the body. Meaningful between
    /// is_head_complete() and complete.
    [[nodiscard]] bool expects_continue() const noexcept { return expects_continue_; }

    /// Forgets the request; the next byte is the first of another one.
    void reset() noexcept;

  private:
    enum class stage : std::uint8_t { request_line, headers, body, complete, error };

    /// A part of the buffer, by offset.
    struct part {
        std::uint32_t at = 0;
        std::uint32_t size = 0;
    };

    internal::scan read_request_line(std::string_view text) noexcept;
    internal::scan split_request_line(std::string_view text, std::string_view line) noexcept;
    internal::scan split_target(std::string_view text, std::string_view target) noexcept;
    internal::scan read_head_end(std::string_view text) noexcept;
    internal::scan choose_body() noexcept;
    void publish(std::string_view text) noexcept;
    [[nodiscard]] parse_result outcome() const noexcept;

    internal::message_scanner scanner_;
    stage stage_ = stage::request_line;
    bool skipped_blank_line_ = false;
    bool expects_continue_ = false;
    std::uint8_t version_minor_ = 1;
    part method_;
    part target_;
    part path_;
    part query_;
    part host_;
    http_request request_;
};

}  // namespace drama::inline v0
