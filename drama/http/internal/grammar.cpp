// SPDX-License-Identifier: Apache-2.0
#include "drama/http/internal/grammar.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace drama::inline v0::internal {
namespace {

constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

constexpr bool is_alpha(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

using char_table = std::array<bool, 256>;

consteval char_table alphanumeric_and(std::string_view others) {
    char_table table = {};
    for (int c = 0; c < 128; ++c) {
        const char letter = static_cast<char>(c);
        table[static_cast<std::size_t>(c)] =
            is_digit(letter) || is_alpha(letter) || others.find(letter) != others.npos;
    }
    return table;
}

constexpr char_table token_chars = alphanumeric_and("!#$%&'*+-.^_`|~");
constexpr char_table target_chars = alphanumeric_and("-._~!$&'()*+,;=:@/?%[]");
// RFC 3986 allows sub-delims in a registered name too; no host has them, and a comma there is
// what two joined Host fields look like.
constexpr char_table host_chars = alphanumeric_and("-._~%");

bool all_in(const char_table& table, std::string_view text) noexcept {
    bool valid = true;
    for (const char c : text) {
        valid &= table[static_cast<unsigned char>(c)];
    }
    return valid;
}

bool has_valid_escapes(std::string_view text) noexcept {
    for (std::size_t at = text.find('%'); at != text.npos; at = text.find('%', at + 1)) {
        if (text.size() - at < 3 || hex_value(text[at + 1]) < 0 || hex_value(text[at + 2]) < 0) {
            return false;
        }
    }
    return true;
}

}  // namespace

int hex_value(char c) noexcept {
    if (is_digit(c)) {
        return c - '0';
    }
    const char letter = lower(c);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

bool is_token(std::string_view text) noexcept {
    return !text.empty() && all_in(token_chars, text);
}

bool is_field_value(std::string_view text) noexcept {
    const auto is_valid = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
    };
    // Eight bytes at a time, as values are most of a request; a word that may have a control
    // character (HTAB too) is looked at byte by byte.
    constexpr std::uint64_t ones = 0x0101010101010101;
    while (text.size() >= sizeof(std::uint64_t)) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data(), sizeof word);
        const std::uint64_t is_del = word ^ (ones * 0x7f);
        const std::uint64_t suspects = ((word - ones * 0x20) & ~word) | ((is_del - ones) & ~is_del);
        if ((suspects & (ones * 0x80)) != 0 &&
            !std::ranges::all_of(text.substr(0, sizeof word), is_valid)) {
            return false;
        }
        text.remove_prefix(sizeof word);
    }
    return std::ranges::all_of(text, is_valid);
}

bool is_target_text(std::string_view text) noexcept {
    return all_in(target_chars, text) && has_valid_escapes(text);
}

bool is_authority(std::string_view text) noexcept {
    std::string_view port;
    if (text.starts_with('[')) {
        const std::size_t close = text.find(']');
        if (close == text.npos || close == 1) {
            return false;
        }
        const std::string_view address = text.substr(1, close - 1);
        const bool valid = std::ranges::all_of(
            address, [](char c) { return hex_value(c) >= 0 || c == ':' || c == '.'; });
        port = text.substr(close + 1);
        if (!valid || (!port.empty() && port.front() != ':')) {
            return false;
        }
    } else {
        const std::size_t colon = std::min(text.find(':'), text.size());
        const std::string_view host = text.substr(0, colon);
        port = text.substr(colon);
        if (!all_in(host_chars, host) || !has_valid_escapes(host) ||
            (host.empty() && !port.empty())) {
            return false;
        }
    }
    if (port.empty()) {
        return true;
    }
    const auto number = parse_decimal(port.substr(1));
    return port.size() == 1 || (number && *number <= 65535);
}

bool equals_ignore_case(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(),
                      [](char left, char right) { return lower(left) == lower(right); });
}

std::string_view trim_blanks(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
        text.remove_suffix(1);
    }
    return text;
}

bool list_contains(std::string_view list, std::string_view word) noexcept {
    for (;;) {
        const std::size_t comma = list.find(',');
        if (equals_ignore_case(trim_blanks(list.substr(0, comma)), word)) {
            return true;
        }
        if (comma == list.npos) {
            return false;
        }
        list.remove_prefix(comma + 1);
    }
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept {
    if (text.empty()) {
        return std::nullopt;
    }
    constexpr std::uint64_t max = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t value = 0;
    for (const char c : text) {
        if (!is_digit(c)) {
            return std::nullopt;
        }
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (value > (max - digit) / 10) {
            return std::nullopt;
        }
        value = value * 10 + digit;
    }
    return value;
}

std::optional<std::uint64_t> parse_chunk_size(std::string_view line) noexcept {
    std::uint64_t value = 0;
    std::size_t digits = 0;
    while (digits < line.size() && hex_value(line[digits]) >= 0) {
        if (digits == 16) {
            return std::nullopt;
        }
        value = value * 16 + static_cast<std::uint64_t>(hex_value(line[digits]));
        ++digits;
    }
    if (digits == 0) {
        return std::nullopt;
    }
    const std::string_view extension = line.substr(digits);
    // Blanks before `;` are grammar, but only attackers send them.
    if (!extension.empty() && (extension.front() != ';' || !is_field_value(extension))) {
        return std::nullopt;
    }
    return value;
}

}  // namespace drama::inline v0::internal
