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

/// Why an Authorization field is not accepted.
struct bearer_error {
    int status = 400;         ///< 400: malformed; 401: it shows no bearer token at all
    std::string_view reason;  ///< one line, static storage, never the token
};

/// The token of the Authorization field; empty without such a field.
std::expected<std::string_view, bearer_error> bearer_token_of(const header_list& headers) noexcept;

}  // namespace drama::cli
