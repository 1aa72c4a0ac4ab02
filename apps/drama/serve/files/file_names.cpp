// SPDX-License-Identifier: Apache-2.0
#include "serve/files/file_names.hpp"

#include <algorithm>
#include <array>

#include <openssl/evp.h>

#include "drama/base/assert.hpp"
#include "drama/http/query.hpp"

namespace drama::cli {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::size_t plain_bytes_max = 200;  // a name on the disk has 255 at most
constexpr std::size_t hint_bytes_max = 100;

bool is_control(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool is_safe(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

void append_hex(std::string& to, unsigned char byte) {
    to += hex_digits[byte >> 4U];
    to += hex_digits[byte & 15U];
}

std::string escaped(std::string_view text) {
    std::string made;
    for (const char c : text) {
        if (is_safe(c)) {
            made += c;
        } else {
            made += '%';
            append_hex(made, static_cast<unsigned char>(c));
        }
    }
    return made;
}

std::string sha256_of(std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned size = 0;
    const int made =
        ::EVP_Digest(text.data(), text.size(), digest.data(), &size, ::EVP_sha256(), nullptr);
    DRAMA_ASSERT(made == 1, "a digest of memory cannot fail");
    std::string hex;
    for (unsigned i = 0; i < size; ++i) {
        append_hex(hex, digest[i]);
    }
    return hex;
}

}  // namespace

std::expected<std::string, std::string_view> file_name_of(std::string_view encoded) {
    if (encoded.empty()) {
        return std::unexpected("the file's name is empty");
    }
    std::string space(encoded.size(), '\0');
    const auto decoded = percent_decode(encoded, space);
    if (!decoded) {
        return std::unexpected("the file's name has a % without two hex digits, or a zero byte");
    }
    const std::string_view name = *decoded;
    if (name.size() > file_name_bytes_max) {
        return std::unexpected("the file's name is longer than 200 bytes");
    }
    if (name == "." || name == "..") {
        return std::unexpected("the file's name is a folder's");
    }
    if (name.find('/') != std::string_view::npos) {
        return std::unexpected("the file's name has a /");
    }
    if (std::ranges::any_of(name, is_control)) {
        return std::unexpected("the file's name has a control character");
    }
    if (is_temporary(name)) {
        return std::unexpected("names that begin with .drama-put- are the server's own");
    }
    return std::string(name);
}

std::string folder_name_of(std::string_view tenant) {
    std::string plain = escaped(tenant);
    if (plain.size() <= plain_bytes_max) {
        return "t-" + plain;
    }
    // Too long to be spelled out: its digest is its name, its beginning a hint for the reader.
    return "d-" + sha256_of(tenant) + "-" + plain.substr(0, hint_bytes_max);
}

bool is_temporary(std::string_view name) noexcept {
    return name.starts_with(temporary_prefix);
}

}  // namespace drama::cli
