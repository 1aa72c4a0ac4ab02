// SPDX-License-Identifier: Apache-2.0
// The tree of all runs of a checked program, walked in depth: where a run has a choice, which one
// it takes now, and which are left. A run is repeated from the start up to the choice that changes.
//
// Sleep sets (Godefroid 1996): what was searched with thread t going first need not be searched
// again with t going later, until another thread does something that t's step depends on. Under a
// bound on preemptions that holds only for what the bound did not cut off.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace drama::inline v0::internal {

using thread_mask = std::uint16_t;

constexpr thread_mask mask_of(std::size_t thread) noexcept {
    return static_cast<thread_mask>(1U << thread);
}

/// One bound's search. Threads: one.
class search {
  public:
    void begin() noexcept {
        path_.clear();
        depth_ = 0;
        is_cut_ = false;
    }
    /// A run starts over.
    void rewind() noexcept { depth_ = 0; }

    /// Which of `awake` goes on; `preferred` first, if it is one of them. `slept` gains those whose
    /// turn here has been searched. Requires: more than one.
    std::size_t choose_thread(thread_mask awake, std::size_t preferred, thread_mask& slept);
    /// One of `count` values; 0 first.
    std::size_t choose_value(std::size_t count);
    /// A choice is left out because of the bound.
    void cut() noexcept {
        if (depth_ == 0) {
            is_cut_ = true;
        } else {
            path_[depth_ - 1].is_cut = true;
        }
    }
    bool is_cut() const noexcept { return is_cut_; }

    /// Goes to the next run; false: there is none.
    bool advance() noexcept;

  private:
    struct node {
        thread_mask left = 0;      // threads not tried yet
        thread_mask searched = 0;  // tried, and nothing of it was cut off
        std::uint16_t taken = 0;
        std::uint16_t count = 0;  // values; 0: a choice of threads
        bool is_cut = false;      // below what is taken now
        bool was_cut = false;     // below something that was taken before
    };

    std::vector<node> path_;
    std::size_t depth_ = 0;
    bool is_cut_ = false;
};

}  // namespace drama::inline v0::internal
