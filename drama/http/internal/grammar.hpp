// SPDX-License-Identifier: Apache-2.0
// Character classes and small pieces of the HTTP grammar (RFC 9110, RFC 9112, RFC 3986), each in
// its strict reading: where two readers could disagree about a byte, it is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace drama::inline v0::internal {

/// RFC 9110 5.6.2: at least one token character and nothing else.
bool is_token(std::string_view text) noexcept;

/// No control character but HTAB; bytes from 0x80 on are opaque text.
bool is_field_value(std::string_view text) noexcept;

/// The characters of an RFC 3986 path or query, every `%` followed by two hex digits.
bool is_target_text(std::string_view text) noexcept;

/// host[:port] without user information; empty is valid (RFC 9112 3.2).
bool is_authority(std::string_view text) noexcept;

bool equals_ignore_case(std::string_view a, std::string_view b) noexcept;

/// Without leading and trailing SP and HTAB.
std::string_view trim_blanks(std::string_view text) noexcept;

/// A comma-separated list has the member `word`, whatever its case.
bool list_contains(std::string_view list, std::string_view word) noexcept;

/// Digits only; nullopt for anything else and for values past 64 bits.
std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept;

/// The size of a chunk-size line (no CRLF): 1 to 16 hex digits, then nothing or an extension.
std::optional<std::uint64_t> parse_chunk_size(std::string_view line) noexcept;

/// The value of a hex digit, or -1.
int hex_value(char c) noexcept;

}  // namespace drama::inline v0::internal
