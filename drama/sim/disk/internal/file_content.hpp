// SPDX-License-Identifier: Apache-2.0
// The bytes of one simulated file twice: as processes see them, which is the page cache, and as the
// medium holds them; between the two, in order, what was written and not synced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "drama/base/prng.hpp"
#include "drama/sim/disk/disk_options.hpp"

namespace drama::inline v0::internal {

/// Threads: one at a time.
class file_content {
  public:
    /// What the medium writes as one: a sector is there or not, a write may be torn between two.
    static constexpr std::size_t sector = 512;
    /// Changes not synced; beyond, the oldest is written back.
    static constexpr std::size_t unsynced_max = 4096;

    const std::vector<std::byte>& seen() const noexcept { return seen_; }
    const std::vector<std::byte>& durable() const noexcept { return durable_; }
    /// What was there before the last write: the medium's, or what that had before its last sync.
    const std::vector<std::byte>& stale() const noexcept {
        return unsynced_.empty() ? stale_ : durable_;
    }
    std::size_t size() const noexcept { return seen_.size(); }

    void write(std::size_t at, std::span<const std::byte> from);
    void resize(std::size_t size);

    bool is_synced() const noexcept { return unsynced_.empty(); }
    /// The number of the last change: what a sync that begins now promises.
    std::uint64_t changes() const noexcept { return changes_; }
    /// Makes changes up to number `last` durable. `keeps_stale`: remembers what was there before.
    void sync(std::uint64_t last, bool keeps_stale = false);
    /// A write-back fails, and its pages are taken for clean: processes still see all of it, the
    /// medium has none or a part, and no later sync will write it.
    void lose_unsynced(prng& random);
    /// The power fails: the medium keeps what `law` and `random` leave, and processes see that.
    void crash(crash_law law, prng& random);

  private:
    struct change {
        std::uint64_t number = 0;
        bool is_resize = false;
        std::size_t size_before = 0;
        std::size_t size_after = 0;
        std::size_t at = 0;            ///< of a sector
        std::vector<std::byte> bytes;  ///< whole sectors, but at the end of the file

        bool changes_size() const noexcept { return size_before != size_after; }
        std::size_t sectors() const noexcept { return (bytes.size() + sector - 1) / sector; }
    };

    void add(change made);
    static void apply(std::vector<std::byte>& to, const change& what);
    template <class Keeps>
    void replay(std::vector<std::byte>& onto, std::size_t size_changes, Keeps keeps) const;
    std::size_t size_changes() const noexcept;
    std::size_t sectors_unsynced() const noexcept;

    std::vector<std::byte> seen_;
    std::vector<std::byte> durable_;
    std::vector<std::byte> stale_;
    std::deque<change> unsynced_;
    std::uint64_t changes_ = 0;
};

}  // namespace drama::inline v0::internal
