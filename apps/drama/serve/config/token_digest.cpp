// SPDX-License-Identifier: Apache-2.0
#include "serve/config/token_digest.hpp"

#include <bit>
#include <cstring>
#include <system_error>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace drama::cli {
namespace {

result<sha256_digest> digest_of(const void* bytes, std::size_t count) noexcept {
    // Fetched once: to look an algorithm up costs more than to hash a token.
    static EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    sha256_digest made{};
    if (sha256 == nullptr || EVP_Digest(bytes, count, made.data(), nullptr, sha256, nullptr) != 1) {
        return fail(std::make_error_code(std::errc::not_enough_memory));
    }
    return made;
}

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

result<sha256_digest> sha256_of(std::string_view text) noexcept {
    return digest_of(text.data(), text.size());
}

std::optional<sha256_digest> parse_sha256(std::string_view hex) noexcept {
    sha256_digest made{};
    if (hex.size() != 2 * made.size()) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < made.size(); ++i) {
        const int high = hex_value(hex[2 * i]);
        const int low = hex_value(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            return std::nullopt;
        }
        made[i] = static_cast<unsigned char>(high * 16 + low);
    }
    return made;
}

result<token_table> token_table::make(std::span<const entry> entries) {
    token_table made;
    if (entries.empty()) {
        return made;
    }
    // A secret, not a decision: nothing that the server does depends on its value.
    if (RAND_bytes(made.key_.data(), static_cast<int>(made.key_.size())) != 1) {
        return fail(std::make_error_code(std::errc::resource_unavailable_try_again));
    }
    made.slots_.resize(std::bit_ceil(2 * entries.size()));
    for (const entry& each : entries) {
        DRAMA_TRY(const sha256_digest keyed, made.keyed(each.token));
        std::size_t at = made.slot_of(keyed);
        while (made.slots_[at].owner) {
            at = (at + 1) % made.slots_.size();
        }
        made.slots_[at] = {keyed, each.owner};
    }
    return made;
}

result<tenant> token_table::find(std::string_view token) const noexcept {
    if (is_empty()) {
        return tenant();
    }
    DRAMA_TRY(const sha256_digest digest, sha256_of(token));
    DRAMA_TRY(const sha256_digest wanted, keyed(digest));
    for (std::size_t at = slot_of(wanted); slots_[at].owner; at = (at + 1) % slots_.size()) {
        if (CRYPTO_memcmp(slots_[at].token.data(), wanted.data(), wanted.size()) == 0) {
            return slots_[at].owner;
        }
    }
    return tenant();
}

std::size_t token_table::slot_of(const sha256_digest& keyed) const noexcept {
    std::size_t first = 0;
    std::memcpy(&first, keyed.data(), sizeof first);
    return first & (slots_.size() - 1);
}

result<sha256_digest> token_table::keyed(const sha256_digest& token) const noexcept {
    std::array<unsigned char, 64> both;
    std::memcpy(both.data(), key_.data(), key_.size());
    std::memcpy(both.data() + key_.size(), token.data(), token.size());
    return digest_of(both.data(), both.size());
}

}  // namespace drama::cli
