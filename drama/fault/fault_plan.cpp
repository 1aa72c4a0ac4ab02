// SPDX-License-Identifier: Apache-2.0
#include "drama/fault/fault_plan.hpp"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "drama/base/assert.hpp"
#include "drama/coro/frame_pool.hpp"
#include "drama/coro/runnable.hpp"
#include "drama/tenant/tenant_record.hpp"

namespace drama::inline v0 {
namespace {

struct thread_faults : fault_context {
    bool is_deciding = false;  // what a decision allocates must not ask for another
};

constinit thread_local thread_faults this_thread_faults;

// Asks for allocation_fails at "memory.frame" and its like, or at the same with ".unwinding" while
// an exception travels; for buffers_exhausted at "memory.buffer". A frame may take time as well.
class planned_gate final : public allocation_gate {
  public:
    bool may_allocate(const char* what, std::size_t bytes, const account* payer) noexcept override;
};

constinit planned_gate memory_gate;

[[gnu::noinline]] thread_faults& faults_here() noexcept {
    return this_thread_faults;
}

std::string_view name_of_payer(const account* payer) noexcept {
    return payer == nullptr ? std::string_view()
                            : std::string_view(static_cast<const tenant_record*>(payer)->name());
}

std::string_view memory_site(std::string_view what) noexcept {
    const bool unwinds = std::uncaught_exceptions() > 0;
    if (what == "frame") {
        return unwinds ? "memory.frame.unwinding" : "memory.frame";
    }
    if (what == "job") {
        return unwinds ? "memory.job.unwinding" : "memory.job";
    }
    if (what == "tenant") {
        return unwinds ? "memory.tenant.unwinding" : "memory.tenant";
    }
    return what == "thread" ? "memory.thread" : "memory.buffer";
}

bool planned_gate::may_allocate(const char* what, std::size_t bytes,
                                const account* payer) noexcept {
    const thread_faults& here = faults_here();
    fault_site at{.kind = fault_kind::allocation_fails,
                  .site = memory_site(what),
                  .payer = payer,
                  .node = here.node,
                  .amount = static_cast<std::int64_t>(bytes)};
    if (at.site == "memory.buffer") {
        at.kind = fault_kind::buffers_exhausted;
    } else if (at.site == "memory.frame") {
        const auto length = here.plan->decide({.kind = fault_kind::worker_paused,
                                               .site = "worker.frame",
                                               .payer = payer,
                                               .node = here.node});
        if (length && here.time != nullptr) {
            here.time->pass(duration(*length), false);
        }
    }
    if (payer != nullptr) {
        at.amount += payer->frame_bytes();
    }
    return !here.plan->decide(at);
}

const char* ordinal_ending(std::uint64_t k) noexcept {
    constexpr const char* endings[] = {"th", "st", "nd", "rd"};
    return k / 10 % 10 != 1 && k % 10 < 4 ? endings[k % 10] : endings[0];
}

}  // namespace

std::string to_text(const fired_fault& fault) {
    std::string text(name_of(fault.kind));
    text.append(" at ").append(fault.site);
    if (!fault.tenant.empty()) {
        text.append(" of '").append(fault.tenant).append("'");
    }
    return text + ", the " + std::to_string(fault.k) + ordinal_ending(fault.k);
}

void fault_plan::add(fault_rule rule) {
    DRAMA_ASSERT(rule.when.probability >= 0 && rule.when.probability <= 1,
                 "a probability is from 0 to 1");
    const std::lock_guard guard(lock_);
    DRAMA_ASSERT(rules_.size() < rules_max, "a fault plan has too many rules");
    std::uint64_t state = seed_ + ++rules_made_ * 0xd1b54a32d192ed03ULL;
    const auto bit = std::uint64_t{1} << static_cast<unsigned>(rule.kind);
    rules_.push_back({std::move(rule), prng(splitmix64(state))});
    kinds_.fetch_or(bit, std::memory_order_relaxed);
}

void fault_plan::clear() noexcept {
    const std::lock_guard guard(lock_);
    kinds_.store(0, std::memory_order_relaxed);
    rules_.clear();
}

void fault_plan::observe(observer call, void* with) noexcept {
    const std::lock_guard guard(lock_);
    observer_ = call;
    observed_with_ = with;
}

bool fault_plan::matches(const fault_rule& rule, const fault_site& at) noexcept {
    return rule.kind == at.kind && at.site.starts_with(rule.site) &&
           (rule.node.empty() || rule.node == at.node) &&
           (rule.tenant.empty() || rule.tenant == name_of_payer(at.payer)) &&
           (rule.when.above == INT64_MIN || at.amount > rule.when.above);
}

bool fault_plan::breaks(armed_rule& armed, const fault_site& at) noexcept {
    const fault_when& when = armed.rule.when;
    if (!matches(armed.rule, at)) {
        return false;
    }
    const std::uint64_t k = ++armed.seen;
    if (when.kth != 0 && (when.from_then_on ? k < when.kth : k != when.kth)) {
        return false;
    }
    return when.probability >= 1 || armed.random.unit() < when.probability;
}

std::optional<std::int64_t> fault_plan::decide_counted(const fault_site& at) noexcept {
    thread_faults& here = faults_here();
    if (here.is_deciding) {
        return std::nullopt;
    }
    here.is_deciding = true;
    std::optional<std::int64_t> answer;
    {
        const std::lock_guard guard(lock_);
        for (armed_rule& each : rules_) {
            if (breaks(each, at) && !answer) {
                answer = each.rule.value.value_or(usual_value(at.kind));
                note_fired(each, at, *answer);
            }
        }
    }
    here.is_deciding = false;
    return answer;
}

void fault_plan::note_fired(const armed_rule& by, const fault_site& at,
                            std::int64_t value) noexcept {
    fired_[static_cast<std::size_t>(at.kind)].fetch_add(1, std::memory_order_relaxed);
    fired_fault fault{.kind = at.kind, .site = at.site, .k = by.seen, .value = value};
    try {
        fault.tenant = name_of_payer(at.payer);
        if (log_.size() < log_max) {
            log_.push_back(fault);
        }
    } catch (const std::bad_alloc&) {
        // It has fired all the same, and is counted.
    }
    if (observer_ != nullptr) {
        observer_(observed_with_, fault);
    }
}

std::uint64_t fault_plan::points() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& each : asked_) {
        sum += each.load(std::memory_order_relaxed);
    }
    return sum;
}

std::size_t fault_plan::kinds_fired() const noexcept {
    return static_cast<std::size_t>(std::ranges::count_if(
        fired_, [](const auto& each) { return each.load(std::memory_order_relaxed) != 0; }));
}

std::vector<fired_fault> fault_plan::log() const {
    const std::lock_guard guard(lock_);
    return log_;
}

fault_context bind_faults(const fault_context& to) noexcept {
    install_allocation_gate(to.plan == nullptr ? nullptr : &memory_gate);
    return std::exchange(static_cast<fault_context&>(faults_here()), to);
}

fault_context faults_of_this_thread() noexcept {
    return faults_here();
}

std::optional<std::int64_t> decide_here(fault_kind kind, std::string_view site) noexcept {
    const thread_faults& here = faults_here();
    if (here.plan == nullptr) {
        return std::nullopt;
    }
    const runnable* const task = current_runnable();
    return here.plan->decide({.kind = kind,
                              .site = site,
                              .payer = task == nullptr ? nullptr : task->payer,
                              .node = here.node});
}

bool fault_point(std::string_view site) noexcept {
    return decide_here(fault_kind::user, site).has_value();
}

void throw_point(std::string_view site) {
    if (decide_here(fault_kind::callback_throws, site)) {
        throw injected_fault("injected at " + std::string(site));
    }
}

}  // namespace drama::inline v0
