// SPDX-License-Identifier: Apache-2.0
// Writes HTTP/1.1 response heads and chunk heads into the caller's buffer; never allocates. The
// body is the caller's: this only says how its end will be known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "drama/base/export.hpp"
#include "drama/base/result.hpp"
#include "drama/http/message.hpp"

namespace drama::inline v0 {

/// The head of a response. Fields left at their defaults are not written.
struct response_head {
    int status = 200;
    std::string_view content_type = {};
    /// Bytes of the body. Without it and without `chunked`, the body ends when the connection
    /// closes. Not written where the status has no body (1xx, 204).
    std::optional<std::uint64_t> content_length = {};
    bool chunked = false;      ///< Transfer-Encoding: chunked instead of a length
    bool keep_alive = true;    ///< false writes `Connection: close`; a body without end forces it
    bool version_1_0 = false;  ///< the client spoke HTTP/1.0: keep_alive must be said
    std::optional<std::int64_t> date_unix_s = {};     ///< Date; seconds since 1970, UTC
    std::optional<std::uint32_t> retry_after_s = {};  ///< Retry-After, seconds
    std::span<const header_field> extra = {};         ///< written last, in order
};

/// Writes status line, fields and the blank line to the front of `out`; returns their bytes.
///
/// Errors: errc::bad_argument - the status is not 100 to 599, both `chunked` and
///         `content_length`, chunked for HTTP/1.0, a name is no token or is one that this function
///         writes itself, a value has CR, LF, NUL or another control character, or the date is not
///         in the years 1970 to 9999;
///         std::errc::no_buffer_space - `out` is too small; what stands in it is garbage.
[[nodiscard]] DRAMA_API result<std::size_t> write_response_head(std::span<char> out,
                                                                const response_head& head) noexcept;

/// Bytes that write_chunk_head() needs at most.
inline constexpr std::size_t chunk_head_bytes_max = 18;

/// Writes the size line of a chunk; its data and CRLF follow, `0 CRLF CRLF` ends the body.
/// Requires: size > 0. Errors: std::errc::no_buffer_space.
[[nodiscard]] DRAMA_API result<std::size_t> write_chunk_head(std::span<char> out,
                                                             std::uint64_t size) noexcept;

/// The standard phrase of a status, or "Status" for one without.
[[nodiscard]] DRAMA_API std::string_view reason_phrase(int status) noexcept;

}  // namespace drama::inline v0
