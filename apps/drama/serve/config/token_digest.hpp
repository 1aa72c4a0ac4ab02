// SPDX-License-Identifier: Apache-2.0
// SHA-256, and a map from tokens to tenants that tells nobody by its timing how near a guess is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "drama/base/result.hpp"
#include "drama/tenant/tenant_record.hpp"

namespace drama::cli {

using sha256_digest = std::array<unsigned char, 32>;

/// Errors: ENOMEM.
result<sha256_digest> sha256_of(std::string_view text) noexcept;

/// 64 hex digits of either case.
std::optional<sha256_digest> parse_sha256(std::string_view hex) noexcept;

/// Tenants by token.
///
/// It keeps no token, but digests of their digests under a key of its own that nobody outside
/// knows. Where a guess leads in the table, and with which prefix of an entry it agrees, is random
/// to whoever guesses; entries are compared whole, in a time that does not depend on them.
/// Threads:    find from any, once it is made. Complexity: two hashes and O(1) comparisons.
class token_table {
  public:
    struct entry {
        sha256_digest token{};  ///< SHA-256 of the token
        tenant owner;
    };

    token_table() = default;
    /// Errors: ENOMEM; EAGAIN - the system has no randomness to give.
    static result<token_table> make(std::span<const entry> entries);

    bool is_empty() const noexcept { return slots_.empty(); }
    /// The token's tenant; a false one if nobody has it. Errors: ENOMEM.
    result<tenant> find(std::string_view token) const noexcept;

  private:
    std::size_t slot_of(const sha256_digest& keyed) const noexcept;
    result<sha256_digest> keyed(const sha256_digest& token) const noexcept;

    sha256_digest key_{};
    std::vector<entry> slots_;  // a power of two, half of them free; linear probing
};

}  // namespace drama::cli
