// SPDX-License-Identifier: Apache-2.0
// Which open file holds how many bytes that were written and not synced, and on whose account: what
// a sync costs, and what bounds a tenant.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "drama/tenant/tenant_record.hpp"

namespace drama::inline v0 {

/// A file's bytes are on the account of the tenant that wrote to it last. Those of a file that was
/// closed without a sync stay there until they have aged; so do those of a file that was removed,
/// although the kernel never writes them.
///
/// Memory:  at most one entry for each file descriptor.
/// Threads: the disk queue's lock.
class DRAMA_API unsynced_files {
  public:
    /// `bytes` were written to `fd`. Without memory for an entry only the tenant's sum grows.
    void add(int fd, tenant_record& payer, std::uint64_t bytes, instant now) noexcept;
    /// What a sync of `fd` would write back.
    std::uint64_t of_file(int fd, instant now) noexcept;
    /// A sync of `fd` begins: its bytes are taken off. Yields how many; add() them again if it does
    /// not take place.
    std::uint64_t take(int fd, instant now) noexcept;
    /// `fd` is a new file: what is known under that number is of one that was closed.
    void forget_file(int fd) noexcept { files_.erase(fd); }

  private:
    struct entry {
        tenant_record* payer = nullptr;
        aging_bytes bytes;
    };

    std::unordered_map<int, entry> files_;
};

}  // namespace drama::inline v0
