// SPDX-License-Identifier: Apache-2.0
// What a DRAMA_SIM_TEST gets: a simulated world with nodes in it, each a process with a runtime of
// its own, and what must hold in it always and at the end.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "drama/base/prng.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/node/sim_test_setup.hpp"
#include "drama/sim/node/survival.hpp"
#include "drama/sim/simulation.hpp"

namespace drama::inline v0 {

/// The name of a node, and where it is written: reports call a task by that place.
struct node_name {
    std::string_view name;
    std::source_location where;

    template <class Text>
        requires std::convertible_to<Text, std::string_view>
    node_name(const Text& from,  // NOLINT: converts, that is its purpose
              std::source_location at = std::source_location::current()) noexcept
        : name(from), where(at) {}
};

/// Threads: the one that made it; what its checks do, also simulated threads.
/// Determinism: the same setup and program give the same run.
class DRAMA_API sim_test_world {
  public:
    explicit sim_test_world(const sim_test_setup& setup);
    ~sim_test_world();
    sim_test_world(const sim_test_world&) = delete;
    sim_test_world& operator=(const sim_test_world&) = delete;

    // What the test sets up.

    /// A value that its tasks and checks share. Lifetime: until the world ends, after the nodes.
    template <class T, class... Args>
    T& keep(Args&&... args) {
        auto made = std::make_shared<T>(std::forward<Args>(args)...);
        T& kept = *made;
        kept_.push_back(std::move(made));
        return kept;
    }
    sim_network& net() noexcept { return sim_.network(); }
    fault_plan& faults() noexcept { return sim_.faults(); }
    /// The test holds whatever breaks of these kinds, wherever: a search breaks every point of
    /// them, one after the other.
    void survives(std::initializer_list<fault_kind> kinds) noexcept { survives_.add(kinds); }
    /// The same for all kinds of "network", "disk", "threads", "time", "tenant" or "user".
    void survives_family(std::string_view family) noexcept { survives_.add_family(family); }
    /// The test holds whichever of its tasks is asked to stop, whenever: a search tries all.
    void survives_stops() noexcept { survives_.add_stops(); }
    const survival& survives() const noexcept { return survives_; }
    /// The runtime of that name; made and started when it is first named.
    runtime& node(std::string_view name) { return *node_called(name).rt; }
    /// Spawns `f(args...)` on `node`, on the account of the tenant that is called like it. The run
    /// goes on until it has ended.
    template <class F, class... Args>
        requires task_function<F, Args...>
    void start(node_name on, F&& f, Args&&... args) {
        start_as(on, on.name, std::forward<F>(f), std::forward<Args>(args)...);
    }
    /// The same on the account of `tenant`.
    template <class F, class... Args>
        requires task_function<F, Args...>
    void start_as(node_name on, std::string_view tenant, F&& f, Args&&... args) {
        launch(on, tenant, false, std::forward<F>(f), std::forward<Args>(args)...);
    }
    /// Spawns what need not end by itself, a server: it is asked to stop when all else has ended.
    template <class F, class... Args>
        requires task_function<F, Args...>
    void serve(node_name on, F&& f, Args&&... args) {
        launch(on, on.name, true, std::forward<F>(f), std::forward<Args>(args)...);
    }
    /// Must hold before every step: it says false, or an expectation in it fails.
    template <class Check>
    void always(Check what) {
        always_.push_back(as_check(std::move(what)));
    }
    /// Must hold when all tasks have ended, while the nodes still stand.
    template <class Check>
    void finally(Check what) {
        finally_.push_back(as_check(std::move(what)));
    }
    /// Lets `length` of virtual time pass now.
    void run_for(duration length);

    /// A number from 1 to `most` for a queue, a pool or a crowd; 1 and 2 are drawn more often.
    std::size_t capacity(std::size_t most);
    /// The test's own stream.
    prng& random() noexcept { return random_; }
    /// Makes `value` part of the event hash. Threads: also simulated ones.
    void note(std::uint64_t value) noexcept { sim_.note(value); }
    instant now() const noexcept { return sim_.now(); }
    sim_world& world() noexcept { return sim_.world(); }

    // For whoever runs the test.

    /// Runs to the end, stops the nodes, and judges. Once.
    const run_verdict& finish();
    const run_verdict& verdict() const noexcept { return verdict_; }
    /// How often `start` and its kin were called.
    std::size_t starts() const noexcept { return starts_; }

  private:
    struct one_node {
        std::string name;
        std::unique_ptr<runtime> rt;
        bool runs = false;
    };
    struct one_root {
        std::shared_ptr<void> handle;  // a join_handle
        internal::spawned* task = nullptr;
        bool serves = false;
        std::size_t number = 0;
        std::string tenant;
    };
    using check = std::function<bool()>;

    template <class Check>
    static check as_check(Check from) {
        if constexpr (std::is_void_v<std::invoke_result_t<Check&>>) {
            return [from = std::move(from)]() mutable {
                from();
                return true;
            };
        } else {
            return from;
        }
    }
    template <class F, class... Args>
    void launch(node_name on, std::string_view tenant, bool serves, F&& f, Args&&... args) {
        const std::size_t number = starts_++;
        one_node& where = node_called(on.name);
        if (!where.runs || is_left_out(number)) {
            return;
        }
        runtime& rt = *where.rt;
        const spawn_payer payer(rt.tenants().get_or_create(tenant), on.where);
        auto made = rt.try_spawn(payer, std::forward<F>(f), std::forward<Args>(args)...);
        if (!made) {
            note_refused(made.error());
            return;
        }
        using handle = std::remove_cvref_t<decltype(*made)>;
        auto kept = std::make_shared<handle>(*std::move(made));
        internal::spawned* const task = kept->get();
        roots_.push_back({std::move(kept), task, serves, number, std::string(tenant)});
    }
    one_node& node_called(std::string_view name);
    bool is_left_out(std::size_t number) const noexcept;
    void note_refused(const refusal& why);
    void fail(std::string word, std::string what);
    static bool ask_whether_over(void* self);
    bool is_over();
    bool has_ended() const noexcept;
    bool run_on(duration longest);
    void judge_end(bool ended, bool is_late);
    void list_waits();

    sim_test_setup setup_;
    std::vector<std::shared_ptr<void>> kept_;
    simulation sim_;
    prng random_;
    std::deque<one_node> nodes_;
    std::vector<one_root> roots_;
    std::vector<check> always_;
    std::vector<check> finally_;
    std::size_t starts_ = 0;
    survival survives_;
    bool finishing_ = false;
    run_verdict verdict_;
};

}  // namespace drama::inline v0
