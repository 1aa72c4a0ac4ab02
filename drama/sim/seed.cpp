// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/seed.hpp"

#include <charconv>

#include "drama/base/assert.hpp"
#include "drama/runtime/world/environment.hpp"

namespace drama::inline v0 {
namespace {
constexpr std::string_view version = "v1:";
}

std::optional<std::uint64_t> parse_seed(std::string_view text) noexcept {
    int base = 10;
    if (text.starts_with(version)) {
        text.remove_prefix(version.size());
        base = 16;
    } else if (text.starts_with("0x")) {
        text.remove_prefix(2);
        base = 16;
    }
    std::uint64_t seed = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, seed, base);
    if (error != std::errc() || stopped != end) {
        return std::nullopt;
    }
    return seed;
}

std::string seed_token(std::uint64_t seed) {
    char digits[17] = {};
    std::to_chars(digits, digits + sizeof digits - 1, seed, 16);
    return std::string(version) + digits;
}

std::uint64_t seed_or(std::uint64_t otherwise) {
    const auto text = environment("DRAMA_SEED");
    if (!text) {
        return otherwise;
    }
    const auto seed = parse_seed(*text);
    DRAMA_ASSERT(seed.has_value(), "DRAMA_SEED is neither v1:<hexadecimal> nor a number");
    return *seed;
}

std::string replay_line(std::uint64_t seed) {
    return "DRAMA_SEED=" + seed_token(seed);
}

}  // namespace drama::inline v0
