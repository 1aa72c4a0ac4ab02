// SPDX-License-Identifier: Apache-2.0
// The memory of a checked program: what C++ lets each thread see of it.
//
// Each atomic object keeps all values that were stored, in the order in which they were. A thread
// has a view: for each object the oldest value that it may still read. A release store carries the
// view of its thread, who acquires it joins it to its own; so a load may see an old value as long
// as nothing that the thread has seen says otherwise. Views hold vector clocks besides, by which
// unsynchronized access to plain data is found. Not modelled: a store that takes its place in the
// order before one that was executed earlier, and a load that sees a store of the future.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <vector>

namespace drama::inline v0::internal {

inline constexpr std::size_t checked_threads_max = 8;
inline constexpr std::size_t checked_atomics_max = 120;  // alive at a time, in one run

/// A moment of one thread. Zero: before all.
struct epoch {
    std::uint8_t thread = 0;
    std::int16_t tick = 0;
};

/// What is known to have happened: per thread, and per atomic object.
struct view {
    std::array<std::int16_t, checked_threads_max> clock{};
    std::array<std::int16_t, checked_atomics_max> seen{};

    bool has(epoch at) const noexcept { return clock[at.thread] >= at.tick; }
    void join(const view& other) noexcept {
        for (std::size_t i = 0; i < clock.size(); ++i) {
            clock[i] = clock[i] < other.clock[i] ? other.clock[i] : clock[i];
        }
        join_seen(other);
    }
    void join_seen(const view& other) noexcept {
        for (std::size_t i = 0; i < seen.size(); ++i) {
            seen[i] = seen[i] < other.seen[i] ? other.seen[i] : seen[i];
        }
    }
};

/// Threads: one. Complexity: O(threads and atomics) an access that synchronizes, else O(1).
class memory {
  public:
    struct object {
        std::vector<std::uint32_t> stores;  // of messages_, in modification order
        std::int16_t first = 0;             // the one with which its present owner began
        bool is_alive = false;
        std::uint32_t generation = 0;
        std::array<std::int16_t, checked_threads_max> last_access{};
        std::source_location made;
    };

    /// Forgets everything but its buffers.
    void clear() noexcept;

    /// Returns the object's index, or -1: there are too many.
    int add(std::uint8_t thread, std::uint64_t value, const std::source_location& made);
    /// The thread that may use it still without having been waited for, or -1. The object is gone.
    int remove(std::uint8_t thread, int of) noexcept;
    const object& at(int of) const noexcept { return objects_[static_cast<std::size_t>(of)]; }

    /// What a load may yield: the newest value, and others that are older.
    struct choices {
        std::size_t count = 1;
        std::size_t passed_over = 0;
        std::size_t age_of(std::size_t choice) const noexcept {
            return choice == 0 ? 0 : choice + passed_over;
        }
    };
    /// `only_new`: without what another order of the same steps yields too.
    choices readable(std::uint8_t thread, int of, bool is_sequential, bool only_new) const noexcept;
    /// Takes the newest value (0), the one before (1), ...
    std::uint64_t load(std::uint8_t thread, int of, std::memory_order order,
                       std::size_t age) noexcept;
    std::uint64_t peek(int of, std::size_t age) const noexcept;
    /// `follows`: the store of a read-modify-write, which carries on what it has read.
    void store(std::uint8_t thread, int of, std::uint64_t value, std::memory_order order,
               bool follows);
    void fence(std::uint8_t thread, std::memory_order order) noexcept;
    /// The thread sees the newest of everything, as it does in the end.
    void catch_up(std::uint8_t thread) noexcept;

    /// `child` begins with what `parent` has seen; `parent` sees what `child` did.
    void fork(std::uint8_t parent, std::uint8_t child) noexcept;
    void join(std::uint8_t parent, std::uint8_t child) noexcept;

    /// Ends a step of the thread: what it does from now on was not in what it released.
    void tick(std::uint8_t thread) noexcept;
    epoch now(std::uint8_t thread) const noexcept {
        return {thread, threads_[thread].current.clock[thread]};
    }
    bool knows(std::uint8_t thread, epoch what) const noexcept {
        return threads_[thread].current.has(what);
    }

  private:
    struct message {
        std::uint64_t value;
        std::uint32_t step;    // of all threads' steps, when it was stored
        bool carries = false;  // a view
        view released;
    };
    struct thread_state {
        view current;
        view acquirable;  // read by relaxed loads: an acquire fence joins it
        view released;    // as of the last release fence
        bool has_acquirable = false;
        bool has_released = false;
        std::uint32_t last_step = 0;
    };

    std::int16_t floor_of(std::uint8_t thread, int of, bool is_sequential) const noexcept;
    message& new_message();

    std::vector<object> objects_;
    std::vector<message> messages_;
    std::size_t messages_used_ = 0;
    std::size_t objects_used_ = 0;
    std::vector<int> free_;
    std::array<thread_state, checked_threads_max> threads_;
    view sequential_;  // what sequentially consistent accesses and fences agree on
    std::uint32_t steps_ = 0;
};

}  // namespace drama::inline v0::internal
