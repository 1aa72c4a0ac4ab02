// SPDX-License-Identifier: Apache-2.0
// A program of a simulated node: a task function with its arguments, kept so that each start of the
// node runs it anew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "drama/base/export.hpp"
#include "drama/base/result.hpp"
#include "drama/coro/task.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama::inline v0 {

namespace internal {

/// One run of a program, in one life of its node.
struct program_run {
    join_handle<void> task;
    bool has_ended = false;
    std::string error;  ///< empty: it went well
};

template <class Outcome>
std::string error_of(const Outcome& outcome) {
    if constexpr (requires { outcome.error().message(); }) {
        return outcome ? std::string() : outcome.error().message();
    } else {
        return {};
    }
}

template <class F, class... Args>
task<void> run_program(program_run* run, F f, Args... args) {
    std::string error;
    try {
        auto made = std::invoke(f, std::move(args)...);
        if constexpr (std::is_void_v<typename decltype(made)::value_type>) {
            co_await std::move(made);
        } else {
            auto outcome = co_await std::move(made);
            error = error_of(outcome);
        }
    } catch (const std::exception& thrown) {
        error = std::string("exception: ") + thrown.what();
    } catch (...) {
        error = "an exception of a foreign type";
    }
    run->error = std::move(error);
    run->has_ended = true;
}

}  // namespace internal

/// Threads: the owner of the world; has_ended and error also simulated threads.
class DRAMA_API sim_program {
  public:
    /// Spawns it. Yields why not, or nothing.
    using starter =
        std::function<std::string(runtime&, const spawn_payer&, internal::program_run&)>;

    struct description {
        std::string node;
        std::string tenant;
        std::size_t number = 0;
        bool is_server = false;
        bool is_left_out = false;  ///< it does nothing, and nobody waits for it
        std::source_location where;
    };

    sim_program(description what, starter start)
        : what_(std::move(what)), start_(what_.is_left_out ? starter() : std::move(start)) {}

    /// An error that it yields, or an exception, is a failure of the run.
    sim_program& must_succeed() noexcept {
        must_succeed_ = true;
        return *this;
    }

    const description& what() const noexcept { return what_; }
    bool has_to_succeed() const noexcept { return must_succeed_; }
    /// In the present life of its node, or in the last one.
    bool has_ended() const noexcept { return !runs_.empty() && runs_.back().has_ended; }
    /// What it yielded, in words; empty while it runs and if all went well.
    std::string error() const { return runs_.empty() ? std::string() : runs_.back().error; }
    /// The run's end waits for it.
    bool is_awaited() const noexcept {
        return !what_.is_server && !what_.is_left_out && !has_ended();
    }
    /// Its outermost task; null while there is none.
    internal::spawned* root() const noexcept {
        return runs_.empty() ? nullptr : runs_.back().task.get();
    }

    /// For the node. Yields why it was not started, or nothing.
    std::string start_on(runtime& rt) {
        if (what_.is_left_out) {
            return {};
        }
        const tenant payer = rt.tenants().get_or_create(what_.tenant);
        internal::program_run& run = runs_.emplace_back();
        std::string error = start_(rt, spawn_payer(payer, what_.where), run);
        if (!error.empty()) {
            run.error = error;
            run.has_ended = true;  // nobody waits for what never began
        }
        return error;
    }

  private:
    description what_;
    starter start_;
    bool must_succeed_ = false;
    std::deque<internal::program_run> runs_;
};

namespace internal {

/// Why `made` is no task, or nothing.
inline std::string keep_task(program_run& run, admission<join_handle<void>> made) {
    if (!made) {
        return made.error().code().message();
    }
    run.task = *std::move(made);
    return {};
}

template <class F, class... Args>
sim_program::starter make_starter(F f, Args... args) {
    if constexpr ((std::is_copy_constructible_v<Args> && ...)) {
        return [f = std::move(f), given = std::tuple<Args...>(std::move(args)...)](
                   runtime& rt, const spawn_payer& payer, program_run& run) {
            return std::apply(
                [&](const Args&... each) {
                    return keep_task(
                        run, rt.try_spawn(payer, run_program<F, Args...>, &run, f, each...));
                },
                given);
        };
    } else {
        auto given =
            std::make_shared<std::optional<std::tuple<Args...>>>(std::in_place, std::move(args)...);
        return [f = std::move(f), given](runtime& rt, const spawn_payer& payer,
                                         program_run& run) -> std::string {
            if (!*given) {
                return "its arguments cannot be copied for another start";
            }
            std::tuple<Args...> taken = *std::exchange(*given, std::nullopt);
            return std::apply(
                [&](Args&... each) {
                    return keep_task(run, rt.try_spawn(payer, run_program<F, Args...>, &run, f,
                                                       std::move(each)...));
                },
                taken);
        };
    }
}

}  // namespace internal
}  // namespace drama::inline v0
