// SPDX-License-Identifier: Apache-2.0
#include "drama/fault/thread_faults.hpp"

#include <pthread.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "drama/coro/runnable.hpp"

namespace drama::inline v0 {
namespace {

// Bytes below this frame on the stack of the calling thread; 0: not known.
[[gnu::noinline]] std::size_t stack_left() noexcept {
    pthread_attr_t attributes;
    if (::pthread_getattr_np(::pthread_self(), &attributes) != 0) {
        return 0;
    }
    void* lowest = nullptr;
    std::size_t size = 0;
    ::pthread_attr_getstack(&attributes, &lowest, &size);
    ::pthread_attr_destroy(&attributes);
    return static_cast<std::size_t>(static_cast<std::byte*>(__builtin_frame_address(0)) -
                                    static_cast<std::byte*>(lowest));
}

// Takes the stack away but for `left` bytes: what runs on top has no more.
[[gnu::noinline]] instant step_on_shallow_stack(thread_body& body, std::size_t left) noexcept {
    const std::size_t available = stack_left();
    const std::size_t taken = available > left ? available - left : 0;
    auto* const pad = static_cast<volatile char*>(__builtin_alloca(taken + 1));
    pad[0] = 1;
    const instant wake_at = body.step();
    pad[0] = 2;  // it stands until here
    return wake_at;
}

std::string_view step_site(std::size_t number) noexcept {
    static constexpr std::string_view sites[] = {
        "worker.step.0", "worker.step.1", "worker.step.2", "worker.step.3",   "worker.step.4",
        "worker.step.5", "worker.step.6", "worker.step.7", "worker.step.more"};
    return sites[std::min(number, std::size(sites) - 1)];
}

}  // namespace

std::string_view thread_site(thread_role role) noexcept {
    static constexpr std::string_view sites[thread_roles] = {
        "thread.worker", "thread.compute", "thread.blocking", "thread.watchdog", "thread.admin"};
    return sites[static_cast<std::size_t>(role)];
}

bool may_start_thread(const fault_context& in, thread_role role) noexcept {
    const runnable* const task = current_runnable();
    return !in.plan->decide({.kind = fault_kind::thread_unavailable,
                             .site = thread_site(role),
                             .payer = task == nullptr ? nullptr : task->payer,
                             .node = in.node});
}

faulty_body::faulty_body(thread_role role, thread_body& in, const fault_context& context) noexcept
    : role_(role),
      in_(&in),
      context_(context),
      site_(role == thread_role::worker ? step_site(context.plan->count_worker()) : "") {
}

instant faulty_body::step() noexcept {
    if (role_ != thread_role::worker) {
        return in_->step();
    }
    if (const auto length = ask(fault_kind::worker_paused)) {
        context_.time->pass(duration(*length), false);
    }
    const auto slow = ask(fault_kind::worker_slow);
    const auto left = ask(fault_kind::stack_shallow);
    const instant wake_at =
        left ? step_on_shallow_stack(*in_, static_cast<std::size_t>(*left)) : in_->step();
    if (slow) {
        context_.time->pass(duration(*slow), true);
    }
    return wake_at;
}

void faulty_body::enter_thread() noexcept {
    bind_faults(context_);
    in_->enter_thread();
}

void faulty_body::leave_thread() noexcept {
    in_->leave_thread();
    bind_faults({});
}

}  // namespace drama::inline v0
