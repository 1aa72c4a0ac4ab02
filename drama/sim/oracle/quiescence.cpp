// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/oracle/quiescence.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "drama/runtime/pool/thread_pool.hpp"
#include "drama/sim/report/run_trace.hpp"
#include "drama/tenant/tenant_record.hpp"

namespace drama::inline v0 {
namespace {

constexpr std::size_t listed_max = 8;
constexpr std::size_t none = static_cast<std::size_t>(-1);

struct edge {
    std::size_t to = none;
    const void* pool = nullptr;  ///< a permit of it is waited for
    bool is_lock = false;
    std::string why;
};

struct node {
    task_census::live_task live;
    bool waits = false;
    wait_record record;
    const task_census::object* primitive = nullptr;
    std::vector<edge> on;
    verdict_kind alone = verdict_kind::external;  ///< what it is if it waits for no task
    std::string note;                             ///< and why
};

std::string named(const node& of) {
    const char* const name = of.live.task->name;
    const std::string text = "task " + std::to_string(of.live.number);
    return *name == 0 ? text : text + " '" + name + '\'';
}

class wait_graph {
  public:
    explicit wait_graph(const task_census& all);

    bool empty() const noexcept { return nodes_.empty(); }
    verdict judge() const;

  private:
    void look(node& at) const;
    void connect(node& at);
    void connect_holders(node& at);
    void connect_users(node& at, const std::vector<std::uint64_t>& users, const char* what);
    void connect_call(node& at);
    void connect_children(node& at);
    void add(node& from, std::uint64_t number, std::string why, const void* pool = nullptr,
             bool is_lock = false);
    std::size_t index_of(std::uint64_t number) const noexcept;
    std::vector<std::size_t> shortest_cycle() const;
    std::vector<std::size_t> cycle_from(std::size_t start, std::size_t shorter_than) const;
    const edge& edge_between(std::size_t from, std::size_t to) const;
    waiting_task describe(const node& of, const edge* on) const;
    verdict judge_cycle(const std::vector<std::size_t>& cycle) const;
    verdict judge_alone() const;

    const task_census* all_;
    std::vector<node> nodes_;
};

wait_graph::wait_graph(const task_census& all) : all_(&all) {
    for (const task_census::live_task& each : all.tasks()) {
        nodes_.emplace_back().live = each;
        look(nodes_.back());
    }
    for (node& each : nodes_) {
        connect(each);
    }
}

void wait_graph::look(node& at) const {
    const wait_record* seen = nullptr;
    at.live.task->inspect_wait([&](const wait_record* record) {
        if (record != nullptr) {
            at.waits = true;
            at.record = *record;
            seen = record;
        }
    });
    if (seen != nullptr && seen == at.live.asked) {
        at.primitive = all_->find(*at.live.from);
    }
}

std::size_t wait_graph::index_of(std::uint64_t number) const noexcept {
    const auto found = std::ranges::lower_bound(nodes_, number, {},
                                                [](const node& each) { return each.live.number; });
    return found != nodes_.end() && found->live.number == number
               ? static_cast<std::size_t>(found - nodes_.begin())
               : none;
}

void wait_graph::add(node& from, std::uint64_t number, std::string why, const void* pool,
                     bool is_lock) {
    const std::size_t to = index_of(number);
    if (to != none) {
        from.on.push_back({to, pool, is_lock, std::move(why) + ' ' + named(nodes_[to])});
    }
}

void wait_graph::connect(node& at) {
    if (!at.waits) {
        at.alone = verdict_kind::stranded;
        return;
    }
    switch (at.record.kind) {
        case wait_kind::join:
            add(at, all_->number_of(*at.record.current_holder()), "joins");
            break;
        case wait_kind::children:
            connect_children(at);
            break;
        case wait_kind::lock:
            at.alone = verdict_kind::orphan;
            connect_holders(at);
            break;
        case wait_kind::space:
            at.alone = verdict_kind::orphan;
            connect_holders(at);
            if (at.primitive != nullptr && !at.primitive->has_permits) {
                connect_users(at, at.primitive->wanted_item, "room is made by");
            }
            break;
        case wait_kind::item:
            at.alone = verdict_kind::orphan;
            if (at.primitive != nullptr) {
                connect_users(at, at.primitive->wanted_space, "items come from");
            }
            break;
        case wait_kind::compute:
        case wait_kind::blocking:
            connect_call(at);
            break;
        case wait_kind::admission:
            at.alone = verdict_kind::orphan;
            break;
        case wait_kind::turn:
            at.alone = verdict_kind::stranded;
            break;
        case wait_kind::timer:
        case wait_kind::io:
            break;
    }
}

// Who holds what it wants. One that has ended, or is not known, will not give it back.
void wait_graph::connect_holders(node& at) {
    const bool is_lock = at.record.kind == wait_kind::lock;
    const void* const pool = is_lock ? nullptr : at.primitive;
    if (at.primitive == nullptr) {
        const runnable* const holder = at.record.current_holder();
        if (holder != nullptr && all_->number_of(*holder) != 0) {
            add(at, all_->number_of(*holder), "held by", nullptr, true);
        } else if (is_lock) {
            at.alone = verdict_kind::dormant_holder;
            at.note = "held by no task that lives";
        }
        return;
    }
    for (const task_census::holding& each : at.primitive->holders) {
        const std::string taken = "taken at " + place_text(each.taken_at) + ", held by";
        if (index_of(each.task) != none) {
            add(at, each.task, taken, pool, is_lock);
        } else {
            at.alone = verdict_kind::dormant_holder;
            at.note = taken + " task " + std::to_string(each.task) + ", which has ended";
        }
    }
    if (is_lock && at.on.empty() && at.note.empty()) {
        at.alone = verdict_kind::dormant_holder;
        at.note = "held by no task that lives";
    }
}

void wait_graph::connect_users(node& at, const std::vector<std::uint64_t>& users,
                               const char* what) {
    for (const std::uint64_t each : users) {
        if (each != at.live.number) {
            add(at, each, what);
        }
    }
}

void wait_graph::connect_children(node& at) {
    for (const node& each : nodes_) {
        if (internal::group_of(*each.live.task) == at.record.object) {
            add(at, each.live.number, "waits for its child,");
        }
    }
}

// Follows a call to the thread that runs it and to what that thread waits for.
void wait_graph::connect_call(node& at) {
    const auto* next = static_cast<const job*>(at.record.object);
    for (std::size_t steps = 0; next != nullptr && steps <= nodes_.size(); ++steps) {
        const pool_thread* const runner = next->runner;
        if (next->progress == job::state::queued) {
            at.alone = verdict_kind::starved_pool;
            at.note = "queued, and no thread comes free";
            return;
        }
        if (runner == nullptr || (runner->joins() == nullptr && runner->waits_for() == nullptr)) {
            at.note = "the function does not return";
            return;
        }
        if (runner->joins() != nullptr) {
            add(at, all_->number_of(*runner->joins()), "the function waits for");
            return;
        }
        next = runner->waits_for();
    }
}

// Breadth first: the shortest way from `start` back to itself.
std::vector<std::size_t> wait_graph::cycle_from(std::size_t start, std::size_t shorter_than) const {
    std::vector<std::size_t> came_from(nodes_.size(), none);
    std::vector<std::size_t> line{start};
    for (std::size_t head = 0; head < line.size(); ++head) {
        for (const edge& each : nodes_[line[head]].on) {
            if (each.to == start) {
                std::vector<std::size_t> cycle;
                for (std::size_t at = line[head]; at != none; at = came_from[at]) {
                    cycle.push_back(at);
                }
                std::ranges::reverse(cycle);
                return cycle.size() < shorter_than ? cycle : std::vector<std::size_t>();
            }
            if (came_from[each.to] == none && each.to != start) {
                came_from[each.to] = line[head];
                line.push_back(each.to);
            }
        }
    }
    return {};
}

std::vector<std::size_t> wait_graph::shortest_cycle() const {
    std::vector<std::size_t> best;
    for (std::size_t start = 0; start < nodes_.size(); ++start) {
        auto found = cycle_from(start, best.empty() ? none : best.size());
        if (!found.empty()) {
            best = std::move(found);
        }
    }
    return best;
}

const edge& wait_graph::edge_between(std::size_t from, std::size_t to) const {
    return *std::ranges::find(nodes_[from].on, to, &edge::to);
}

waiting_task wait_graph::describe(const node& of, const edge* on) const {
    const runnable& task = *of.live.task;
    waiting_task seen;
    seen.number = of.live.number;
    seen.name = task.name;
    seen.tenant = static_cast<const tenant_record&>(*task.payer).name();
    seen.spawned_at = place_text(task.site.where);
    if (of.waits) {
        seen.waits_for = of.record.kind;
        seen.waits_at = place_text(of.record.where);
        seen.waited = of.record.lasted(task.home->now());
    }
    if (of.primitive != nullptr) {
        seen.object =
            std::string(name_of(of.record.kind)) + ' ' + std::to_string(of.primitive->number);
    }
    seen.held_by = on != nullptr ? on->why : of.note;
    seen.holder = on != nullptr ? nodes_[on->to].live.number : 0;
    return seen;
}

verdict wait_graph::judge_cycle(const std::vector<std::size_t>& cycle) const {
    verdict seen;
    const void* pool = nullptr;
    bool is_one_pool = true;
    for (std::size_t at = 0; at < cycle.size(); ++at) {
        const edge& on = edge_between(cycle[at], cycle[(at + 1) % cycle.size()]);
        is_one_pool = is_one_pool && !on.is_lock &&
                      (on.pool == nullptr || pool == nullptr || on.pool == pool);
        pool = on.pool != nullptr ? on.pool : pool;
        seen.tasks.push_back(describe(nodes_[cycle[at]], &on));
    }
    seen.kind = is_one_pool && pool != nullptr ? verdict_kind::starved_pool : verdict_kind::cycle;
    seen.summary = seen.kind == verdict_kind::cycle
                       ? "deadlock: cycle of " + std::to_string(cycle.size())
                       : "deadlock: starved pool: all permits are held by tasks that wait for more";
    seen.others = nodes_.size() - cycle.size();
    return seen;
}

// No cycle: those who wait for no other task are why the rest waits.
verdict wait_graph::judge_alone() const {
    verdict seen;
    seen.kind = verdict_kind::external;
    for (const node& each : nodes_) {
        if (each.on.empty()) {
            seen.kind = std::min(seen.kind, each.alone);
        }
    }
    for (const node& each : nodes_) {
        if (each.on.empty() && each.alone == seen.kind && seen.tasks.size() < listed_max) {
            seen.tasks.push_back(describe(each, nullptr));
        }
    }
    seen.others = nodes_.size() - seen.tasks.size();
    static constexpr const char* whys[] = {
        "",
        "",
        "starved pool: a call is queued, and no thread comes free",
        "dormant holder: what a task waits for is held by nobody who will run again",
        "orphan: nobody is left who could end the wait",
        "stranded: a task is suspended and waits for nothing that is known",
        "external: a task waits for a peer that does nothing"};
    seen.summary = std::string("deadlock: ") + whys[static_cast<std::size_t>(seen.kind)];
    return seen;
}

verdict wait_graph::judge() const {
    const std::vector<std::size_t> cycle = shortest_cycle();
    return cycle.empty() ? judge_alone() : judge_cycle(cycle);
}

}  // namespace

verdict judge_quiescence(const task_census& all) {
    const wait_graph graph(all);
    return graph.empty() ? verdict() : graph.judge();
}

}  // namespace drama::inline v0
