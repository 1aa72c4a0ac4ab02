// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/internal/event_queue.hpp"

#include "drama/base/assert.hpp"

namespace drama::inline v0::internal {

void event_queue::schedule(timed_event& event, std::int64_t at_ns) {
    DRAMA_ASSERT(!event.is_scheduled(), "the event is scheduled already");
    event.at_ns = at_ns;
    event.order = ++scheduled_;
    heap_.push_back(&event);
    sift_up(event, heap_.size() - 1);
}

void event_queue::cancel(timed_event& event) noexcept {
    if (!event.is_scheduled()) {
        return;
    }
    const std::size_t index = event.index;
    event.index = timed_event::nowhere;
    timed_event& last = *heap_.back();
    heap_.pop_back();
    if (&last == &event) {
        return;
    }
    if (before(last, event)) {
        sift_up(last, index);
    } else {
        sift_down(last, index);
    }
}

timed_event& event_queue::pop() noexcept {
    timed_event& first = *heap_.front();
    cancel(first);
    return first;
}

void event_queue::sift_up(timed_event& event, std::size_t index) noexcept {
    while (index != 0) {
        const std::size_t parent = (index - 1) / 2;
        if (!before(event, *heap_[parent])) {
            break;
        }
        place(*heap_[parent], index);
        index = parent;
    }
    place(event, index);
}

void event_queue::sift_down(timed_event& event, std::size_t index) noexcept {
    for (;;) {
        std::size_t child = 2 * index + 1;
        if (child >= heap_.size()) {
            break;
        }
        if (child + 1 < heap_.size() && before(*heap_[child + 1], *heap_[child])) {
            ++child;
        }
        if (!before(*heap_[child], event)) {
            break;
        }
        place(*heap_[child], index);
        index = child;
    }
    place(event, index);
}

}  // namespace drama::inline v0::internal
