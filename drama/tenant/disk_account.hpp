// SPDX-License-Identifier: Apache-2.0
// What the disk queue keeps of a tenant: its lanes there, and the bytes that it has written and not
// synced. Attached on first use.
#pragma once

#include <cstdint>

#include "drama/base/clock.hpp"
#include "drama/sched/pool_order.hpp"

namespace drama::inline v0 {

/// Bytes that are forgotten one to two `lifetime`s after they were added: by then the kernel has
/// written them back by itself. Exact in between: two generations, of which the older one goes.
class aging_bytes {
  public:
    static constexpr duration lifetime = std::chrono::seconds(30);

    void add(std::uint64_t bytes, instant now) noexcept {
        age(now);
        recent_ += bytes;
    }
    /// Takes off what `part`, once added here too, still holds; that is empty then.
    void take(aging_bytes& part, instant now) noexcept {
        age(now);
        part.age(now);
        recent_ -= part.recent_ < recent_ ? part.recent_ : recent_;
        older_ -= part.older_ < older_ ? part.older_ : older_;
        part = {};
    }
    std::uint64_t total(instant now) noexcept {
        age(now);
        return recent_ + older_;
    }

  private:
    void age(instant now) noexcept {
        const std::int64_t present = now.time_since_epoch() / lifetime;
        if (present != generation_) {
            older_ = present == generation_ + 1 ? recent_ : 0;
            recent_ = 0;
            generation_ = present;
        }
    }

    std::int64_t generation_ = 0;
    std::uint64_t recent_ = 0;
    std::uint64_t older_ = 0;
};

/// Threads: under the disk queue's lock.
struct disk_account {
    explicit disk_account(tenant_share& share) noexcept : lanes(share) {}

    pool_lanes lanes;
    aging_bytes unsynced;
};

}  // namespace drama::inline v0
