// SPDX-License-Identifier: Apache-2.0
// A small seeded generator (xoshiro256**, Blackman and Vigna 2018; seeded by splitmix64). Not for
// secrets.
#pragma once

#include <bit>
#include <cstdint>

namespace drama::inline v0 {

/// The next value of the splitmix64 sequence; advances `state`. Also a good integer hash.
constexpr std::uint64_t splitmix64(std::uint64_t& state) noexcept {
    state += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/// Determinism: the same seed gives the same sequence on every machine. Threads: one at a time.
class prng {
  public:
    explicit constexpr prng(std::uint64_t seed = 1) noexcept {
        for (auto& word : state_) {
            word = splitmix64(seed);
        }
    }

    constexpr std::uint64_t next() noexcept {
        const std::uint64_t out = std::rotl(state_[1] * 5, 7) * 9;
        const std::uint64_t shifted = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = std::rotl(state_[3], 45);
        return out;
    }

    /// A value in [0, bound). Requires: bound > 0. Bias below 2^-32 for bounds below 2^32.
    constexpr std::uint64_t below(std::uint64_t bound) noexcept {
        return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
    }

    /// A value in [0, 1).
    constexpr double unit() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  private:
    std::uint64_t state_[4] = {};
};

}  // namespace drama::inline v0
