// SPDX-License-Identifier: Apache-2.0
// How one run of a search is made from its seed: by which strategy, with which features, with what
// going wrong at which point. A step is a word in a replay token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drama/fault/fault_kind.hpp"
#include "drama/sim/explore/schedule_strategy.hpp"

namespace drama::inline v0 {

enum class search_kind : std::uint8_t {
    walk,      ///< every choice drawn uniformly
    pos,       ///< partial order sampling: a priority drawn anew for each step
    pct,       ///< fixed priorities that change at `depth` - 1 points
    lockstep,  ///< in turn, and what is alike takes equally long
    starve,    ///< one thread is held back for a while, again and again
    bounded,   ///< a thread runs until it waits, but for `preemptions`
    loop,      ///< a walk in which something goes wrong at one point
};

/// What goes wrong in a loop.
enum class loop_kind : std::uint8_t {
    fault,  ///< the k-th point of a kind of fault breaks
    stop,   ///< before the k-th step a task of the test is asked to stop
};

/// One deviation from "run on until it waits".
struct preemption {
    std::uint32_t decision = 0;  ///< the number of the choice, from 0
    std::uint32_t choice = 0;    ///< which of the ready ones, by thread number

    friend bool operator==(const preemption&, const preemption&) = default;
};

struct search_step {
    search_kind kind = search_kind::walk;
    std::uint32_t depth = 2;  ///< of pct
    bool swarm = false;       ///< features and capacities are drawn as well
    std::vector<preemption> preemptions;

    // Of loops.
    loop_kind loop = loop_kind::fault;
    fault_kind fault = fault_kind::user;
    std::uint64_t k = 0;
    bool from_then_on = false;  ///< not only the k-th
    std::uint32_t task = 0;     ///< of stop: the number of its `start`

    /// "walk", "pct3+swarm", "bounded.12-1.40-0", "loop.disk_error.3.on",
    /// "loop.stop.120.2".
    std::string to_text() const;
    static std::optional<search_step> parse(std::string_view text);
    /// What a search does with `seed` when it samples: 35 % walk, 5 % lockstep, 25 % pos, 25 % pct
    /// of depth 2 and 3, 10 % starve; all with swarm.
    static search_step sample(std::uint64_t seed) noexcept;

    friend bool operator==(const search_step&, const search_step&) = default;
};

/// The strategy of a run.
DRAMA_API std::unique_ptr<schedule_strategy> make_strategy(const search_step& step,
                                                           std::uint64_t seed);

}  // namespace drama::inline v0
