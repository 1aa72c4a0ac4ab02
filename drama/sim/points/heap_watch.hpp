// SPDX-License-Identifier: Apache-2.0
// What simulated code takes from the heap in a run, so that what it never gives back is told. The
// operators of freed_memory.cpp say what is taken and given.
//
// What the program can still reach from its static data is no leak: caches that grow. Nor is what
// the body of a test takes and leaves to the end of the program, unless simulated code gave such
// a block back before: then that is its task.
#pragma once

#include <array>
#include <cstddef>
#include <source_location>
#include <vector>

#include "drama/base/export.hpp"

struct dl_phdr_info;

namespace drama::inline v0::internal {

/// A block that was not given back.
struct heap_block {
    static constexpr std::size_t callers_max = 12;

    const void* address = nullptr;
    std::size_t bytes = 0;
    const void* caller = nullptr;  ///< of operator new
    bool is_of_setup = false;      ///< the test's body took it, no simulated thread
    bool has_task = false;         ///< a task took it, spawned there:
    std::source_location spawned_at = {};
    std::array<const void*, callers_max> callers{};  ///< innermost first, if they were wanted
};

/// While it stands, what simulated threads take is noted. One stands at a time: others note
/// nothing. Threads: the owner of the simulation, and its simulated threads.
class DRAMA_API heap_watch {
  public:
    /// `with_callers`: also from where, which is slow.
    explicit heap_watch(bool with_callers);
    ~heap_watch();
    heap_watch(const heap_watch&) = delete;
    heap_watch& operator=(const heap_watch&) = delete;

    /// From now on, or no longer, also what the calling thread takes: the body of a test.
    static void note_setup(bool is_on) noexcept;
    /// What simulated threads took, did not give back, and nobody can reach. Complexity:
    /// O(blocks + static data).
    std::vector<heap_block> lost() const;

  private:
    const bool is_ours_;
};

/// While it stands, what the thread-local data of the calling thread reaches is not lost: caches of
/// a thread that outlives the run. Threads: the one that made it.
class DRAMA_API reachable_thread_data {
  public:
    reachable_thread_data();
    ~reachable_thread_data();
    reachable_thread_data(const reachable_thread_data&) = delete;
    reachable_thread_data& operator=(const reachable_thread_data&) = delete;

  private:
    struct piece {
        const void* begin;
        std::size_t bytes;
    };
    friend class heap_watch;
    static int add_piece(dl_phdr_info* object, std::size_t, void* self);

    std::vector<piece> pieces_;  // one for each library that has such data
    reachable_thread_data* next_ = nullptr;
    static reachable_thread_data* first_;
};

/// Said by the heap's operators, which `caller` called. Threads: any.
void note_heap_block(void* taken, std::size_t bytes, const void* caller) noexcept;
void note_heap_block_given(const void* given) noexcept;

/// Makes the operators that say so part of this program; defined beside them. False: a sanitizer
/// has its own.
DRAMA_API bool use_watched_heap() noexcept;

}  // namespace drama::inline v0::internal
