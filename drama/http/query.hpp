// SPDX-License-Identifier: Apache-2.0
// Access to the query of a request target, numbers with a range, and percent decoding into the
// caller's buffer. Form bodies and repeated keys are not read here.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

#include "drama/base/export.hpp"
#include "drama/base/result.hpp"

namespace drama::inline v0 {

/// Why a part of a target was refused; message() is a line to show to the client.
enum class query_errc {
    missing = 1,   ///< the key is not in the query
    not_a_number,  ///< something other than decimal digits
    too_small,     ///< below the least allowed value
    too_large,     ///< above the greatest allowed value, or past 64 bits
    bad_escape,    ///< a `%` without two hex digits, or one that encodes NUL
};

/// The category of `query_errc`; its name is "drama.query". Threads: any.
DRAMA_API const std::error_category& query_category() noexcept;

inline std::error_code make_error_code(query_errc code) noexcept {
    return {static_cast<int>(code), query_category()};
}

/// An inclusive range of allowed values.
struct number_range {
    std::uint64_t min = 0;
    std::uint64_t max = std::numeric_limits<std::uint64_t>::max();
};

/// The path of `target`: what stands before `?`. Lifetime: views `target`.
[[nodiscard]] DRAMA_API std::string_view target_path(std::string_view target) noexcept;

/// The value of the first `key` in the query of `target`, not decoded; empty for a key without
/// `=`; nullopt where the key is absent. Keys are compared as sent. Complexity: O(target).
/// Lifetime: views `target`.
[[nodiscard]] DRAMA_API std::optional<std::string_view> query_value(std::string_view target,
                                                                    std::string_view key) noexcept;

/// Reads `text` as a decimal number: digits only, no sign, no blank.
/// Errors: query_errc::not_a_number, too_small, too_large.
[[nodiscard]] DRAMA_API result<std::uint64_t> parse_number(std::string_view text,
                                                           number_range range = {}) noexcept;

/// The number at `key`. Errors: query_errc::missing, and as parse_number.
[[nodiscard]] DRAMA_API result<std::uint64_t> query_number(std::string_view target,
                                                           std::string_view key,
                                                           number_range range = {}) noexcept;

/// The number at `key`, or `fallback` where the key is absent. Errors: as parse_number.
[[nodiscard]] DRAMA_API result<std::uint64_t> query_number_or(std::string_view target,
                                                              std::string_view key,
                                                              std::uint64_t fallback,
                                                              number_range range = {}) noexcept;

/// What `+` means in encoded text: itself in a path, a blank in a form's query.
enum class plus_sign : std::uint8_t { literal, blank };

/// Decodes `%XX` into `out` and returns the decoded part of it.
/// Errors: query_errc::bad_escape; std::errc::no_buffer_space - `out` is too small (the size of
///         `text` is always enough).
[[nodiscard]] DRAMA_API result<std::string_view> percent_decode(
    std::string_view text, std::span<char> out, plus_sign plus = plus_sign::literal) noexcept;

}  // namespace drama::inline v0

template <>
struct std::is_error_code_enum<drama::query_errc> : std::true_type {};
