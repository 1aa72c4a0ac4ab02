// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/explore/search_step.hpp"

#include <charconv>

#include "drama/sim/explore/bounded_search.hpp"
#include "drama/sim/explore/sampling.hpp"

namespace drama::inline v0 {
namespace {

constexpr std::string_view stop_loop = "stop";
constexpr std::string_view swarm_mark = "+swarm";

// The next word of `text` up to a dot; takes it and the dot away.
std::string_view next_word(std::string_view& text) {
    const std::size_t end = text.find('.');
    const std::string_view word = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    return word;
}

template <class Number>
bool read(std::string_view word, Number& into) {
    const auto [stopped, error] = std::from_chars(word.data(), word.data() + word.size(), into);
    return error == std::errc() && stopped == word.data() + word.size();
}

bool read_preemptions(std::string_view text, std::vector<preemption>& into) {
    while (!text.empty()) {
        const std::string_view word = next_word(text);
        const std::size_t dash = word.find('-');
        preemption each;
        if (dash == std::string_view::npos || !read(word.substr(0, dash), each.decision) ||
            !read(word.substr(dash + 1), each.choice)) {
            return false;
        }
        into.push_back(each);
    }
    return true;
}

bool read_loop(std::string_view text, search_step& into) {
    const std::string_view name = next_word(text);
    if (!read(next_word(text), into.k) || into.k == 0) {
        return false;
    }
    if (name == stop_loop) {
        into.loop = loop_kind::stop;
        return read(text, into.task);
    }
    const auto kind = parse_fault_kind(name);
    into.fault = kind.value_or(fault_kind::user);
    into.from_then_on = text == "on";
    return kind && (text == "on" || text == "once");
}

}  // namespace

std::string search_step::to_text() const {
    const std::string mark(swarm ? swarm_mark : "");
    switch (kind) {
        case search_kind::walk:
            return "walk" + mark;
        case search_kind::pos:
            return "pos" + mark;
        case search_kind::pct:
            return "pct" + std::to_string(depth) + mark;
        case search_kind::lockstep:
            return "lockstep" + mark;
        case search_kind::starve:
            return "starve" + mark;
        case search_kind::bounded: {
            std::string text = "bounded";
            for (const preemption& each : preemptions) {
                text += '.' + std::to_string(each.decision) + '-' + std::to_string(each.choice);
            }
            return text;
        }
        case search_kind::loop:
            break;
    }
    return loop == loop_kind::stop ? "loop.stop." + std::to_string(k) + '.' + std::to_string(task)
                                   : "loop." + std::string(name_of(fault)) + '.' +
                                         std::to_string(k) + (from_then_on ? ".on" : ".once");
}

std::optional<search_step> search_step::parse(std::string_view text) {
    search_step found;
    if (text.ends_with(swarm_mark)) {
        found.swarm = true;
        text.remove_suffix(swarm_mark.size());
    }
    const std::string_view word = next_word(text);
    bool is_good = text.empty();
    if (word == "walk") {
        found.kind = search_kind::walk;
    } else if (word == "pos") {
        found.kind = search_kind::pos;
    } else if (word == "lockstep") {
        found.kind = search_kind::lockstep;
    } else if (word == "starve") {
        found.kind = search_kind::starve;
    } else if (word.starts_with("pct")) {
        found.kind = search_kind::pct;
        is_good = is_good && read(word.substr(3), found.depth) && found.depth != 0;
    } else if (word == "bounded") {
        found.kind = search_kind::bounded;
        is_good = !found.swarm && read_preemptions(text, found.preemptions);
    } else if (word == "loop") {
        found.kind = search_kind::loop;
        is_good = !found.swarm && read_loop(text, found);
    } else {
        is_good = false;
    }
    return is_good ? std::optional(std::move(found)) : std::nullopt;
}

search_step search_step::sample(std::uint64_t seed) noexcept {
    std::uint64_t state = seed ^ 0x7361'6d70'6c65ULL;
    const std::uint64_t drawn = splitmix64(state) % 100;
    search_step step;
    step.swarm = true;
    if (drawn < 35) {
        step.kind = search_kind::walk;
    } else if (drawn < 40) {
        step.kind = search_kind::lockstep;
    } else if (drawn < 65) {
        step.kind = search_kind::pos;
    } else if (drawn < 90) {
        step.kind = search_kind::pct;
        step.depth = drawn < 78 ? 2 : 3;
    } else {
        step.kind = search_kind::starve;
    }
    return step;
}

std::unique_ptr<schedule_strategy> make_strategy(const search_step& step, std::uint64_t seed) {
    switch (step.kind) {
        case search_kind::pos:
            return std::make_unique<partial_order_sampling>(seed);
        case search_kind::pct:
            return std::make_unique<priority_changes>(seed, step.depth);
        case search_kind::lockstep:
            return std::make_unique<lockstep>(seed);
        case search_kind::starve:
            return std::make_unique<starvation_bursts>(seed);
        case search_kind::bounded:
            return std::make_unique<bounded_schedule>(step.preemptions);
        case search_kind::walk:
        case search_kind::loop:
            break;
    }
    return std::make_unique<random_walk>(seed);
}

}  // namespace drama::inline v0
