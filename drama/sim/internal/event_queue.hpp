// SPDX-License-Identifier: Apache-2.0
// What will happen at which virtual time: a binary heap of nodes that their owners embed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace drama::inline v0::internal {

/// Something that happens at a point of virtual time. Its owner embeds it.
struct timed_event {
    static constexpr std::size_t nowhere = ~std::size_t{0};

    /// Called once when the time has come; the node is out of the queue by then.
    void (*fire)(timed_event&) noexcept = nullptr;

    // The queue's own.
    std::int64_t at_ns = 0;
    std::size_t index = nowhere;

    bool is_scheduled() const noexcept { return index != nowhere; }
};

/// Events by time; those of one instant in the order in which they were scheduled.
///
/// Complexity: O(log n); allocates only to grow. Threads: one at a time.
class event_queue {
  public:
    bool empty() const noexcept { return heap_.empty(); }
    /// Requires: not empty.
    std::int64_t next_ns() const noexcept { return heap_.front().at_ns; }

    /// The latest time of those events that come until `most_ns` and are not of the kind that fires
    /// so; 0 if none does. Complexity: O(n).
    std::int64_t last_until(std::int64_t most_ns,
                            void (*left_out)(timed_event&) noexcept) const noexcept;

    /// Requires: `event` is not scheduled. Lifetime: until it fires or is cancelled.
    void schedule(timed_event& event, std::int64_t at_ns);
    /// Takes it out; nothing happens if it is not scheduled.
    void cancel(timed_event& event) noexcept;
    /// Takes the first event. Requires: not empty.
    timed_event& pop() noexcept;

  private:
    struct entry {
        std::int64_t at_ns;
        std::uint64_t order;
        timed_event* event;

        bool is_before(const entry& other) const noexcept {
            return at_ns != other.at_ns ? at_ns < other.at_ns : order < other.order;
        }
    };

    void place(const entry& placed, std::size_t index) noexcept {
        heap_[index] = placed;
        placed.event->index = index;
    }
    void remove(std::size_t index) noexcept;
    void sift_up(const entry& moved, std::size_t index) noexcept;
    void sift_down(const entry& moved, std::size_t index) noexcept;

    std::vector<entry> heap_;
    std::uint64_t scheduled_ = 0;
};

}  // namespace drama::inline v0::internal
