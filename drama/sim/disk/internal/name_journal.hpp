// SPDX-License-Identifier: Apache-2.0
// Changes of names that are not durable yet, in order: a new name, one that is gone, or both at
// once, which is a rename.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "drama/base/prng.hpp"
#include "drama/sim/disk/disk_options.hpp"
#include "drama/sim/disk/internal/file_node.hpp"

namespace drama::inline v0::internal {

/// In a directory, a name stands for something else from now on; for nothing if `now` is null.
struct name_change {
    std::shared_ptr<file_node> in;
    std::string name;
    std::shared_ptr<file_node> now;
};

/// Of one disk. Threads: one at a time.
class name_journal {
  public:
    /// Steps not durable; beyond, the oldest is written back.
    static constexpr std::size_t steps_max = 4096;

    /// Makes changes that processes see at once. On the medium they happen together or not at all.
    void change(std::vector<name_change> together);

    /// The number of the last step: what a sync of a directory that begins now promises.
    std::uint64_t steps() const noexcept { return count_; }
    /// Makes the names in `directory` durable, as of step `last`.
    void sync(const file_node& directory, std::uint64_t last);
    /// The power fails. The durable names keep what `law` and `random` leave of the steps; a step
    /// that needs a lost one is lost too.
    void crash(crash_law law, prng& random);

  private:
    struct step {
        std::uint64_t number = 0;
        std::vector<name_change> changes;
        std::shared_ptr<file_node> removed;  ///< what a name stood for
    };

    static void apply(const step& made);
    static bool needs(const step& later, const step& earlier) noexcept;

    std::deque<step> steps_;
    std::uint64_t count_ = 0;
};

}  // namespace drama::inline v0::internal
