// SPDX-License-Identifier: Apache-2.0
#include "replay/run/event_loop.hpp"

#include <algorithm>

namespace drama::cli {
namespace {

duration of_seconds(double seconds) {
    return duration(static_cast<std::int64_t>(seconds * 1e9));
}

// Not zero: what a policy takes for "long ago" must be long ago.
constexpr instant first_instant{1s};

}  // namespace

event_loop::event_loop(const workload& what, std::string_view order)
    : what_(&what),
      name_(order),
      lines_(what.tenants.size()),
      now_(first_instant),
      begin_(first_instant),
      warm_(first_instant + of_seconds(what.warm_up_seconds)),
      end_(first_instant + of_seconds(what.seconds)),
      sample_every_(of_seconds(what.sample_ms / 1000)) {
    add_groups();
    add_tenants();
    add_queues(order);
    for (std::uint32_t i = 0; i != tenants_.size(); ++i) {
        if (tenants_[i].plan->arrivals == "trace") {
            traced_.emplace(tenants_[i].plan->name, i);
            continue;
        }
        schedule(begin_ + of_seconds(tenants_[i].plan->start_seconds), event_kind::arrive, i);
        if (tenants_[i].plan->stop_seconds > 0) {
            schedule(begin_ + of_seconds(tenants_[i].plan->stop_seconds), event_kind::stop, i);
        }
    }
    schedule(warm_, event_kind::sample);
    if (!what.trace.empty()) {
        trace_ = std::make_unique<trace_csv>(what.trace);
        read_trace();
    }
}

void event_loop::add_groups() {
    for (const group_plan& each : what_->groups) {
        share_groups::group_id parent = share_groups::root;
        for (std::size_t i = 0; i != group_ids_.size(); ++i) {
            parent = what_->groups[i].name == each.parent ? group_ids_[i] : parent;
        }
        group_ids_.push_back(groups_.add(each.weight, parent));
    }
}

share_groups::group_id event_loop::group_of(const tenant_plan& plan) const {
    for (std::size_t i = 0; i != group_ids_.size(); ++i) {
        if (what_->groups[i].name == plan.group) {
            return group_ids_[i];
        }
    }
    return share_groups::root;
}

void event_loop::add_tenants() {
    const std::vector<double> weights = flat_weights(*what_);
    const bool each_counts = what_->tenant_count() <= replay_records_max;
    std::uint64_t seed = what_->seed;
    for (std::size_t line = 0; line != what_->tenants.size(); ++line) {
        const tenant_plan& plan = what_->tenants[line];
        for (std::uint64_t i = 0; i != plan.count; ++i) {
            tenant_state& made = tenants_.emplace_back(plan, line, group_of(plan));
            made.number = i;
            made.costs_from = prng(splitmix64(seed));
            made.arrivals_from = prng(splitmix64(seed));
            for (const stage_plan& stage : plan.stages) {
                made.costs.push_back(stage.cost.one(made.costs_from));
            }
            made.services.resize(what_->queues.size());
            made.warm.resize(what_->queues.size());
            if (each_counts) {
                made.record = static_cast<std::int32_t>(figures_.size());
                figures_.emplace_back();
            }
            members_.push_back({.share = &made.share, .weight = weights[line]});
        }
        lines_[line].tenants = plan.count;
    }
}

void event_loop::add_queues(std::string_view order) {
    std::vector<double> weights;
    for (const order_member& each : members_) {
        weights.push_back(each.weight);
    }
    const bool has_ledger = !what_->groups.empty() || what_->queues.size() > 1;
    for (std::size_t q = 0; q != what_->queues.size(); ++q) {
        const queue_plan& plan = what_->queues[q];
        const auto servers = static_cast<std::uint32_t>(plan.servers);
        queue_state& made = queues_.emplace_back();
        made.plan = &plan;
        ledger_.set_capacity(resource_of(plan.id()), static_cast<double>(servers));
        for (const tenant_state& each : tenants_) {
            const bool is_first = each.plan->stages[0].queue_index == q;
            made.rates.push_back(is_first ? service_rates{each.plan->reserved, each.plan->limit}
                                          : service_rates{});
        }
        made.order = make_order(order, {.members = members_,
                                        .rates = made.rates,
                                        .ledger = has_ledger ? &ledger_ : nullptr,
                                        .servers = servers,
                                        .id = plan.id(),
                                        .knows_costs = plan.knows_costs,
                                        .seed = what_->seed});
        made.ideal = std::make_unique<fluid>(servers, weights);
        made.servers.resize(servers);
        if (plan.refresh_ms > 0 && plan.id() != queue_id::async) {
            schedule(begin_ + of_seconds(plan.refresh_ms / 1000), event_kind::refresh, 0, q);
        }
    }
}

void event_loop::schedule(instant when, event_kind kind, std::uint32_t index, std::size_t queue) {
    events_.push({when, ++order_, index, static_cast<std::uint16_t>(queue), kind});
}

std::string event_loop::run() {
    while (wrong_.empty() && !events_.empty() && events_.top().when <= end_) {
        const event next = events_.top();
        events_.pop();
        now_ = next.when;
        ++handled_;
        handle(next);
    }
    now_ = end_;
    return wrong_;
}

void event_loop::handle(const event& what) {
    switch (what.kind) {
        case event_kind::finish:
            return finish(what.queue, what.index);
        case event_kind::arrive:
            return arrive(what.index);
        case event_kind::stop:
            return stop(what.index);
        case event_kind::fill:
            return fill(what.queue);
        case event_kind::wake:
            return wake(what.queue, what.index);
        case event_kind::again:
            return again(what.index);
        case event_kind::refresh:
            return refresh(what.queue);
        case event_kind::sample:
            return sample();
        case event_kind::trace:
            return follow_trace();
    }
}

// A closed tenant begins with all its items; an open one gets one, or a burst, and the next date.
void event_loop::arrive(std::uint32_t index) {
    tenant_state& of = tenants_[index];
    if (of.is_stopped) {
        return;
    }
    const tenant_plan& plan = *of.plan;
    if (plan.is_closed()) {
        return begin_tenant(index);
    }
    for (std::uint64_t i = 0; i != plan.burst; ++i) {
        add_item(index);
    }
    schedule(now_ + gap_of(of), event_kind::arrive, index);
}

void event_loop::begin_tenant(std::uint32_t index) {
    const tenant_plan& plan = *tenants_[index].plan;
    if (plan.arrivals == "backlogged") {
        for (const stage_plan& stage : plan.stages) {
            queues_[stage.queue_index].ideal->set_backlogged(index, true, now_);
        }
    }
    for (std::uint64_t i = 0; i != plan.outstanding; ++i) {
        add_item(index);
    }
}

duration event_loop::gap_of(tenant_state& of) {
    const double mean_ns = 1e9 / of.plan->rate;
    if (of.plan->arrivals == "poisson") {
        return draw_gap(of.arrivals_from, mean_ns);
    }
    const double burst = of.plan->arrivals == "bursts" ? static_cast<double>(of.plan->burst) : 1;
    return std::max(duration(1), duration(static_cast<std::int64_t>(mean_ns * burst)));
}

replay_item& event_loop::take_item() {
    if (spare_.empty()) {
        if (items_.size() == replay_items_max) {
            wrong_ = "more than " + std::to_string(replay_items_max) + " items are queued under " +
                     name_;
        }
        return items_.emplace_back();
    }
    replay_item* const item = spare_.back();
    spare_.pop_back();
    return *item;
}

void event_loop::add_item(std::uint32_t index) {
    tenant_state& of = tenants_[index];
    begin_item(index, of.plan->cls(), of.costs[0].draw(of.costs_from));
}

void event_loop::begin_item(std::uint32_t index, work_class cls, duration cost) {
    replay_item& item = take_item();
    item.tenant = index;
    item.stage = 0;
    item.arrived = now_;
    item.cls = cls;
    if (counts()) {
        with_figures(index, [](replay_figures& each) { ++each.arrived; });
    }
    enter(item, cost);
}

// One line of the trace is held; the file may be larger than memory.
void event_loop::read_trace() {
    const auto more = trace_->next(next_in_trace_);
    if (!more) {
        wrong_ = more.error();
    } else if (*more) {
        schedule(begin_ + next_in_trace_.at, event_kind::trace);
    }
}

void event_loop::follow_trace() {
    begin_item(traced_.at(next_in_trace_.tenant), next_in_trace_.cls, next_in_trace_.cost);
    read_trace();
}

void event_loop::enter(replay_item& item, duration cost) {
    tenant_state& of = tenants_[item.tenant];
    const std::size_t index = of.plan->stages[item.stage].queue_index;
    queue_state& queue = queues_[index];
    item.cost = cost;
    if (of.plan->arrivals != "backlogged") {
        queue.ideal->arrive(item.tenant, item.cost, now_);
    }
    const auto server = queue.order->push(item, now_);
    if (server) {
        if (queue.servers[*server].item == nullptr) {
            schedule(now_, event_kind::wake, *server, index);
        }
    } else if (!queue.is_fill_due) {
        queue.is_fill_due = true;
        schedule(now_, event_kind::fill, 0, index);
    }
}

// All that arrives at one time is there before a server looks.
void event_loop::fill(std::size_t queue) {
    queues_[queue].is_fill_due = false;
    if (now_ >= queues_[queue].looks_again) {
        queues_[queue].looks_again = never;
    }
    for (std::uint32_t i = 0; i != queues_[queue].servers.size(); ++i) {
        if (queues_[queue].servers[i].item == nullptr && !start_on(queue, i)) {
            return;
        }
    }
}

void event_loop::wake(std::size_t queue, std::uint32_t server) {
    if (queues_[queue].servers[server].item == nullptr) {
        start_on(queue, server);
    }
}

void event_loop::again(std::uint32_t index) {
    if (!tenants_[index].is_stopped) {
        add_item(index);
    }
}

bool event_loop::start_on(std::size_t queue, std::uint32_t server) {
    queue_state& at = queues_[queue];
    replay_item* const item = at.order->start(server, now_);
    at.servers[server].item = item;
    if (item == nullptr) {
        look_again(queue);
        return false;
    }
    item->started = now_;
    service_count& service = tenants_[item->tenant].services[queue];
    ++service.running;
    service.started_sum += now_.time_since_epoch().count();
    if (counts()) {
        const auto wait = static_cast<std::uint64_t>((now_ - item->queued_at).count());
        with_figures(item->tenant, [wait](replay_figures& each) { each.wait_ns.record(wait); });
        if (starts_.size() != what_->starts) {
            starts_.push_back({.server = server, .tenant = tenants_[item->tenant].name()});
        }
    }
    schedule(now_ + item->cost, event_kind::finish, server, queue);
    return true;
}

void event_loop::look_again(std::size_t queue) {
    queue_state& at = queues_[queue];
    const instant next = at.order->next_allowed();
    if (next < at.looks_again) {
        at.looks_again = std::max(next, now_ + 1ns);
        schedule(at.looks_again, event_kind::fill, 0, queue);
    }
}

void event_loop::finish(std::size_t queue, std::uint32_t server) {
    queue_state& at = queues_[queue];
    replay_item& item = *at.servers[server].item;
    service_count& service = tenants_[item.tenant].services[queue];
    --service.running;
    service.started_sum -= item.started.time_since_epoch().count();
    service.done += item.cost.count();
    at.order->finish(server, now_);
    tenant_state& of = tenants_[item.tenant];
    if (++item.stage != of.plan->stages.size()) {
        enter(item, of.costs[item.stage].draw(of.costs_from));
    } else {
        leave(item);
    }
    start_on(queue, server);
}

void event_loop::leave(replay_item& item) {
    const std::uint32_t index = item.tenant;
    const auto response = static_cast<std::uint64_t>((now_ - item.arrived).count());
    if (counts()) {
        with_figures(index, [response](replay_figures& each) {
            ++each.finished;
            each.response_ns.record(response);
        });
    }
    spare_.push_back(&item);
    tenant_state& of = tenants_[index];
    if (of.plan->is_closed() && of.plan->think_us > 0) {
        schedule(now_ + draw_gap(of.arrivals_from, of.plan->think_us * 1000), event_kind::again,
                 index);
    } else if (of.plan->is_closed()) {
        again(index);
    }
}

void event_loop::refresh(std::size_t queue) {
    queue_state& at = queues_[queue];
    for (std::uint32_t i = 0; i != at.servers.size(); ++i) {
        if (const replay_item* const item = at.servers[i].item) {
            at.order->refresh(i, now_ - item->started, now_);
        }
    }
    schedule(now_ + of_seconds(at.plan->refresh_ms / 1000), event_kind::refresh, 0, queue);
}

void event_loop::stop(std::uint32_t index) {
    tenant_state& of = tenants_[index];
    of.is_stopped = true;
    for (const stage_plan& stage : of.plan->stages) {
        queues_[stage.queue_index].ideal->set_backlogged(index, false, now_);
    }
}

void event_loop::sample() {
    if (now_ == warm_) {
        for (tenant_state& each : tenants_) {
            for (std::size_t q = 0; q != queues_.size(); ++q) {
                each.warm[q] = each.services[q].at(now_);
            }
        }
    }
    for (std::size_t q = 0; q != queues_.size(); ++q) {
        fluid& ideal = *queues_[q].ideal;
        ideal.advance(now_);
        for (std::uint32_t i = 0; i != tenants_.size(); ++i) {
            const double lag =
                ideal.service(i) - static_cast<double>(tenants_[i].services[q].at(now_));
            const double in_fair = lag / ideal.rate(i) / 1e9;
            with_figures(i, [lag, in_fair](replay_figures& each) {
                each.lag_ns.add(lag);
                each.lag_fair_s.add(in_fair);
            });
        }
    }
    schedule(now_ + sample_every_, event_kind::sample);
}

}  // namespace drama::cli
