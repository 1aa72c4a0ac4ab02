// SPDX-License-Identifier: Apache-2.0
#include "drama/sync/internal/waiter_queue.hpp"

#include <algorithm>

#include "drama/base/coverage/mark.hpp"
#include "drama/coro/account.hpp"

namespace drama::inline v0::internal {

namespace {

constexpr unsigned came_bits = 16;

std::uint64_t tenant_of(const queue_node& node) noexcept {
    return node.self->payer != nullptr ? node.self->payer->id() : 0;
}

/// A bijection, so that no two numbers share all bits: the tree is at most 64 deep, and about twice
/// the logarithm of its size (the finaliser of splitmix64).
std::uint64_t mixed(std::uint64_t number) noexcept {
    number = (number ^ (number >> 30U)) * 0xbf58476d1ce4e5b9U;
    number = (number ^ (number >> 27U)) * 0x94d049bb133111ebU;
    return number ^ (number >> 31U);
}

bool is_before(std::uint64_t left, std::uint64_t right) noexcept {
    return static_cast<std::int64_t>(left - right) < 0;
}

}  // namespace

void wake_list::wake_all() noexcept {
    work_item* item = std::exchange(first_, nullptr);
    last_ = nullptr;
    while (item != nullptr) {
        auto& task = static_cast<runnable&>(*item);
        item = std::exchange(task.next, nullptr);
        task.home->ready(task);
    }
}

// How far one hand-off moves a tenant. Weights above 65 536 count as that; more than 2^19 permits
// at the least weight, as so many: places stay in one half of their circle.
std::uint64_t waiter_queue::step(const queue_node& node) noexcept {
    constexpr std::uint64_t whole = std::uint64_t{1} << 42U;  // at weight 1/1024
    constexpr std::uint64_t step_min = std::uint64_t{1} << came_bits;
    constexpr std::uint64_t step_max = std::uint64_t{1} << 61U;
    const std::uint32_t weight = std::max(node.self->home->weight_of(*node.self->payer), 1U);
    const std::uint64_t one = std::max(whole / weight, step_min);
    const std::uint64_t count = std::max<std::uint64_t>(node.wants, 1);
    return count > step_max / one ? step_max : one * count;
}

// Places that are equal but for the last bits are served as they were given.
std::uint64_t waiter_queue::place_beyond(std::uint64_t place, const queue_node& node) noexcept {
    constexpr std::uint64_t low = (std::uint64_t{1} << came_bits) - 1;
    return ((place + step(node)) & ~low) | came_++;
}

void waiter_queue::renew_best(queue_node* from) noexcept {
    for (queue_node* at = from; at != nullptr; at = at->parent_) {
        at->best_ = at;
        for (const queue_node* child : at->children_) {
            if (child != nullptr && is_before(child->best_->place_, at->best_->place_)) {
                at->best_ = child->best_;
            }
        }
    }
}

void waiter_queue::follow(queue_node& leader, queue_node& node) noexcept {
    node.leads_ = false;
    node.previous = leader.previous;
    node.following = &leader;
    leader.previous->following = &node;
    leader.previous = &node;
}

void waiter_queue::enter_behind(queue_node& node) noexcept {
    const std::uint64_t tenant = tenant_of(node);
    queue_node* at = root_;
    for (std::uint64_t key = mixed(tenant);; key >>= 1U) {
        if (tenant_of(*at) == tenant) {
            follow(*at, node);
            return;
        }
        queue_node*& child = at->children_[key & 1U];
        if (child == nullptr) {
            DRAMA_MARK("waiter_queue.second_tenant");
            if (is_alone(*root_)) {
                root_->place_ = place_beyond(root_->place_, *root_);
            }
            begin_lead(node);
            node.parent_ = at;
            node.place_ = place_beyond(front().place_, node);
            child = &node;
            renew_best(at);
            return;
        }
        at = child;
    }
}

void waiter_queue::leave_others(queue_node& node, bool is_served) noexcept {
    auto* const next = static_cast<queue_node*>(node.following);
    node.previous->following = node.following;
    node.following->previous = node.previous;
    if (node.leads_ && next != &node) {
        lead_in_place_of(node, *next, is_served);
    } else if (node.leads_) {
        remove_leader(node);
    }
    unlink(node);
}

void waiter_queue::lead_in_place_of(queue_node& gone, queue_node& next, bool is_served) noexcept {
    next.leads_ = true;
    next.parent_ = gone.parent_;
    next.place_ = gone.place_;
    for (const unsigned side : {0U, 1U}) {
        next.children_[side] = gone.children_[side];
        if (next.children_[side] != nullptr) {
            next.children_[side]->parent_ = &next;
        }
    }
    put_at(gone.parent_, gone, &next);
    if (next.parent_ == nullptr && is_alone(next)) {  // nobody to compare with
        next.best_ = &next;
        return;
    }
    // Who gave up leaves its tenant's place to the next one: a tenant whose waiters give up does
    // not fall behind by it.
    next.place_ =
        is_served ? place_beyond(gone.place_, next) : gone.place_ + step(next) - step(gone);
    renew_best(&next);
}

// Any leaf below it may take its position in the tree: it goes the same way down so far.
void waiter_queue::remove_leader(queue_node& gone) noexcept {
    queue_node* leaf = &gone;
    while (!is_alone(*leaf)) {
        leaf = leaf->children_[leaf->children_[0] == nullptr ? 1 : 0];
    }
    queue_node* renewed = leaf->parent_;
    put_at(leaf->parent_, *leaf, nullptr);
    if (leaf != &gone) {
        renewed = renewed == &gone ? leaf : renewed;
        leaf->parent_ = gone.parent_;
        for (const unsigned side : {0U, 1U}) {
            leaf->children_[side] = gone.children_[side];
            if (leaf->children_[side] != nullptr) {
                leaf->children_[side]->parent_ = leaf;
            }
        }
        put_at(gone.parent_, gone, leaf);
    }
    renew_best(renewed);
}

void waiter_queue::put_at(queue_node* parent, const queue_node& instead_of,
                          queue_node* node) noexcept {
    if (parent == nullptr) {
        root_ = node;
    } else {
        parent->children_[parent->children_[0] == &instead_of ? 0 : 1] = node;
    }
}

}  // namespace drama::inline v0::internal
