// SPDX-License-Identifier: Apache-2.0
#include "drama/http/internal/idle_list.hpp"

#include <algorithm>
#include <mutex>

namespace drama::inline v0::internal {

void idle_list::add(idle_node& node) noexcept {
    shard& in = shards_[node.shard % shards];
    const std::lock_guard guard(in.lock);
    in.nodes.push_back(node);
}

void idle_list::remove(idle_node& node) noexcept {
    shard& in = shards_[node.shard % shards];
    const std::lock_guard guard(in.lock);
    if (node.listed) {
        in.nodes.remove(node);
    }
}

std::size_t idle_list::end_older_than(instant limit) noexcept {
    std::size_t ended = 0;
    for (shard& each : shards_) {
        const std::lock_guard guard(each.lock);
        while (!each.nodes.empty() && each.nodes.front().since < limit) {
            idle_node& oldest = each.nodes.front();
            each.nodes.remove(oldest);
            oldest.listed = false;
            // Under the lock: the connection leaves its scope only after it took the lock.
            oldest.task->request_stop(oldest.scope, errc::closed);
            ++ended;
        }
    }
    return ended;
}

instant idle_list::oldest() noexcept {
    instant found = never;
    for (shard& each : shards_) {
        const std::lock_guard guard(each.lock);
        if (!each.nodes.empty()) {
            found = std::min(found, each.nodes.front().since);
        }
    }
    return found;
}

}  // namespace drama::inline v0::internal
