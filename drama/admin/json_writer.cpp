// SPDX-License-Identifier: Apache-2.0
#include "drama/admin/json_writer.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace drama::inline v0 {
namespace {

bool is_continuation(char byte) noexcept {
    return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

// Bytes of the UTF-8 sequence at the front of `text`; 0 if it is none. Overlong forms, surrogates
// and what lies beyond U+10FFFF are none.
std::size_t sequence_bytes(std::string_view text) noexcept {
    const auto first = static_cast<unsigned char>(text[0]);
    const std::size_t size = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
    if (size == 0 || size > text.size()) {
        return 0;
    }
    for (std::size_t i = 1; i < size; ++i) {
        if (!is_continuation(text[i])) {
            return 0;
        }
    }
    const auto second = size > 1 ? static_cast<unsigned char>(text[1]) : 0U;
    const bool is_bad = (first == 0xE0 && second < 0xA0) || (first == 0xED && second >= 0xA0) ||
                        (first == 0xF0 && second < 0x90) || (first == 0xF4 && second >= 0x90);
    return is_bad ? 0 : size;
}

}  // namespace

void json_writer::text(std::string_view key, std::string_view value) {
    write_key(key);
    write_string(value);
}

void json_writer::text(std::string_view value) {
    separate();
    write_string(value);
}

void json_writer::number(std::string_view key, double value) {
    write_key(key);
    write_number(value);
}

void json_writer::number(double value) {
    separate();
    write_number(value);
}

void json_writer::null(std::string_view key) {
    write_key(key);
    out_->append("null");
}

void json_writer::null() {
    separate();
    out_->append("null");
}

void json_writer::write_number(double value) {
    if (!std::isfinite(value)) {
        out_->append("null");
        return;
    }
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    out_->append(digits.data(), end.ptr);
}

void json_writer::boolean(std::string_view key, bool value) {
    write_key(key);
    out_->append(value ? "true" : "false");
}

void json_writer::separate() {
    if (needs_comma_) {
        out_->push_back(',');
    }
    needs_comma_ = true;
}

void json_writer::open(char bracket) {
    separate();
    out_->push_back(bracket);
    needs_comma_ = false;
}

void json_writer::open(std::string_view key, char bracket) {
    write_key(key);
    out_->push_back(bracket);
    needs_comma_ = false;
}

void json_writer::close(char bracket) {
    out_->push_back(bracket);
    needs_comma_ = true;
}

void json_writer::write_key(std::string_view key) {
    separate();
    write_string(key);
    out_->push_back(':');
}

void json_writer::write_string(std::string_view value) {
    constexpr std::string_view hex = "0123456789abcdef";
    out_->push_back('"');
    while (!value.empty()) {
        const auto first = static_cast<unsigned char>(value[0]);
        std::size_t taken = 1;
        if (first == '"' || first == '\\') {
            out_->push_back('\\');
            out_->push_back(value[0]);
        } else if (first < 0x20 || first == 0x7F) {
            out_->append("\\u00");
            out_->push_back(hex[first >> 4U]);
            out_->push_back(hex[first & 0xFU]);
        } else if (const std::size_t size = sequence_bytes(value); size != 0) {
            out_->append(value.substr(0, size));
            taken = size;
        } else {
            out_->append("\\ufffd");
        }
        value.remove_prefix(taken);
    }
    out_->push_back('"');
}

}  // namespace drama::inline v0
