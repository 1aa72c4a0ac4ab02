// SPDX-License-Identifier: Apache-2.0
#include "drama/fault/faulty_backend.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <new>
#include <utility>

#include "drama/base/assert.hpp"

namespace drama::inline v0 {

struct faulty_backend::shadow : operation {
    enum class stage : std::uint8_t { held, starting, running };

    faulty_backend* of = nullptr;
    operation* original = nullptr;
    instant due = long_ago;
    io_fault fault;
    stage at = stage::held;
    bool is_cancelled = false;
};

faulty_backend::faulty_backend(std::unique_ptr<io_backend> in, fault_plan& plan,
                               const drama::clock& clock)
    : in_(std::move(in)), plan_(&plan), clock_(clock) {
}

faulty_backend::~faulty_backend() {
    in_.reset();  // what runs underneath completes now
    while (!shadows_.empty()) {
        const shadow_pointer left = shadows_.begin()->second;
        DRAMA_ASSERT(left->at == shadow::stage::held, "an operation outlives its backend");
        shadows_.erase(shadows_.begin());
        left->original->outcome = -ECANCELED;
        left->original->done(*left->original);
    }
}

std::size_t faulty_backend::in_flight() const noexcept {
    const std::lock_guard guard(lock_);
    const auto held = std::ranges::count_if(
        shadows_, [](const auto& each) { return each.second->at == shadow::stage::held; });
    return in_->in_flight() + static_cast<std::size_t>(held);
}

submission faulty_backend::submit(operation& op) noexcept {
    const io_fault fault = decide_io(*plan_, op);
    if (fault.is_none()) {
        return in_->submit(op);
    }
    if (fault.outcome && fault.held_ns == 0) {
        op.outcome = *fault.outcome;
        return submission::completed;
    }
    if (fault.held_ns != 0 && does_not_wait(op)) {
        op.outcome = -EAGAIN;
        return submission::completed;
    }
    keep(op, fault);
    return submission::pending;
}

void faulty_backend::post(operation& op) noexcept {
    const io_fault fault = decide_io(*plan_, op);
    if (fault.is_none()) {
        in_->post(op);
        return;
    }
    keep(op, fault);
    in_->wake();
}

// It begins at the next reap, or later.
void faulty_backend::keep(operation& op, const io_fault& fault) noexcept {
    auto made = std::make_shared<shadow>();
    made->code = op.code;
    made->fd = op.fd;
    made->flags = op.flags;
    made->mode = op.mode;
    made->offset = op.offset + fault.moved_bytes;
    made->length = std::min(op.length, fault.length_max);
    made->buffer = op.buffer;    // of the union, whatever it holds: all are pointers
    made->path_to = op.path_to;  // as above
    made->payer = op.payer;
    made->done = &on_done;
    made->of = this;
    made->original = &op;
    made->due =
        fault.held_ns == stuck ? never : saturating_add(clock_.now(), duration(fault.held_ns));
    made->fault = fault;
    const std::lock_guard guard(lock_);
    shadows_.emplace(&op, std::move(made));
}

faulty_backend::shadow_pointer faulty_backend::forget(operation& original) noexcept {
    const std::lock_guard guard(lock_);
    const auto found = shadows_.find(&original);
    DRAMA_ASSERT(found != shadows_.end(), "an operation completes twice");
    shadow_pointer taken = std::move(found->second);
    shadows_.erase(found);
    return taken;
}

void faulty_backend::on_done(operation& op) noexcept {
    auto& done = static_cast<shadow&>(op);
    const shadow_pointer taken = done.of->forget(*done.original);
    settle(*taken);
}

// The original completes with what its shadow says, or with what the fault says instead.
void faulty_backend::settle(shadow& of) noexcept {
    operation& original = *of.original;
    original.outcome = of.outcome;
    if (of.fault.failed && of.outcome >= 0) {
        original.outcome = *of.fault.failed;
    } else if (of.fault.flips && of.outcome > 0) {
        const auto bit = static_cast<std::uint64_t>(*of.fault.flips) %
                         (static_cast<std::uint64_t>(of.outcome) * 8);
        static_cast<std::byte*>(original.buffer)[bit / 8] ^= std::byte{1} << (bit % 8);
    }
    original.done(original);
}

submission faulty_backend::begin(shadow& of) noexcept {
    if (of.fault.outcome) {
        of.outcome = *of.fault.outcome;
        return submission::completed;
    }
    return in_->submit(of);
}

faulty_backend::shadow_pointer faulty_backend::next_due(instant now) noexcept {
    const std::lock_guard guard(lock_);
    for (const auto& [original, each] : shadows_) {
        if (each->at == shadow::stage::held && each->due <= now) {
            each->at = shadow::stage::starting;
            return each;
        }
    }
    return nullptr;
}

std::size_t faulty_backend::begin_due() noexcept {
    std::size_t completed = 0;
    const instant now = clock_.now();
    while (const shadow_pointer due = next_due(now)) {
        const bool is_over = begin(*due) == submission::completed;
        std::unique_lock guard(lock_);
        due->at = shadow::stage::running;
        const bool pass_cancel = due->is_cancelled && !is_over;
        guard.unlock();
        if (is_over) {
            on_done(*due);
            ++completed;
        } else if (pass_cancel) {
            in_->cancel(*due);
        }
    }
    return completed;
}

void faulty_backend::cancel(operation& op) noexcept {
    std::unique_lock guard(lock_);
    const auto found = shadows_.find(&op);
    if (found == shadows_.end()) {
        guard.unlock();
        in_->cancel(op);
        return;
    }
    const shadow_pointer of = found->second;
    const shadow::stage seen = of->at;
    of->is_cancelled = true;
    if (seen == shadow::stage::held) {
        shadows_.erase(found);
    }
    guard.unlock();
    if (seen == shadow::stage::held) {
        of->fault = {};
        of->outcome = -ECANCELED;
        settle(*of);
    } else if (seen == shadow::stage::running) {
        in_->cancel(*of);
    }
}

void faulty_backend::let_go(int fd) noexcept {
    const std::lock_guard guard(lock_);
    for (const auto& [original, each] : shadows_) {
        if (each->fd == fd && each->at == shadow::stage::held) {
            each->fault = {.outcome = -ECANCELED};
            each->due = long_ago;
        }
    }
    in_->wake();
}

duration faulty_backend::until_due(duration longest) noexcept {
    const instant now = clock_.now();
    const std::lock_guard guard(lock_);
    for (const auto& [original, each] : shadows_) {
        if (each->at == shadow::stage::held && each->due != never) {
            longest = std::min(longest, std::max(each->due - now, duration::zero()));
        }
    }
    return longest;
}

std::size_t faulty_backend::reap(duration wait) noexcept {
    std::size_t count = begin_due();
    count += in_->reap(count != 0 ? duration::zero() : until_due(wait));
    return count + begin_due();
}

}  // namespace drama::inline v0
