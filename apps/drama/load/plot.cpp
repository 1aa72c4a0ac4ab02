// SPDX-License-Identifier: Apache-2.0
#include "load/plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "span_text.hpp"

namespace drama::cli {
namespace {

constexpr double width = 900;
constexpr double height = 520;
constexpr double left = 80;
constexpr double right = 30;
constexpr double top = 50;
constexpr double bottom = 60;
constexpr double legend_step = 18;

// Distinguishable also by those who do not see all colours.
constexpr std::array colours{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
                             "#000000", "#7f3c8d", "#a5aa99", "#80ba5a", "#e73f74", "#4b4b8f"};
static_assert(colours.size() == plot_lines_max);

template <class... Arguments>
void print(std::string& to, const char* format, Arguments... arguments) {
    std::array<char, 512> text;
    const int size = std::snprintf(text.data(), text.size(), format, arguments...);
    to.append(text.data(), std::min(static_cast<std::size_t>(size), text.size() - 1));
}

// Bytes that are no printable ASCII stand as '?': a name is no reason for a file nobody can read.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char each : text) {
        switch (each) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            default:
                out += each >= ' ' && each <= '~' ? each : '?';
        }
    }
    return out;
}

struct scales {
    double nines = 1;         ///< of the percentile axis
    double least_decade = 0;  ///< of the latency axis, powers of ten of a nanosecond
    double most_decade = 1;

    double x(double share) const {
        const double reached = share >= 1 ? nines : std::min(nines, -std::log10(1 - share));
        return left + (width - left - right) * reached / nines;
    }
    double y(double ns) const {
        const double decade = std::log10(std::max(1.0, ns));
        const double part = (decade - least_decade) / (most_decade - least_decade);
        return height - bottom - (height - top - bottom) * std::clamp(part, 0.0, 1.0);
    }
};

scales scales_of(std::span<const plot_line> lines) {
    scales made;
    double least = 1e12;
    double most = 10;
    for (const plot_line& each : lines) {
        if (each.values->is_empty()) {
            continue;
        }
        made.nines = std::max(made.nines, std::log10(static_cast<double>(each.values->count())));
        least = std::min(least, static_cast<double>(each.values->min()));
        most = std::max(most, static_cast<double>(each.values->max()));
    }
    made.nines = std::ceil(made.nines);
    made.most_decade = std::ceil(std::log10(most));
    made.least_decade =
        std::min(made.most_decade - 1, std::floor(std::log10(std::clamp(least, 1.0, most))));
    return made;
}

void draw_axes(std::string& svg, const scales& in) {
    constexpr const char* grid = "stroke='#dddddd'";
    for (double decade = in.least_decade; decade <= in.most_decade; ++decade) {
        const double at = in.y(std::pow(10, decade));
        print(svg, "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' %s/>\n", left, at, width - right,
              at, grid);
        print(svg, "<text x='%.1f' y='%.1f' text-anchor='end'>%s</text>\n", left - 8, at + 4,
              span_text(std::pow(10, decade)).c_str());
    }
    for (int nine = 0; nine <= static_cast<int>(in.nines); ++nine) {
        const double at = in.x(1 - std::pow(10, -nine));
        print(svg, "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' %s/>\n", at, top, at,
              height - bottom, grid);
        print(svg, "<text x='%.1f' y='%.1f' text-anchor='middle'>%.*f</text>\n", at,
              height - bottom + 20, std::max(0, nine - 2), 100 * (1 - std::pow(10, -nine)));
    }
    print(svg, "<text x='%.1f' y='%.1f' text-anchor='middle'>percentile</text>\n",
          (left + width - right) / 2, height - 15);
}

void draw_line(std::string& svg, const scales& in, const histogram& values, const char* colour) {
    print(svg, "<polyline fill='none' stroke-width='1.6' stroke='%s' points='", colour);
    for (const double share : plot_shares(values.count())) {
        print(svg, "%.1f,%.1f ", in.x(share), in.y(static_cast<double>(values.at(share))));
    }
    svg += "'/>\n";
}

}  // namespace

std::vector<double> plot_shares(std::uint64_t count) {
    constexpr int steps = 10;
    std::vector<double> shares;
    for (int i = 0;; ++i) {
        const double left_over = std::pow(10, -static_cast<double>(i) / steps);
        if (left_over * static_cast<double>(count) <= 1) {
            break;
        }
        shares.push_back(1 - left_over);
    }
    if (count > 0) {
        shares.push_back(1);
    }
    return shares;
}

std::string plot_svg(std::string_view title, std::span<const plot_line> lines) {
    const std::span<const plot_line> shown = lines.first(std::min(lines.size(), plot_lines_max));
    const scales in = scales_of(shown);
    std::string svg;
    print(
        svg,
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %.0f %.0f' font-family='sans-serif' "
        "font-size='12'>\n<rect width='100%%' height='100%%' fill='white'/>\n",
        width, height);
    print(svg, "<text x='%.1f' y='25' font-size='15'>", left);
    svg += escaped(title) + "</text>\n";
    draw_axes(svg, in);
    for (std::size_t i = 0; i < shown.size(); ++i) {
        draw_line(svg, in, *shown[i].values, colours[i]);
        const double at = top + legend_step * static_cast<double>(i + 1);
        print(svg, "<text x='%.1f' y='%.1f' fill='%s'>", left + 12, at, colours[i]);
        svg += escaped(shown[i].name) + "</text>\n";
    }
    if (shown.size() < lines.size()) {
        print(svg, "<text x='%.1f' y='%.1f'>and %zu more groups</text>\n", left + 12,
              top + legend_step * static_cast<double>(shown.size() + 1),
              lines.size() - shown.size());
    }
    return svg + "</svg>\n";
}

}  // namespace drama::cli
