// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/internal/event_queue.hpp"

#include <algorithm>

#include "drama/base/assert.hpp"

namespace drama::inline v0::internal {

std::int64_t event_queue::last_until(std::int64_t most_ns,
                                     void (*left_out)(timed_event&) noexcept) const noexcept {
    std::int64_t last = 0;
    for (const entry& each : heap_) {
        if (each.at_ns <= most_ns && each.event->fire != left_out) {
            last = std::max(last, each.at_ns);
        }
    }
    return last;
}

void event_queue::schedule(timed_event& event, std::int64_t at_ns) {
    DRAMA_ASSERT(!event.is_scheduled(), "the event is scheduled already");
    event.at_ns = at_ns;
    heap_.emplace_back();
    sift_up({at_ns, ++scheduled_, &event}, heap_.size() - 1);
}

void event_queue::cancel(timed_event& event) noexcept {
    if (event.is_scheduled()) {
        remove(event.index);
    }
}

timed_event& event_queue::pop() noexcept {
    timed_event& first = *heap_.front().event;
    remove(0);
    return first;
}

void event_queue::remove(std::size_t index) noexcept {
    const entry gone = heap_[index];
    gone.event->index = timed_event::nowhere;
    const entry last = heap_.back();
    heap_.pop_back();
    if (last.event == gone.event) {
        return;
    }
    if (last.is_before(gone)) {
        sift_up(last, index);
    } else {
        sift_down(last, index);
    }
}

void event_queue::sift_up(const entry& moved, std::size_t index) noexcept {
    while (index != 0) {
        const std::size_t parent = (index - 1) / 2;
        if (!moved.is_before(heap_[parent])) {
            break;
        }
        place(heap_[parent], index);
        index = parent;
    }
    place(moved, index);
}

void event_queue::sift_down(const entry& moved, std::size_t index) noexcept {
    for (;;) {
        std::size_t child = 2 * index + 1;
        if (child >= heap_.size()) {
            break;
        }
        if (child + 1 < heap_.size() && heap_[child + 1].is_before(heap_[child])) {
            ++child;
        }
        if (!heap_[child].is_before(moved)) {
            break;
        }
        place(heap_[child], index);
        index = child;
    }
    place(moved, index);
}

}  // namespace drama::inline v0::internal
