// SPDX-License-Identifier: Apache-2.0
#include "span_text.hpp"

#include <array>
#include <cmath>
#include <cstdio>

namespace drama::cli {

std::string span_text(double ns) {
    constexpr std::array units{"ns", "us", "ms", "s"};
    std::size_t unit = 0;
    while (unit + 1 < units.size() && ns >= 999.5) {
        ns /= 1000;
        ++unit;
    }
    const int digits = ns < 9.95 && ns != std::floor(ns) ? 1 : 0;
    std::array<char, 32> text;
    const int size = std::snprintf(text.data(), text.size(), "%.*f %s", digits, ns, units[unit]);
    return {text.data(), static_cast<std::size_t>(size)};
}

}  // namespace drama::cli
