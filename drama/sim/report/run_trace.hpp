// SPDX-License-Identifier: Apache-2.0
// What happened in one run, event by event, with the task that did it: what a report and a timeline
// are made from. Kept only for runs that are looked at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <source_location>
#include <string>

#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"
#include "drama/runtime/world/world.hpp"
#include "drama/sim/internal/event_log.hpp"

namespace drama::inline v0 {

class runnable;

struct trace_record {
    std::uint64_t step = 0;
    std::int64_t at_ns = 0;
    sim_event what{};
    std::uint64_t value = 0;
    std::uint64_t thread = 0;  ///< 0: the world itself, or the owner
    thread_role role{};
    std::uint64_t task = 0;  ///< its id; 0: no task did it
    std::string name = {};   ///< of the task: as `named` says, else where it was spawned
    std::string tenant = {};
};

/// Threads: one at a time.
class DRAMA_API run_trace {
  public:
    /// Older records are dropped and counted.
    static constexpr std::size_t records_max = 100'000;

    /// `by`: the task that runs, or null; what it is called is copied.
    void add(trace_record record, const runnable* by);
    const std::deque<trace_record>& records() const noexcept { return records_; }
    std::uint64_t dropped() const noexcept { return dropped_; }

  private:
    std::deque<trace_record> records_;
    std::uint64_t dropped_ = 0;
};

/// "file.cpp:12".
DRAMA_API std::string place_text(const std::source_location& where);
/// "submit", "wake", ...: what a user would call it.
DRAMA_API const char* event_text(sim_event what) noexcept;
DRAMA_API const char* role_text(thread_role role) noexcept;

/// "step  at  worker 2 | task 14 'flush' tenant=acme | submit", a line for each of the last
/// `count` records up to `last_step`: what comes later is the end of the world.
DRAMA_API std::string last_lines(const run_trace& of, std::size_t count, std::uint64_t last_step);

/// A page that shows the run: a lane for each thread and for each tenant. It needs nothing else.
DRAMA_API std::string timeline_html(const run_trace& of, const std::string& title);

}  // namespace drama::inline v0
