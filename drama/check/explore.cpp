// SPDX-License-Identifier: Apache-2.0
#include "drama/check/explore.hpp"

#include <algorithm>
#include <charconv>
#include <memory>
#include <ostream>
#include <tuple>

namespace drama::inline v0::check {
namespace {

using internal::execution;
using internal::order_site;
using internal::run_limits;
using internal::search;

struct program {
    void (*body)(void*, run&);
    void* of;
};

void call(void* of) {
    const auto& called = *static_cast<const program*>(of);
    run now;
    called.body(called.of, now);
}

// Numbers of steps and of values are kept in 16 bits.
constexpr std::uint32_t steps_most = 30'000;

// Decisions as text: "b.1.1.2.0"; the letter says how values are counted.
constexpr char bounded_mark = 'b';
constexpr char exhaustive_mark = 'u';

std::string token_of(const std::vector<std::uint16_t>& decisions, bool is_exhaustive) {
    std::string text(1, is_exhaustive ? exhaustive_mark : bounded_mark);
    for (const std::uint16_t each : decisions) {
        text += "." + std::to_string(each);
    }
    return text;
}

// False: it is no token.
bool parse(std::string_view token, std::vector<std::uint16_t>& decisions, bool& is_exhaustive) {
    is_exhaustive = token.starts_with(exhaustive_mark);
    if (!is_exhaustive && !token.starts_with(bounded_mark)) {
        return false;
    }
    token.remove_prefix(1);
    while (!token.empty()) {
        std::uint16_t value = 0;
        const char* const end = token.data() + token.size();
        const auto [stopped, error] = std::from_chars(token.data() + 1, end, value);
        if (token.front() != '.' || error != std::errc{}) {
            return false;
        }
        token.remove_prefix(static_cast<std::size_t>(stopped - token.data()));
        decisions.push_back(value);
    }
    return true;
}

class searcher {
  public:
    searcher(const explore_options& options, program of) : options_(options), program_(of) {}

    std::vector<order_site>* sites = nullptr;
    const order_site* weakened = nullptr;

    verdict replay(const std::vector<std::uint16_t>& decisions, bool is_exhaustive) {
        run_limits limits = limits_for(unbounded);
        limits.is_exhaustive = is_exhaustive;
        limits.replay = &decisions;
        limits.records = true;
        run_once(limits);
        found_.trace = execution_.trace();
        return found_;
    }

    verdict all() {
        const bool is_bounded = options_.preemptions != unbounded;
        for (unsigned bound = is_bounded ? 0 : unbounded;; ++bound) {
            if (!with_bound(bound)) {
                return found_;
            }
            found_.is_complete = !choices_.is_cut();
            if (found_.is_complete || bound == options_.preemptions) {
                found_.preemptions = bound;
                return found_;
            }
        }
    }

  private:
    run_limits limits_for(unsigned bound) const {
        run_limits limits;
        limits.preemptions_max = bound;
        limits.steps_max = std::min(options_.steps_max, steps_most);
        limits.is_exhaustive = bound == unbounded;
        limits.sites = sites;
        limits.weakened = weakened;
        return limits;
    }

    bool run_once(const run_limits& limits) {
        const bool passed = execution_.run(limits, &call, &program_);
        ++found_.schedules;
        found_.steps += execution_.steps();
        found_.redundant += execution_.was_redundant() ? 1 : 0;
        if (!passed) {
            found_.failure = execution_.failure();
            found_.preemptions = execution_.preemptions();
            found_.token = token_of(execution_.decisions(), limits.is_exhaustive);
        }
        return passed;
    }

    // False: the search has ended.
    bool with_bound(unsigned bound) {
        const run_limits limits = limits_for(bound);
        choices_.begin();
        do {
            if (!run_once(limits)) {
                note_trace(limits);
                return false;
            }
            if (found_.schedules >= options_.schedules_max || wants_end(bound)) {
                found_.is_cut_short = true;
                found_.preemptions = bound;
                return false;
            }
        } while (choices_.advance());
        return true;
    }

    bool wants_end(unsigned bound) const {
        return options_.on_progress && found_.schedules % options_.progress_every == 0 &&
               !options_.on_progress({bound, found_.schedules});
    }

    // Runs the failing schedule once more, to write down what it does.
    void note_trace(run_limits limits) {
        const std::vector<std::uint16_t> decisions = execution_.decisions();
        limits.replay = &decisions;
        limits.records = true;
        execution_.run(limits, &call, &program_);
        found_.trace = execution_.trace();
        if (execution_.failure() != found_.failure) {
            found_.trace.push_back("run again, it failed otherwise: " + execution_.failure());
        }
    }

    const explore_options& options_;
    program program_;
    search choices_;
    execution execution_{choices_};
    verdict found_;
};

}  // namespace

namespace internal_search {

verdict explore(const explore_options& options, void (*body)(void*, run&), void* of) {
    const auto searched = std::make_unique<searcher>(options, program{body, of});
    if (options.replay.empty()) {
        return searched->all();
    }
    std::vector<std::uint16_t> decisions;
    bool is_exhaustive = false;
    if (!parse(options.replay, decisions, is_exhaustive)) {
        verdict wrong;
        wrong.failure = "no schedule: " + options.replay;
        return wrong;
    }
    return searched->replay(decisions, is_exhaustive);
}

std::vector<order_need> audit(const explore_options& options, void (*body)(void*, run&), void* of) {
    std::vector<order_site> sites;
    auto first = std::make_unique<searcher>(options, program{body, of});
    first->sites = &sites;
    static_cast<void>(first->all());
    std::ranges::sort(sites, {}, [](const order_site& each) {
        return std::tuple(std::string_view(each.where.file_name()), each.where.line(),
                          each.where.column(), each.is_failure);
    });
    std::vector<order_need> needs;
    for (const order_site& each : sites) {
        auto searched = std::make_unique<searcher>(options, program{body, of});
        searched->weakened = &each;
        const verdict found = searched->all();
        needs.push_back({internal::place_of(each.where), internal::name_of(each.order),
                         found.failed(), found.failure});
    }
    return needs;
}

}  // namespace internal_search

std::ostream& operator<<(std::ostream& out, const verdict& of) {
    if (of.failed()) {
        out << "FAILED: " << of.failure << "\n  after " << of.schedules << " schedules, with "
            << of.preemptions << " preemptions; it runs again with .replay = \"" << of.token
            << "\"\n";
        for (const std::string& line : of.trace) {
            out << line << '\n';
        }
        return out;
    }
    out << (of.is_cut_short ? "cut short" : "passed") << ": " << of.schedules << " schedules, ";
    if (of.is_complete) {
        return out << "complete";
    }
    return out << "at most " << of.preemptions << " preemptions";
}

}  // namespace drama::inline v0::check
