// SPDX-License-Identifier: Apache-2.0
// Connections between two requests, oldest first, so that a rare sweep finds those that are idle
// for too long. Cheaper for a request than arming a timer, and a way to end only these.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "drama/base/clock.hpp"
#include "drama/base/intrusive_list.hpp"
#include "drama/base/spinlock.hpp"
#include "drama/coro/runnable.hpp"

namespace drama::inline v0::internal {

/// One idle connection; lives in its coroutine.
struct idle_node : list_link<> {
    runnable* task = nullptr;
    stop_scope scope;
    instant since = long_ago;
    std::size_t shard = 0;
    bool listed = true;  // guarded by the shard's lock
};

/// Threads: any.
class idle_list {
  public:
    static constexpr std::size_t shards = 8;

    void add(idle_node& node) noexcept;
    void remove(idle_node& node) noexcept;
    /// Ends the waits that began before `limit`; yields how many.
    std::size_t end_older_than(instant limit) noexcept;
    /// When the oldest wait began; `never` if there is none.
    instant oldest() noexcept;

  private:
    struct alignas(64) shard {
        spinlock lock;
        intrusive_list<idle_node> nodes;  // guarded by lock; in order of `since`
    };
    std::array<shard, shards> shards_;
};

/// Marks the running task's connection as idle while it stands.
class idle_scope : idle_node {
  public:
    idle_scope(idle_list& in, runnable& self) noexcept : list_(&in) {
        task = &self;
        since = self.slot().now;  // the deadline is in seconds
        shard = self.core;        // connections stay on their core, and so do the shard's lines
        self.push_scope(scope);
        in.add(*this);
    }
    ~idle_scope() {
        list_->remove(*this);  // from here on nobody ends this wait
        task->pop_scope(scope);
    }
    idle_scope(const idle_scope&) = delete;
    idle_scope& operator=(const idle_scope&) = delete;

  private:
    idle_list* list_;
};

}  // namespace drama::inline v0::internal
