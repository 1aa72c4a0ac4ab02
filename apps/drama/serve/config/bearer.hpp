// SPDX-License-Identifier: Apache-2.0
// Bearer tokens as they come (RFC 6750): what a token may look like, and the one that a request
// shows.
#pragma once

#include <cstddef>
#include <expected>
#include <string_view>

#include "drama/http/message.hpp"

namespace drama::cli {

inline constexpr std::size_t token_bytes_max = 1024;

/// 1 to `token_bytes_max` of A-Z a-z 0-9 - . _ ~ + /, then any number of =.
bool is_bearer_token(std::string_view text) noexcept;

/// The token of the Authorization field; empty without such a field.
/// Errors: one line that says why the field is malformed; static storage, never the token.
std::expected<std::string_view, std::string_view> bearer_token_of(
    const header_list& headers) noexcept;

}  // namespace drama::cli
