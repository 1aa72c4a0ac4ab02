// SPDX-License-Identifier: Apache-2.0
#include "serve/config/bearer.hpp"

#include <algorithm>

namespace drama::cli {
namespace {

bool is_token_char(char c) noexcept {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~+/").find(c) != std::string_view::npos;
}

bool equals_lower(std::string_view text, std::string_view lower) noexcept {
    return std::ranges::equal(text, lower, [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + ('a' - 'A')) : a) == b;
    });
}

}  // namespace

bool is_bearer_token(std::string_view text) noexcept {
    if (text.size() > token_bytes_max) {
        return false;
    }
    while (text.ends_with('=')) {
        text.remove_suffix(1);
    }
    return !text.empty() && std::ranges::all_of(text, is_token_char);
}

std::expected<std::string_view, bearer_error> bearer_token_of(const header_list& headers) noexcept {
    const auto refuse = [](int status, std::string_view reason) {
        return std::unexpected(bearer_error{status, reason});
    };
    std::string_view credentials;
    bool is_seen = false;
    for (const header_field field : headers) {
        if (!equals_lower(field.name, "authorization")) {
            continue;
        }
        if (is_seen) {
            return refuse(400, "Authorization: given twice");
        }
        is_seen = true;
        credentials = field.value;
    }
    if (!is_seen) {
        return std::string_view();
    }
    const std::size_t blank = std::min(credentials.find(' '), credentials.size());
    if (!equals_lower(credentials.substr(0, blank), "bearer")) {
        return refuse(401, "Authorization: the scheme is not Bearer");
    }
    const std::size_t begin = credentials.find_first_not_of(' ', blank);
    if (begin == std::string_view::npos) {
        return refuse(401, "Authorization: the token is missing");
    }
    const std::string_view token = credentials.substr(begin);
    if (token.size() > token_bytes_max) {
        return refuse(400, "Authorization: the token is too long");
    }
    if (!is_bearer_token(token)) {
        return refuse(400, "Authorization: the token has a character that no token has");
    }
    return token;
}

}  // namespace drama::cli
