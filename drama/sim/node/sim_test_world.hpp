// SPDX-License-Identifier: Apache-2.0
// What a DRAMA_SIM_TEST gets: a simulated world with nodes in it, each with processes that have a
// runtime of their own, what happens to them, and what must hold in it always and in the end.
//
//     sim_test_world world({.seed = seed_or(1)});
//     world.serve("bank", bank_server, endpoint{"bank", 80});
//     world.start("client", transfer_many, endpoint{"bank", 80}, 100);
//     world.after(50ms, [&] { world.restart("bank"); });
//     world.always([&] { return total(world) == 1'000'000; });
//     EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
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

#include "drama/base/export.hpp"
#include "drama/base/prng.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/node/sim_node.hpp"
#include "drama/sim/node/sim_program.hpp"
#include "drama/sim/node/sim_test_setup.hpp"
#include "drama/sim/node/survival.hpp"
#include "drama/sim/oracle/livelock_watch.hpp"
#include "drama/sim/oracle/verdict.hpp"
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

/// Everything in it comes from the seed, in separate streams: schedule, network, disk, nodes, and
/// random() for the test itself. A draw in one moves nothing in the others.
///
/// Threads: the one that made it. What its checks do, and kill, restart, pause, resume, note, now
///          and fail: also simulated threads.
/// Determinism: the same setup and program give the same run.
class DRAMA_API sim_test_world {
  public:
    explicit sim_test_world(const sim_test_setup& setup);
    /// Stops everything, if finish() has not.
    ~sim_test_world();
    sim_test_world(const sim_test_world&) = delete;
    sim_test_world& operator=(const sim_test_world&) = delete;

    // What the test sets up.

    /// A value that its tasks and checks share. Lifetime: until the world ends and its nodes have
    /// stopped; the last made goes first. Descriptors that it still has then are a leak.
    template <class T, class... Args>
    T& keep(Args&&... args) {
        auto made = std::make_shared<T>(std::forward<Args>(args)...);
        T& kept = *made;
        kept_.push_back(std::move(made));
        return kept;
    }
    sim_network& net() noexcept { return sim_.network(); }
    fault_plan& faults() noexcept { return sim_.faults(); }
    /// The programs that child_process::start finds.
    child_programs& children() noexcept { return sim_.world().children(); }
    sim_disk& disk(std::string_view node) { return sim_.world().disk(node); }
    /// The node of that name, made when it is first named. It starts when the world first runs:
    /// until then its options may be changed. Others find it under its name.
    sim_node& node(std::string_view name);
    /// Runs `f(args...)` on a node, on the account of the tenant that is called like it. The run
    /// goes on until it has ended. Each start of the node runs it anew, with copies of the
    /// arguments; with arguments that cannot be copied there is one start.
    template <class F, class... Args>
        requires task_function<F, Args...>
    sim_program& start(node_name on, F f, Args... args) {
        return add(
            {.node = std::string(on.name), .tenant = std::string(on.name), .where = on.where},
            internal::make_starter(std::move(f), std::move(args)...));
    }
    /// The same on the account of `tenant`.
    template <class F, class... Args>
        requires task_function<F, Args...>
    sim_program& start_as(node_name on, std::string_view tenant, F f, Args... args) {
        return add({.node = std::string(on.name), .tenant = std::string(tenant), .where = on.where},
                   internal::make_starter(std::move(f), std::move(args)...));
    }
    /// Runs what need not end by itself, a server: it is stopped when all else has ended.
    template <class F, class... Args>
        requires task_function<F, Args...>
    sim_program& serve(node_name on, F f, Args... args) {
        return add({.node = std::string(on.name),
                    .tenant = std::string(on.name),
                    .is_server = true,
                    .where = on.where},
                   internal::make_starter(std::move(f), std::move(args)...));
    }

    // What happens. Asked for by simulated code, it happens before the next step.

    /// The power of a node fails: its code stops where it is, its connections are reset, its disk
    /// loses what was not synced, as disk(node).options() say. So does disk(node).crash_at(k).
    void kill(std::string_view node) { ask(act::kill, node); }
    /// Its process ends without warning; its disk loses nothing.
    void end_process(std::string_view node) { ask(act::end_process, node); }
    /// Kills it if it is up, and starts it and its programs again. Asked for by on_crash of its
    /// disk while that happens, it is one and the same.
    void restart(std::string_view node) { ask(act::restart, node); }
    /// It gets no CPU until `resume`; time, network and disk go on.
    void pause(std::string_view node) { ask(act::pause, node); }
    void resume(std::string_view node) { ask(act::resume, node); }
    /// SIGTERM, say, comes to its process. Where no signal_set waits for it, the process ends as
    /// the kernel would end it.
    void signal(std::string_view node, int number) { ask(act::signal, node, number); }
    /// Calls `what` when `length` has passed from now. The run does not end before.
    void after(duration length, std::function<void()> what);
    /// Lets `length` of virtual time pass now.
    void run_for(duration length);

    // What must hold.

    /// Must hold before every step: it says false, or an expectation in it fails.
    template <class Check>
    void always(Check what) {
        always_.push_back(as_check(std::move(what)));
    }
    /// Must hold when all programs have ended, while the nodes still stand.
    template <class Check>
    void finally(Check what) {
        finally_.push_back(as_check(std::move(what)));
    }
    /// The test holds whatever breaks of these kinds, wherever: a search breaks every point of
    /// them, one after the other.
    void survives(std::initializer_list<fault_kind> kinds) noexcept { survives_.add(kinds); }
    /// The same for all kinds of "network", "disk", "threads", "time", "tenant" or "user".
    void survives_family(std::string_view family) noexcept { survives_.add_family(family); }
    /// The test holds whichever of its tasks is asked to stop, whenever: a search tries all.
    void survives_stops() noexcept { survives_.add_stops(); }
    const survival& survives() const noexcept { return survives_; }
    /// The run has failed; it ends before the next step. The first failure counts.
    void fail(std::string word, std::string what);
    /// Virtual time after which a run that has not ended is late.
    void set_longest(duration longest) noexcept { setup_.longest = longest; }
    /// Unless something broke or the order is not fair: no tenant with a ready task may be left
    /// without a turn for longer. See lag_bound.
    void starves_nobody_for(duration longest) noexcept { without_turn_most_ = longest; }

    /// A number from 1 to `most` for a queue, a pool or a crowd; 1 and 2 are drawn more often.
    std::size_t capacity(std::size_t most);
    /// The test's own stream.
    prng& random() noexcept { return random_; }
    /// Makes `value` part of the event hash.
    void note(std::uint64_t value) noexcept { sim_.note(value); }
    instant now() const noexcept { return sim_.now(); }
    sim_world& world() noexcept { return sim_.world(); }

    // For whoever runs the test.

    /// Starts the nodes that have not been started.
    void start_nodes();
    /// Runs until all programs that must end have ended, stops the nodes, and judges. Once; later
    /// calls yield the same.
    const run_verdict& finish();
    const run_verdict& verdict() const noexcept { return verdict_; }
    /// A process was killed, or ended without warning.
    bool has_killed() const noexcept { return has_killed_; }
    /// How often `start` and its kin were called.
    std::size_t starts() const noexcept { return programs_.size(); }

  private:
    enum class act : std::uint8_t { kill, lose_power, end_process, restart, pause, resume, signal };
    struct request {
        act what;
        std::string node;
        int number = 0;  ///< of the signal
        bool operator==(const request&) const = default;
    };
    struct scripted {
        instant at;
        std::uint64_t order;
        std::function<void()> what;
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
    sim_options telling_strays(sim_options options);
    sim_program& add(sim_program::description what, sim_program::starter start);
    void ask(act what, std::string_view node, int number = 0);
    void perform(const request& asked);
    void start_again(sim_node& on);
    bool may_be_refused() noexcept;
    void run_until(instant until);
    void run_script();
    void note_strict_programs();
    bool wants_pause();
    bool is_done() noexcept;
    bool is_wrong();
    bool is_stuck() noexcept;
    void ask_expectations();
    void stop_as_planned();
    void judge_end();
    void judge_turns();
    void take(const drama::verdict& seen);
    void list_waits();
    void list_tasks();
    livelock_watch watch_of_stops() noexcept;
    void stop_nodes();
    void bury_nodes();

    sim_test_setup setup_;
    std::vector<std::shared_ptr<void>> kept_;
    simulation sim_;
    prng random_;
    prng node_seeds_;
    std::deque<sim_node> nodes_;
    std::deque<sim_program> programs_;        // their handles go before the runtimes
    std::vector<const sim_program*> strict_;  // those that must succeed
    const sim_node* awaited_ = nullptr;       // the last that had programs to wait for
    std::vector<scripted> script_;            // the next one last
    std::vector<request> requests_;
    const request* performs_ = nullptr;
    std::vector<check> always_;
    std::vector<check> finally_;
    std::uint64_t scripted_ = 0;
    bool runs_ = false;
    bool finishing_ = false;
    bool has_paused_ = false;
    bool has_killed_ = false;
    livelock_watch watch_;
    duration without_turn_most_ = duration::max();
    survival survives_;
    run_verdict verdict_;
};

}  // namespace drama::inline v0
