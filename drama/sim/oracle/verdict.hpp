// SPDX-License-Identifier: Apache-2.0
// What is wrong with a simulated run, as data: a report prints it, a search compares it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"
#include "drama/coro/wait_record.hpp"

namespace drama::inline v0 {

/// One word for what is wrong. The first six are about tasks that are left when nothing will ever
/// happen again, the most telling first.
enum class verdict_kind : std::uint8_t {
    none,            ///< nothing is wrong
    cycle,           ///< tasks wait for each other
    starved_pool,    ///< all that a pool has is held by those who wait for more of it
    dormant_holder,  ///< what a task waits for is held by nobody who will run again
    orphan,          ///< nobody is left who could end the wait
    stranded,        ///< a task is suspended, and waits for nothing that is known
    external,        ///< a task waits for a peer outside
    livelock,        ///< things happen, and nothing comes of it
    late,            ///< the time that the run was given has passed
    leak,            ///< something was not given back
    starved,         ///< a task could run, and was left waiting for longer than its bound
    invariant,       ///< what must always hold did not
};
inline constexpr std::size_t verdict_kinds = 12;

DRAMA_API std::string_view name_of(verdict_kind kind) noexcept;

/// One task of a verdict, as it was then.
struct DRAMA_API waiting_task {
    std::uint64_t number = 0;  ///< the how manyeth task of the world it is
    std::string name;          ///< given by `named`, or empty
    std::string tenant;
    std::string spawned_at;  ///< file:line
    wait_kind waits_for = wait_kind::turn;
    std::string object;        ///< "lock 3", "permit of pool 2"; empty if it has no name
    std::string waits_at;      ///< file:line of the await; empty if that is not known
    duration waited{};         ///< so far
    std::string held_by;       ///< who keeps it waiting, in words; empty if nobody is known
    std::uint64_t holder = 0;  ///< the number of that task, or 0

    /// One line, not ended.
    std::string text() const;
};

/// Threads: a value.
struct DRAMA_API verdict {
    verdict_kind kind = verdict_kind::none;
    std::string summary;  ///< one line: "cycle of 2: ..."
    /// Those whom it is about: a cycle in its order, each waiting for the next.
    std::vector<waiting_task> tasks;
    std::size_t others = 0;  ///< further tasks that wait

    explicit operator bool() const noexcept { return kind != verdict_kind::none; }
    /// Kind and await locations: equal for the same fault, whichever seed shows it.
    std::string key() const;
    /// Several lines, each ended: the summary and a line for each task.
    std::string text() const;
};

}  // namespace drama::inline v0
