// SPDX-License-Identifier: Apache-2.0
// What the victim gets alone from a plain server on Tokio, in the same run: a slow figure of
// drama's alone would flatter the ratio.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "demo_clients.hpp"
#include "drama/base/clock.hpp"

namespace drama::cli {

constexpr std::uint32_t victim_per_second = 200;

struct segment_lengths {
    duration span;
    std::uint64_t rounds;
};

/// The command of the Tokio server that `bench/peers/build` makes, found from where this program
/// is; empty if it was not built.
std::string tokio_server_beside_this();

class baseline {
  public:
    /// `command`: as for served_process::start; empty: there is none.
    baseline(std::string command, const segment_lengths& lengths)
        : command_(std::move(command)), lengths_(lengths) {}

    /// Measured when a request is first asked for. Nothing: no server, or no answer from it.
    std::optional<double> p99_us(demo_target victim);

  private:
    std::optional<double> measure(demo_target victim) const;

    std::string command_;
    segment_lengths lengths_;
    std::map<std::string, std::optional<double>> found_;  // by method and path
};

}  // namespace drama::cli
