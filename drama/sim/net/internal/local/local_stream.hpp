// SPDX-License-Identifier: Apache-2.0
// Bytes one way between two descriptors of one machine, and the descriptors that travel with them.
// Nothing takes time here: what was written can be read. Pipes have one, Unix streams have two.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "drama/sim/internal/descriptor_table.hpp"
#include "drama/sim/net/internal/byte_ring.hpp"

namespace drama::inline v0::internal {

/// Descriptors under way. Owns a hold on each.
class passed_descriptors {
  public:
    passed_descriptors() noexcept = default;
    explicit passed_descriptors(descriptor_table& in) noexcept : table_(&in) {}
    passed_descriptors(passed_descriptors&& other) noexcept
        : table_(other.table_), all_(std::exchange(other.all_, {})) {}
    passed_descriptors& operator=(passed_descriptors&& other) noexcept {
        std::swap(table_, other.table_);
        std::swap(all_, other.all_);
        return *this;
    }
    ~passed_descriptors() {
        for (sim_descriptor* const each : all_) {
            table_->drop(*each);
        }
    }

    void add(sim_descriptor& one) {
        all_.push_back(&one);
        table_->hold(one);
    }
    const std::vector<sim_descriptor*>& all() const noexcept { return all_; }

  private:
    descriptor_table* table_ = nullptr;
    std::vector<sim_descriptor*> all_;
};

/// Threads: one at a time. Ownership: both ends'.
class local_stream {
  public:
    explicit local_stream(std::size_t bytes_max) noexcept : bytes_max_(bytes_max) {}

    sim_descriptor* reader = nullptr;  ///< null: closed
    sim_descriptor* writer = nullptr;

    std::size_t size() const noexcept { return bytes_.size(); }
    std::size_t room() const noexcept { return bytes_max_ - std::min(bytes_max_, bytes_.size()); }

    /// Requires: there is room.
    void push(const void* from, std::size_t count) {
        bytes_.push(from, count);
        written_ += count;
    }
    /// The same with descriptors at its first byte.
    void push(const void* from, std::size_t count, passed_descriptors with) {
        passed_.push_back({written_, written_ + count, std::move(with)});
        push(from, count);
    }
    /// What one read gives at most: descriptors end it after the message that they came with.
    std::size_t readable(std::size_t wanted) const noexcept {
        const std::size_t count = std::min(wanted, bytes_.size());
        if (passed_.empty() || passed_.front().begin >= read_ + count) {
            return count;
        }
        return std::min(count, static_cast<std::size_t>(passed_.front().end - read_));
    }
    /// Takes `count` bytes, and the descriptors that came with one of them.
    passed_descriptors take(void* into, std::size_t count) {
        peek(into, count);
        bytes_.drop(count);
        read_ += count;
        passed_descriptors found;
        if (!passed_.empty() && passed_.front().begin < read_) {
            found = std::move(passed_.front().what);
            passed_.pop_front();
        }
        return found;
    }
    void peek(void* into, std::size_t count) const noexcept { bytes_.peek(into, count, 0); }
    /// Nobody will read them.
    void discard() noexcept {
        bytes_ = byte_ring();
        passed_.clear();
    }

  private:
    struct message {
        std::uint64_t begin;
        std::uint64_t end;
        passed_descriptors what;
    };

    std::size_t bytes_max_;
    byte_ring bytes_;
    std::uint64_t written_ = 0;
    std::uint64_t read_ = 0;
    std::deque<message> passed_;
};

}  // namespace drama::inline v0::internal
