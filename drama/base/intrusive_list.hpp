// SPDX-License-Identifier: Apache-2.0
// A doubly linked list of nodes that their owners embed: insertion and removal never allocate.
#pragma once

#include <cstddef>

#include "drama/base/assert.hpp"

namespace drama::inline v0 {

/// Base of what stands in an intrusive_list. `Tag` tells lists apart when a type is in several.
template <class Tag = void>
struct list_link {
    list_link* previous = nullptr;
    list_link* following = nullptr;

    bool is_linked() const noexcept { return following != nullptr; }
};

/// Doubly linked list through `list_link<Tag>`, a base of T.
///
/// Complexity: O(1) each. Threads: the caller's lock. Ownership: owns no node.
template <class T, class Tag = void>
class intrusive_list {
    using link = list_link<Tag>;

  public:
    intrusive_list() noexcept { clear(); }
    intrusive_list(const intrusive_list&) = delete;
    intrusive_list& operator=(const intrusive_list&) = delete;

    bool empty() const noexcept { return head_.following == &head_; }
    T& front() noexcept { return *static_cast<T*>(head_.following); }
    T& back() noexcept { return *static_cast<T*>(head_.previous); }

    void push_back(T& node) noexcept { insert_before(head_, node); }
    void push_front(T& node) noexcept { insert_before(*head_.following, node); }
    /// Puts `node` in front of `position`, which is in this list.
    void insert(T& position, T& node) noexcept {
        insert_before(static_cast<link&>(position), node);
    }

    /// Takes the first node, or nullptr.
    T* pop_front() noexcept {
        if (empty()) {
            return nullptr;
        }
        T& node = front();
        remove(node);
        return &node;
    }

    /// Requires: `node` is in this list.
    void remove(T& node) noexcept {
        link& gone = node;
        DRAMA_ASSERT(gone.is_linked(), "node is in no list");
        gone.previous->following = gone.following;
        gone.following->previous = gone.previous;
        gone.previous = gone.following = nullptr;
    }

    /// The node after `node`, or nullptr.
    T* next_of(T& node) noexcept {
        link* following = static_cast<link&>(node).following;
        return following == &head_ ? nullptr : static_cast<T*>(following);
    }

    /// Moves everything in `other` to the end of this list. Complexity: O(1).
    void splice_back(intrusive_list& other) noexcept {
        if (other.empty()) {
            return;
        }
        link* first = other.head_.following;
        link* last = other.head_.previous;
        first->previous = head_.previous;
        head_.previous->following = first;
        last->following = &head_;
        head_.previous = last;
        other.clear();
    }

  private:
    void clear() noexcept { head_.previous = head_.following = &head_; }

    static void insert_before(link& position, link& node) noexcept {
        DRAMA_ASSERT(!node.is_linked(), "node is in a list already");
        node.previous = position.previous;
        node.following = &position;
        position.previous->following = &node;
        position.previous = &node;
    }

    link head_;
};

}  // namespace drama::inline v0
