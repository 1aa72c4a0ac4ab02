// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/explore/schedule_strategy.hpp"

namespace drama::inline v0 {
namespace {

// The streams are separate, so that a change in one leaves the other alone.
std::uint64_t stream_of(std::uint64_t seed, std::uint64_t stream) noexcept {
    std::uint64_t state = seed + stream * 0xd1b54a32d192ed03ULL;
    return splitmix64(state);
}

}  // namespace

random_walk::random_walk(std::uint64_t seed) noexcept
    : choice_(stream_of(seed, 1)), timing_(stream_of(seed, 2)) {
}

std::size_t random_walk::choose(std::span<internal::sim_thread* const> ready) noexcept {
    return choice_.below(ready.size());
}

std::int64_t random_walk::delay_ns(schedule_delay, const internal::sim_thread&,
                                   const duration_range& range) noexcept {
    const std::int64_t least = range.least.count();
    const std::int64_t spread = range.most.count() - least;
    return spread <= 0 ? least
                       : least + static_cast<std::int64_t>(
                                     timing_.below(static_cast<std::uint64_t>(spread) + 1));
}

bool random_walk::preempts(const internal::sim_thread&, std::uint32_t one_in) noexcept {
    return one_in != 0 && timing_.below(one_in) == 0;
}

}  // namespace drama::inline v0
