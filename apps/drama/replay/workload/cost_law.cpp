// SPDX-License-Identifier: Apache-2.0
#include "replay/workload/cost_law.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace drama::cli {
namespace {

double normal(prng& random) {
    const double radius = std::sqrt(-2 * std::log(1 - random.unit()));
    return radius * std::cos(2 * std::numbers::pi * random.unit());
}

double between(prng& random, double least, double most) {
    return most > least ? least * std::pow(most / least, random.unit()) : least;
}

double lognormal(prng& random, double mean, double cv) {
    const double variance = std::log1p(cv * cv);
    return mean * std::exp(normal(random) * std::sqrt(variance) - variance / 2);
}

double draw_us(const cost_law& law, prng& random) {
    if (law.form == "uniform") {
        return law.mean_us * 2 * random.unit();
    }
    if (law.form == "normal") {
        return law.mean_us * (1 + law.cv * normal(random));
    }
    if (law.form == "exponential") {
        return -law.mean_us * std::log(1 - random.unit());
    }
    if (law.form == "lognormal") {
        return lognormal(random, law.mean_us, law.cv);
    }
    if (law.form == "loguniform") {
        return between(random, law.least_us, law.most_us);
    }
    if (law.form == "bimodal") {
        return random.unit() < law.other_part ? law.other_us : law.mean_us;
    }
    if (law.form == "pareto") {
        const double scale = law.mean_us * std::max(0.01, law.alpha - 1) / law.alpha;
        return scale * std::pow(1 - random.unit(), -1 / law.alpha);
    }
    return law.mean_us;
}

}  // namespace

cost_law cost_law::one(prng& random) const {
    cost_law made = *this;
    made.mean_us = between(random, mean_us, mean_most_us);
    made.cv = between(random, cv, cv_most);
    return made;
}

duration cost_law::draw(prng& random) const {
    const double us = std::clamp(draw_us(*this, random), least_us, std::max(least_us, most_us));
    return std::max(duration(1), duration(std::llround(us * 1000)));
}

duration draw_gap(prng& random, double mean_ns) {
    return std::max(duration(1), duration(std::llround(-mean_ns * std::log(1 - random.unit()))));
}

}  // namespace drama::cli
