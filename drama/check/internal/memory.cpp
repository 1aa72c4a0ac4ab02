// SPDX-License-Identifier: Apache-2.0
#include "drama/check/internal/memory.hpp"

#include <algorithm>

namespace drama::inline v0::internal {
namespace {

bool acquires(std::memory_order order) noexcept {
    return order == std::memory_order_acquire || order == std::memory_order_consume ||
           order == std::memory_order_acq_rel || order == std::memory_order_seq_cst;
}

bool releases(std::memory_order order) noexcept {
    return order == std::memory_order_release || order == std::memory_order_acq_rel ||
           order == std::memory_order_seq_cst;
}

std::size_t index_of(int of) noexcept {
    return static_cast<std::size_t>(of);
}

}  // namespace

void memory::clear() noexcept {
    for (std::size_t i = 0; i < objects_used_; ++i) {
        objects_[i].stores.clear();
        objects_[i].is_alive = false;
        objects_[i].last_access = {};
    }
    objects_used_ = 0;
    messages_used_ = 0;
    free_.clear();
    for (thread_state& each : threads_) {
        each.current = {};
        each.has_acquirable = each.has_released = false;
        each.last_step = 0;
    }
    for (std::uint8_t i = 0; i < threads_.size(); ++i) {
        threads_[i].current.clock[i] = 1;
    }
    sequential_ = {};
    steps_ = 0;
}

memory::message& memory::new_message() {
    if (messages_used_ == messages_.size()) {
        messages_.emplace_back();
    }
    message& made = messages_[messages_used_++];
    made.step = steps_;
    made.carries = false;
    return made;
}

int memory::add(std::uint8_t thread, std::uint64_t value, const std::source_location& made) {
    int index = -1;
    if (!free_.empty()) {
        index = free_.back();
        free_.pop_back();
    } else if (objects_used_ < checked_atomics_max) {
        index = static_cast<int>(objects_used_++);
        if (objects_.size() < objects_used_) {
            objects_.emplace_back();
        }
    } else {
        return -1;
    }
    object& added = objects_[index_of(index)];
    added.is_alive = true;
    added.made = made;
    ++added.generation;
    added.first = static_cast<std::int16_t>(added.stores.size());
    added.last_access = {};
    message& initial = new_message();
    initial.value = value;
    added.stores.push_back(static_cast<std::uint32_t>(messages_used_ - 1));
    view& mine = threads_[thread].current;
    mine.seen[index_of(index)] = added.first;
    added.last_access[thread] = mine.clock[thread];
    return index;
}

int memory::remove(std::uint8_t thread, int of) noexcept {
    object& gone = objects_[index_of(of)];
    gone.is_alive = false;
    free_.push_back(of);
    for (std::uint8_t other = 0; other < checked_threads_max; ++other) {
        if (!threads_[thread].current.has({other, gone.last_access[other]})) {
            return other;
        }
    }
    return -1;
}

std::int16_t memory::floor_of(std::uint8_t thread, int of, bool is_sequential) const noexcept {
    std::int16_t least =
        std::max(objects_[index_of(of)].first, threads_[thread].current.seen[index_of(of)]);
    return is_sequential ? std::max(least, sequential_.seen[index_of(of)]) : least;
}

// A thread that has not moved since a value was overwritten could as well have read it before: the
// search comes to that order by itself, unless it may not switch threads often enough.
memory::choices memory::readable(std::uint8_t thread, int of, bool is_sequential,
                                 bool only_new) const noexcept {
    const object& read = objects_[index_of(of)];
    const auto newest = static_cast<std::int16_t>(read.stores.size() - 1);
    const std::int16_t least = floor_of(thread, of, is_sequential);
    std::int16_t overwritten_by = newest;
    while (only_new && overwritten_by > least &&
           messages_[read.stores[static_cast<std::size_t>(overwritten_by)]].step >=
               threads_[thread].last_step) {
        --overwritten_by;
    }
    return {static_cast<std::size_t>(overwritten_by - least) + 1,
            static_cast<std::size_t>(newest - overwritten_by)};
}

std::uint64_t memory::peek(int of, std::size_t age) const noexcept {
    const object& read = objects_[index_of(of)];
    return messages_[read.stores[read.stores.size() - 1 - age]].value;
}

std::uint64_t memory::load(std::uint8_t thread, int of, std::memory_order order,
                           std::size_t age) noexcept {
    object& read = objects_[index_of(of)];
    thread_state& mine = threads_[thread];
    const std::size_t index = read.stores.size() - 1 - age;
    const message& found = messages_[read.stores[index]];
    mine.current.seen[index_of(of)] =
        std::max(mine.current.seen[index_of(of)], static_cast<std::int16_t>(index));
    if (order == std::memory_order_seq_cst) {
        sequential_.seen[index_of(of)] =
            std::max(sequential_.seen[index_of(of)], static_cast<std::int16_t>(index));
    }
    if (found.carries) {
        if (acquires(order)) {
            mine.current.join(found.released);
        } else if (mine.has_acquirable) {
            mine.acquirable.join(found.released);
        } else {
            mine.acquirable = found.released;
            mine.has_acquirable = true;
        }
    }
    read.last_access[thread] = mine.current.clock[thread];
    return found.value;
}

void memory::store(std::uint8_t thread, int of, std::uint64_t value, std::memory_order order,
                   bool follows) {
    message& made = new_message();
    object& written = objects_[index_of(of)];
    thread_state& mine = threads_[thread];
    const auto index = static_cast<std::int16_t>(written.stores.size());
    const message& before = messages_[written.stores.back()];
    written.stores.push_back(static_cast<std::uint32_t>(messages_used_ - 1));
    mine.current.seen[index_of(of)] = index;
    made.value = value;
    if (releases(order)) {
        made.carries = true;
        made.released = mine.current;
    } else if (mine.has_released) {
        made.carries = true;
        made.released = mine.released;
        made.released.seen[index_of(of)] = index;
    }
    if (follows && before.carries) {
        if (made.carries) {
            made.released.join(before.released);
        } else {
            made.carries = true;
            made.released = before.released;
        }
        made.released.seen[index_of(of)] = index;
    }
    if (order == std::memory_order_seq_cst) {
        sequential_.seen[index_of(of)] = std::max(sequential_.seen[index_of(of)], index);
    }
    written.last_access[thread] = mine.current.clock[thread];
}

void memory::fence(std::uint8_t thread, std::memory_order order) noexcept {
    thread_state& mine = threads_[thread];
    if (acquires(order) && mine.has_acquirable) {
        mine.current.join(mine.acquirable);
        mine.has_acquirable = false;
    }
    if (order == std::memory_order_seq_cst) {
        mine.current.join_seen(sequential_);
        sequential_.join_seen(mine.current);
    }
    if (releases(order)) {
        mine.released = mine.current;
        mine.has_released = true;
    }
}

void memory::catch_up(std::uint8_t thread) noexcept {
    for (std::size_t i = 0; i < objects_used_; ++i) {
        threads_[thread].current.seen[i] = static_cast<std::int16_t>(objects_[i].stores.size() - 1);
    }
}

void memory::fork(std::uint8_t parent, std::uint8_t child) noexcept {
    const std::int16_t own = threads_[child].current.clock[child];
    threads_[child].current = threads_[parent].current;
    threads_[child].current.clock[child] = own;
    threads_[child].has_acquirable = threads_[child].has_released = false;
}

void memory::join(std::uint8_t parent, std::uint8_t child) noexcept {
    threads_[parent].current.join(threads_[child].current);
}

void memory::tick(std::uint8_t thread) noexcept {
    ++threads_[thread].current.clock[thread];
    threads_[thread].last_step = ++steps_;
}

}  // namespace drama::inline v0::internal
