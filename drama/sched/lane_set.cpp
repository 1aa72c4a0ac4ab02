// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/lane_set.hpp"

namespace drama::inline v0 {

void work_fifo::merge(work_fifo& older) noexcept {
    if (older.empty()) {
        return;
    }
    if (empty()) {
        *this = older;
        older.head_ = nullptr;
        return;
    }
    work_item* before = nullptr;
    work_item** link = &head_;
    work_item* incoming = older.head_;
    while (incoming != nullptr && *link != nullptr) {
        if ((*link)->queued_at > incoming->queued_at) {
            work_item* following = incoming->next;
            incoming->next = *link;
            (*link)->preceding = incoming;
            incoming->preceding = before;
            *link = incoming;
            incoming = following;
        }
        before = *link;
        link = &before->next;
    }
    if (incoming != nullptr) {
        *link = incoming;
        incoming->preceding = before;
        tail_ = older.tail_;
    }
    older.head_ = nullptr;
}

}  // namespace drama::inline v0
