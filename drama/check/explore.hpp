// SPDX-License-Identifier: Apache-2.0
// Runs a small program of a few threads under every schedule, and with every value that the C++
// memory model lets a load see, up to a bound on preemptions. For lock-free code that is a template
// over an `Atomics` parameter: instantiate it with check::atomics.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <limits>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "drama/check/atomics.hpp"

namespace drama::inline v0::check {

/// No bound: every order of steps, one of each set of orders that cannot differ.
inline constexpr unsigned unbounded = std::numeric_limits<unsigned>::max();

struct progress {
    unsigned preemptions;  ///< the bound that is searched now
    std::uint64_t schedules;
};

struct explore_options {
    /// Searched with 0, 1, ... of them, so that what is found has few. `unbounded`: all at once.
    /// A preemption is a switch away from a thread that could have gone on.
    unsigned preemptions = 3;
    std::uint64_t schedules_max = 20'000'000;  ///< of all bounds together
    std::uint32_t steps_max = 5'000;           ///< of one run, at most 30'000; more is a failure
    std::string replay{};                      ///< verdict::token of a failure: only that run
    /// Called now and then; false ends the search.
    std::function<bool(const progress&)> on_progress{};
    std::uint64_t progress_every = 100'000;  ///< schedules
};

/// What a search found.
struct [[nodiscard]] verdict {
    std::string failure;             ///< empty: none
    std::vector<std::string> trace;  ///< of the failing run: a line for each step
    std::string token;               ///< runs it again, see explore_options::replay
    std::uint64_t schedules = 0;     ///< runs
    std::uint64_t redundant = 0;     ///< of these, found to equal another on the way
    std::uint64_t steps = 0;         ///< of all runs
    unsigned preemptions = 0;        ///< of the failing run, or the last bound
    bool is_complete = false;        ///< there are no other schedules, whatever the bound
    bool is_cut_short = false;       ///< by schedules_max or on_progress

    bool failed() const noexcept { return !failure.empty(); }
    /// Nothing failed, within the bound or at all.
    bool passed() const noexcept { return !failed() && !is_cut_short; }
};
std::ostream& operator<<(std::ostream& out, const verdict& of);

/// One order that a search tried in a weaker form.
struct order_need {
    std::string place;
    std::string order;
    bool is_needed;       ///< a search failed without it
    std::string failure;  ///< how
};

/// Gives a thread the name that a trace calls it by.
template <class F>
struct named {
    std::string_view name;
    F call;
};
template <class F>
named(std::string_view, F) -> named<F>;

/// What the body of a search is given: the present run. Threads: only those of the program.
class run {
  public:
    /// Runs each of `bodies` on a thread of its own, until all have ended. What came before them
    /// happens before each, and each before what comes after. At most 7, once at a time.
    template <class... Bodies>
    void threads(Bodies&&... bodies) {
        const internal::checked_thread all[] = {internal_body(bodies)...};
        internal::execution::active()->run_threads(all, sizeof...(bodies));
    }
    /// Ends the search as failed unless `holds`.
    void require(bool holds, std::string_view what,
                 const std::source_location& where = std::source_location::current()) {
        if (!holds) {
            internal::execution::active()->fail(std::string(what), where);
        }
    }

  private:
    template <class F>
    static internal::checked_thread internal_body(F& body) {
        return {"", [](void* of) { (*static_cast<F*>(of))(); },
                const_cast<void*>(static_cast<const void*>(&body))};
    }
    template <class F>
    static internal::checked_thread internal_body(named<F>& body) {
        return {body.name, [](void* of) { static_cast<named<F>*>(of)->call(); }, &body};
    }
};

namespace internal_search {
verdict explore(const explore_options& options, void (*body)(void*, run&), void* of);
std::vector<order_need> audit(const explore_options& options, void (*body)(void*, run&), void* of);
}  // namespace internal_search

/// Calls `body(run&)` once for each schedule. It makes the objects, starts the threads, and looks
/// at the outcome; it must do the same each time but for what the threads do.
///
/// A run fails by run::require, a data race on plain<T>, an object used after its destruction,
/// threads that all wait, an exception that leaves a thread. After the first failure the search
/// ends; what the failing run holds on its stacks is not destroyed.
/// Determinism: the same program gives the same verdict. Complexity: exponential in steps.
template <class Body>
verdict explore(const explore_options& options, Body body) {
    return internal_search::explore(
        options, [](void* of, run& now) { (*static_cast<Body*>(of))(now); }, &body);
}
template <class Body>
verdict explore(Body body) {
    return explore(explore_options{}, std::move(body));
}

/// Searches again and again, each time with one memory order of the program made weaker: a
/// sequentially consistent one becomes acquire and release, another relaxed. An order whose lack no
/// search notices is either not needed or not tested.
template <class Body>
std::vector<order_need> audit(const explore_options& options, Body body) {
    return internal_search::audit(
        options, [](void* of, run& now) { (*static_cast<Body*>(of))(now); }, &body);
}

}  // namespace drama::inline v0::check
