// SPDX-License-Identifier: Apache-2.0
// What one run of a simulated test is made from: everything that a search varies. The same setup
// and the same program give the same run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "drama/runtime/runtime_options.hpp"
#include "drama/sim/net/sim_network.hpp"
#include "drama/sim/oracle/livelock_watch.hpp"
#include "drama/sim/sim_options.hpp"

namespace drama::inline v0 {

/// A task of the test is asked to stop, in the middle of what it does.
struct planned_stop {
    std::uint64_t step = 0;  ///< before this step of the world; 0: never
    std::size_t task = 0;    ///< the number of its `start`, from 0
};

struct sim_test_setup {
    std::uint64_t seed = 1;
    sim_options world{};
    runtime_options runtime{};  ///< of each node; without a log of its own it logs nothing
    network_options network{};

    /// What `capacity(most)` yields at most; 0: drawn.
    std::size_t capacity_max = 0;
    /// The calls of `start` that do nothing, by their number, from 0. Sorted.
    std::vector<std::size_t> left_out{};
    planned_stop stop{};
    /// Virtual time after which a run that has not ended is late.
    duration longest = std::chrono::minutes(10);
    /// Steps after which a run that has not ended is given up; 0: never.
    std::uint64_t steps_max = 0;
    /// When a run that goes on is said to stand still.
    livelock_patience patience{};
    /// True once an expectation has failed: the run ends then. Null: nobody knows.
    bool (*has_failed)() = nullptr;
    /// Called with true before what is left of killed nodes ends, and with false after it: what
    /// their code finds wrong meanwhile has never happened. Null: nobody listens.
    void (*mute)(bool) = nullptr;
    /// Wall clocks of nodes are off by up to this much, either way, as the seed says.
    duration wall_skew_max{};
};

/// How a run ended.
struct run_verdict {
    /// One word: that of a verdict_kind, such as "cycle", or "expectation", "exception", "refused",
    /// "shutdown", "given_up"; empty if everything held.
    std::string word = {};
    std::string what = {};                 ///< one line
    std::vector<std::string> waits = {};   ///< a line for each wait that matters
    std::vector<std::string> places = {};  ///< what these wait for and where; sorted
    std::uint64_t step = 0;
    instant at = long_ago;

    bool holds() const noexcept { return word.empty(); }
};

}  // namespace drama::inline v0
