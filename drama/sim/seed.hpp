// SPDX-License-Identifier: Apache-2.0
// The seed of a simulated run: where it comes from and how a failure names it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "drama/base/export.hpp"

namespace drama::inline v0 {

/// "v1:9f3c2a71" or a plain number ("17", "0x11"). Nothing if it is neither.
DRAMA_API std::optional<std::uint64_t> parse_seed(std::string_view text) noexcept;

/// "v1:9f3c2a71": what parse_seed reads.
DRAMA_API std::string seed_token(std::uint64_t seed);

/// The seed that DRAMA_SEED names, else `otherwise`. A DRAMA_SEED that cannot be read ends the
/// program: running something else would look like success.
DRAMA_API std::uint64_t seed_or(std::uint64_t otherwise);

/// "DRAMA_SEED=v1:9f3c2a71": put it before the command to run the same again.
DRAMA_API std::string replay_line(std::uint64_t seed);

}  // namespace drama::inline v0
