// SPDX-License-Identifier: Apache-2.0
// Those who wait for a primitive, and the one place where the order among them is decided: tenants
// take turns by weight, the tasks of one tenant are served as they came. A thousand waiters of one
// tenant hold up another's one waiter for one hand-off, not for a thousand.
//
// It is self-clocked fair queueing over what is handed out. A tenant that comes, and one that was
// served and still waits, gets a place: that of who is next, and one hand-off at its weight beyond.
// The smallest place is next. So what a tenant got before it last left the line does not count, and
// leaving and coming back gains nothing.
//
// The first waiter of a tenant, its leader, stands for it in a tree: a digital search tree by the
// tenant's mixed number, which finds the leader of one who comes; each node knows the best of its
// subtree, so the root knows who is next. The others hang behind their leader in a ring. Nothing is
// allocated; with one tenant the tree is one node, and nobody asks for weights or compares places.
#pragma once

#include <cstdint>
#include <utility>

#include "drama/base/assert.hpp"
#include "drama/base/export.hpp"
#include "drama/base/intrusive_list.hpp"
#include "drama/coro/runnable.hpp"

namespace drama::inline v0::internal {

class waiter_queue;

/// How a wait ended.
enum class wait_outcome : std::uint8_t { waiting, granted, closed, stopped, timed_out };

/// A place in a line. Threads: guarded by the lock of the primitive whose line it is, except
/// `self`, which is constant while it waits.
struct queue_node : list_link<> {
    runnable* self = nullptr;
    waiter_queue* line = nullptr;  ///< null: in no line
    std::size_t wants = 0;         ///< the primitive's own: permits, or the kind of lock
    wait_outcome outcome = wait_outcome::waiting;

  private:
    friend class waiter_queue;

    // The line's own. Set while it leads its tenant; the link then closes the ring of the tenant.
    bool leads_ = false;
    std::uint64_t place_ = 0;  // compared by difference; the low bits tell who came first
    queue_node* best_ = nullptr;
    queue_node* parent_ = nullptr;
    queue_node* children_[2] = {nullptr, nullptr};
};

/// Tasks that have got what they waited for and are to be made ready once the lock is left. They
/// are linked through the field by which they stand in run queues: they are in none yet.
class wake_list {
  public:
    void add(runnable& task) noexcept {
        task.next = nullptr;
        (last_ != nullptr ? last_->next : first_) = &task;
        last_ = &task;
    }
    /// Call without the lock.
    void wake() noexcept {
        if (first_ != nullptr) [[unlikely]] {
            wake_all();
        }
    }

  private:
    DRAMA_API void wake_all() noexcept;

    work_item* first_ = nullptr;
    work_item* last_ = nullptr;
};

/// The line. Complexity: O(1) while one tenant waits, else O(log tenants that wait).
/// Threads: the primitive's lock.
class waiter_queue {
  public:
    waiter_queue() noexcept = default;
    waiter_queue(const waiter_queue&) = delete;
    waiter_queue& operator=(const waiter_queue&) = delete;

    bool empty() const noexcept { return root_ == nullptr; }
    /// The one who is next. Whoever comes does not change that. Requires: not empty.
    queue_node& front() noexcept { return *root_->best_; }

    /// Requires: `node.self` pays by the account that it has now, for as long as it waits.
    void enter(queue_node& node) noexcept {
        node.line = this;
        if (root_ == nullptr) [[likely]] {
            root_ = &node;
            begin_lead(node);
        } else {
            enter_behind(node);
        }
    }
    void leave(queue_node& node) noexcept {
        node.line = nullptr;
        if (&node == root_ && is_alone(node) && node.following == &node) [[likely]] {
            root_ = nullptr;
            unlink(node);
        } else {
            leave_others(node, false);
        }
    }
    /// Takes the next one out, with what it waited for or the reason why not.
    queue_node& serve(wake_list& woken, wait_outcome how = wait_outcome::granted) noexcept {
        queue_node& node = front();
        node.line = nullptr;
        if (&node == root_ && is_alone(node) && node.following == &node) [[likely]] {
            root_ = nullptr;
            unlink(node);
        } else {
            leave_others(node, true);
        }
        node.outcome = how;
        woken.add(*node.self);
        return node;
    }
    void serve_all(wake_list& woken, wait_outcome how = wait_outcome::granted) noexcept {
        while (!empty()) {
            serve(woken, how);
        }
    }

  private:
    static bool is_alone(const queue_node& root) noexcept {
        return root.children_[0] == nullptr && root.children_[1] == nullptr;
    }
    static void begin_lead(queue_node& node) noexcept {
        node.leads_ = true;
        node.best_ = &node;
        node.parent_ = nullptr;
        node.children_[0] = nullptr;
        node.children_[1] = nullptr;
        node.previous = &node;
        node.following = &node;
    }
    static void unlink(queue_node& node) noexcept {
        node.leads_ = false;
        node.previous = nullptr;
        node.following = nullptr;
    }
    static std::uint64_t step(const queue_node& node) noexcept;
    static void renew_best(queue_node* from) noexcept;

    DRAMA_API void enter_behind(queue_node& node) noexcept;
    DRAMA_API void leave_others(queue_node& node, bool is_served) noexcept;
    void follow(queue_node& leader, queue_node& node) noexcept;
    void lead_in_place_of(queue_node& gone, queue_node& next, bool is_served) noexcept;
    void remove_leader(queue_node& gone) noexcept;
    void put_at(queue_node* parent, const queue_node& instead_of, queue_node* node) noexcept;
    std::uint64_t place_beyond(std::uint64_t place, const queue_node& node) noexcept;

    queue_node* root_ = nullptr;
    std::uint16_t came_ = 0;
};

}  // namespace drama::inline v0::internal
