// SPDX-License-Identifier: Apache-2.0
// What a piece of work costs: a distribution with bounds, drawn from a seeded generator so that the
// same workload costs the same under every order.
#pragma once

#include <cstdint>
#include <string>

#include "drama/base/clock.hpp"
#include "drama/base/prng.hpp"

namespace drama::cli {

/// Units: microseconds of one server.
struct cost_law {
    std::string form = "constant";  ///< constant, uniform, normal, exponential, lognormal,
                                    ///< loguniform, bimodal, pareto
    double mean_us = 100;
    double cv = 0.1;        ///< standard deviation over mean: normal and lognormal
    double other_us = 0;    ///< bimodal: the cost of the other kind
    double other_part = 0;  ///< bimodal: how many are of the other kind, 0 to 1
    double alpha = 1.1;     ///< pareto: the exponent of its tail
    double least_us = 0.1;
    double most_us = 100'000'000;
    // Where a line stands for many tenants, each may have a law of its own: mean and cv between the
    // figures above and these, evenly on a logarithmic scale.
    double mean_most_us = 0;  ///< 0: all have the same mean
    double cv_most = 0;       ///< 0: all have the same cv

    /// The law of one of the tenants that this one stands for.
    cost_law one(prng& random) const;
    duration draw(prng& random) const;
};

/// Exponentially distributed. Units: nanoseconds, at least one.
duration draw_gap(prng& random, double mean_ns);

}  // namespace drama::cli
