// SPDX-License-Identifier: Apache-2.0
// The run as a rolling hash: every event in order. Two runs of one seed must agree in it; on
// request the events themselves are kept, so that the first difference can be named.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace drama::inline v0 {

/// What happened, as the event hash and the recorded trace name it.
enum class sim_event : std::uint8_t {
    step,          ///< value: the wake time that the step yielded
    unpark,        ///< value: the parker's number
    resume,        ///< a thread goes on inside a step
    spend,         ///< value: nanoseconds of CPU
    wait,          ///< inside a step; value: until when
    thread_start,  ///< value: role
    thread_end,
    thread_refused,
    submit,    ///< value: op code and descriptor
    complete,  ///< value: op code and outcome
    cancel,    ///< value: op code and descriptor
    arrival,   ///< value: kind of segment and bytes
    disk,      ///< value: op code
    note,      ///< value: the user's
    fault,     ///< value: kind, and the how manieth of its rule
};

struct sim_event_record {
    sim_event what{};
    std::uint64_t thread = 0;  ///< 0: the world itself
    std::int64_t at_ns = 0;
    std::uint64_t value = 0;

    friend bool operator==(const sim_event_record&, const sim_event_record&) = default;
};

namespace internal {

/// Threads: one at a time.
class event_log {
  public:
    void add(sim_event what, std::uint64_t thread, std::int64_t at_ns, std::uint64_t value) {
        ++count_;
        mix(static_cast<std::uint64_t>(what) << 56 ^ thread << 40 ^
            static_cast<std::uint64_t>(at_ns));
        mix(value);
        if (keeps_) [[unlikely]] {
            kept_.push_back({what, thread, at_ns, value});
        }
    }
    std::uint64_t hash() const noexcept {
        std::uint64_t out = hash_ ^ count_;
        out = (out ^ (out >> 32)) * 0x9e3779b97f4a7c15ULL;
        return out ^ (out >> 29);
    }
    std::uint64_t count() const noexcept { return count_; }
    void keep() noexcept { keeps_ = true; }
    const std::vector<sim_event_record>& kept() const noexcept { return kept_; }

  private:
    void mix(std::uint64_t value) noexcept {
        hash_ = std::rotl((hash_ ^ value) * 0x9fb21c651e98df25ULL, 29);
    }

    std::uint64_t hash_ = 0x243f6a8885a308d3ULL;
    std::uint64_t count_ = 0;
    bool keeps_ = false;
    std::vector<sim_event_record> kept_;
};

}  // namespace internal
}  // namespace drama::inline v0
