// SPDX-License-Identifier: Apache-2.0
// What breaks when: rules that a world asks at every point where a fault of some kind could happen.
// Without rules nothing happens and the points are only counted.
//
//     sim.world().faults().add({.kind = fault_kind::disk_error, .when = probability(0.01),
//                               .tenant = "acme", .site = "disk.write"});
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"
#include "drama/base/prng.hpp"
#include "drama/fault/fault_kind.hpp"

namespace drama::inline v0 {

class account;

/// Which of the points that a rule matches it breaks. Made by the functions below.
struct fault_when {
    double probability = 0;
    std::uint64_t kth = 0;  ///< counted from 1 over the points that the rule matches; 0: any
    bool from_then_on = false;
    std::int64_t above = INT64_MIN;  ///< only points whose amount is larger
};

/// Each with this probability, 0 to 1. Determinism: drawn from the rule's own stream.
constexpr fault_when probability(double chance) noexcept {
    return {.probability = chance};
}
/// The k-th, counted from 1, and no other.
constexpr fault_when nth(std::uint64_t k) noexcept {
    return {.probability = 1, .kth = k};
}
/// The k-th, counted from 1, and all later ones.
constexpr fault_when from(std::uint64_t k) noexcept {
    return {.probability = 1, .kth = k, .from_then_on = true};
}
constexpr fault_when always() noexcept {
    return {.probability = 1};
}
/// Those whose amount (the bytes that a tenant would have, say) is above a quota.
constexpr fault_when over(std::int64_t quota) noexcept {
    return {.probability = 1, .above = quota};
}

struct fault_rule {
    fault_kind kind = fault_kind::user;
    fault_when when = always();
    std::string tenant = {};  ///< the payer's name; empty: any, and points that nobody pays for
    std::string site = {};    ///< what the site begins with; empty: any
    std::string node = {};    ///< empty: any
    std::optional<std::int64_t> value = {};  ///< the kind's argument; nothing: usual_value(kind)
};

/// A point where a fault of one kind could happen now.
struct fault_site {
    fault_kind kind;
    std::string_view site;           ///< "tcp.recv": where. Lifetime: a literal's
    const account* payer = nullptr;  ///< a tenant_record, or null
    std::string_view node = {};
    std::int64_t amount = 0;  ///< for fault_when::above
};

/// One that happened.
struct fired_fault {
    fault_kind kind{};
    std::string_view site = {};
    std::string tenant = {};
    std::uint64_t k = 0;  ///< the how manieth point that its rule matched
    std::int64_t value = 0;
};

/// "disk_error at disk.write of 'acme', the 3rd".
DRAMA_API std::string to_text(const fired_fault& fault);

/// Threads: any. Determinism: the answers follow from the seed, the rules and the order of the
/// questions; each rule draws from a stream of its own, so that another rule less changes nothing
/// else.
class DRAMA_API fault_plan {
  public:
    static constexpr std::size_t rules_max = 256;
    static constexpr std::size_t log_max = 1'024;  ///< later ones are only counted

    explicit fault_plan(std::uint64_t seed) noexcept : seed_(seed) {}
    fault_plan(const fault_plan&) = delete;
    fault_plan& operator=(const fault_plan&) = delete;

    /// Requires: a probability from 0 to 1; fewer than rules_max rules.
    void add(fault_rule rule);
    /// Nothing breaks any more; counts and log stay.
    void clear() noexcept;
    bool is_empty() const noexcept { return kinds_.load(std::memory_order_relaxed) == 0; }

    /// The value of the first rule that breaks this point. Every rule that matches counts it.
    ///
    /// Complexity: a count if no rule is of this kind, else O(rules).
    std::optional<std::int64_t> decide(const fault_site& at) noexcept {
        return count_point(at.kind) ? decide_counted(at) : std::nullopt;
    }
    /// The two halves of decide, for those to whom it costs something to say where they are: counts
    /// a point; true if there are rules of its kind, and decide_counted must be asked.
    bool count_point(fault_kind kind) noexcept {
        const auto index = static_cast<std::size_t>(kind);
        // Not an atomic addition: that would be most of what a simulated step costs.
        asked_[index].store(asked_[index].load(std::memory_order_relaxed) + 1,
                            std::memory_order_relaxed);
        return (kinds_.load(std::memory_order_relaxed) >> index & 1U) != 0;
    }
    std::optional<std::int64_t> decide_counted(const fault_site& at) noexcept;

    /// Points of this kind so far. Where several threads ask at once a few may be missing.
    std::uint64_t asked(fault_kind kind) const noexcept { return read(asked_, kind); }
    std::uint64_t fired(fault_kind kind) const noexcept { return read(fired_, kind); }
    /// Points of all kinds so far.
    std::uint64_t points() const noexcept;
    /// Kinds of which at least one has fired.
    std::size_t kinds_fired() const noexcept;
    /// The first log_max that fired, in order.
    std::vector<fired_fault> log() const;

    /// For worlds: the number of the worker thread that is made now, from 0.
    std::size_t count_worker() noexcept {
        return workers_made_.fetch_add(1, std::memory_order_relaxed);
    }
    /// Told of each fault that fires, under the plan's lock: it must not ask the plan. For worlds.
    using observer = void (*)(void* with, const fired_fault& fault) noexcept;
    void observe(observer call, void* with) noexcept;

  private:
    using counters = std::array<std::atomic<std::uint64_t>, fault_kinds>;
    static_assert(fault_kinds <= 64, "kinds_ has a bit for each");

    struct armed_rule {
        fault_rule rule;
        prng random;
        std::uint64_t seen = 0;
    };

    static std::uint64_t read(const counters& of, fault_kind kind) noexcept {
        return of[static_cast<std::size_t>(kind)].load(std::memory_order_relaxed);
    }
    static bool matches(const fault_rule& rule, const fault_site& at) noexcept;
    static bool breaks(armed_rule& armed, const fault_site& at) noexcept;
    void note_fired(const armed_rule& by, const fault_site& at, std::int64_t value) noexcept;

    const std::uint64_t seed_;
    std::atomic<std::uint64_t> kinds_{0};  // bit k: there are rules of kind k
    counters asked_{};
    counters fired_{};
    std::atomic<std::size_t> workers_made_{0};
    mutable std::mutex lock_;  // guards all below
    std::vector<armed_rule> rules_;
    std::uint64_t rules_made_ = 0;
    std::vector<fired_fault> log_;
    observer observer_ = nullptr;
    void* observed_with_ = nullptr;
};

/// What a user's callback throws at a throw_point.
struct injected_fault : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// In user code, where something of the user's own may fail: true asks the code to behave as if it
/// had. Asks for the kind `user`, on the running task's account, in the plan of the world that the
/// calling thread runs in; without one: false.
/// Threads: any.
[[nodiscard]] DRAMA_API bool fault_point(std::string_view site) noexcept;

/// The same inside a callback, hook or comparator: throws injected_fault if a rule for the kind
/// `callback_throws` says so.
DRAMA_API void throw_point(std::string_view site);

/// Asks the plan of the calling thread, if it has one, on the running task's account.
DRAMA_API std::optional<std::int64_t> decide_here(fault_kind kind, std::string_view site) noexcept;

/// How a fault takes time: a pause, a stall, a burst of CPU. The world's.
class DRAMA_API fault_time {
  public:
    /// The calling thread goes on `length` later; `stuck` nanoseconds: never. `burns`: on the CPU
    /// meanwhile.
    virtual void pass(duration length, bool burns) noexcept = 0;

  protected:
    ~fault_time() = default;
};

/// What an OS thread that runs inside a world knows of its faults.
struct fault_context {
    fault_plan* plan = nullptr;
    fault_time* time = nullptr;
    std::string_view node = {};
};

/// For worlds: where the calling OS thread runs from now on. Yields where it ran before.
/// Lifetime: of what it names, until the next call on this thread.
DRAMA_API fault_context bind_faults(const fault_context& to) noexcept;
DRAMA_API fault_context faults_of_this_thread() noexcept;

/// The context of the calling thread for as long as it stands.
class fault_binding {
  public:
    explicit fault_binding(fault_plan& plan, fault_time* time = nullptr) noexcept
        : before_(bind_faults({.plan = &plan, .time = time})) {}
    ~fault_binding() { bind_faults(before_); }
    fault_binding(const fault_binding&) = delete;
    fault_binding& operator=(const fault_binding&) = delete;

  private:
    fault_context before_;
};

}  // namespace drama::inline v0
