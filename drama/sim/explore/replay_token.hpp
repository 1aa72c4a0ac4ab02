// SPDX-License-Identifier: Apache-2.0
// The name of one run: version, seed, how the search went, and the build that it is a run of. It
// stands in DRAMA_SEED; a token of another build is refused, for its run would be another one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "drama/base/result.hpp"

namespace drama::inline v0 {

struct replay_token {
    std::uint64_t seed = 0;
    std::string how;    ///< what search_step reads; empty: what the seed itself says
    std::string build;  ///< the first digits of a build_id; empty: any

    /// "v1:9f3c2a71:pct3+swarm:4f00ba11".
    std::string to_text() const;

    /// Reads `text`, or a plain number. Nothing if it is neither.
    static std::optional<replay_token> parse(std::string_view text);
};

/// Hexadecimal digits that tell this program from any other build of it: what the linker wrote into
/// it, else a hash over the program's file. Empty if neither can be had.
std::string build_id();

/// Why a run of `token` by the program `own` would be another one than it names; empty: it is the
/// same.
std::string why_refused(const replay_token& token, std::string_view own);

}  // namespace drama::inline v0
