// SPDX-License-Identifier: Apache-2.0
// Spawning onto another tenant's account and waiting for admission: co_await spawn(payer, f, ...).
#pragma once

#include <source_location>
#include <utility>

#include "drama/coro/spawn.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/tenant/admission.hpp"

namespace drama::inline v0 {

namespace internal {

/// The part that knows no type. Owns the root until it is launched.
struct DRAMA_API root_wait : admission_wait {
    root_wait(spawn_payer from, std::source_location at) noexcept;
    ~root_wait();

    /// True: decided without a wait. A task of the payer's own spawns no root.
    bool await_ready() noexcept;
    bool await_suspend(std::coroutine_handle<> at) noexcept {
        self->resume_point = at;
        return gate->wait(*this) || self->gives_way_refused(where);
    }
    /// The root, if it was launched; afterwards this owns nothing.
    admission<spawned*> take() noexcept;

    std::source_location spawned_at;
};

template <class F, class... Args>
struct spawn_awaiter : root_wait {
    using handle = typename spawn_result<F, Args...>::value_type;

    spawn_awaiter(spawn_payer from, F&& f, Args&&... args) : root_wait(from, from.where) {
        auto made = make_spawned(*from.pays, std::forward<F>(f), std::forward<Args>(args)...);
        if (made) {
            root = *made;
        } else {
            decided = outcome::refused;
            why = made.error();
        }
    }
    [[nodiscard]] spawn_result<F, Args...> await_resume() noexcept {
        auto launched = take();
        if (!launched) {
            return std::unexpected(launched.error());
        }
        return handle(**launched);
    }
};

}  // namespace internal

/// Spawns `f(args...)` as a root on `payer`'s account and waits until the gate admits it, in the
/// order in which that tenant's waiters came. Nobody joins it but by the handle; its tenant owns
/// it.
///
/// Suspends: until admitted, at most to the deadline of the spawning task. A task that spawns onto
///           its own account is not held up.
/// Errors:   the refusals that waiting cannot help (shutting_down, out_of_memory);
///           refusal_reason::deadline_exceeded, refusal_reason::stop_requested: `f` did not run.
/// Threads:  a task of the runtime.
template <class F, class... Args>
    requires task_function<F, Args...>
[[nodiscard]] internal::spawn_awaiter<F, Args...> spawn(spawn_payer payer, F&& f, Args&&... args) {
    return {payer, std::forward<F>(f), std::forward<Args>(args)...};
}

}  // namespace drama::inline v0
