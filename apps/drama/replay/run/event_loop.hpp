// SPDX-License-Identifier: Apache-2.0
// The event loop of a replay: arrivals, servers that run items to their end, and looks at the lag.
#pragma once

#include <deque>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "replay/orders/service_order.hpp"
#include "replay/run/fluid.hpp"
#include "replay/run/replay_run.hpp"
#include "replay/workload/trace_csv.hpp"

namespace drama::cli {

class event_loop {
  public:
    event_loop(const workload& what, std::string_view order);
    event_loop(const event_loop&) = delete;
    event_loop& operator=(const event_loop&) = delete;

    /// Empty, or why it ended early.
    std::string run();
    replay_result result() const;

  private:
    enum class event_kind : std::uint8_t {
        finish,
        arrive,
        again,
        stop,
        fill,
        wake,
        refresh,
        sample,
        trace
    };
    struct event {
        instant when;
        std::uint64_t order;
        std::uint32_t index;  // of the tenant, or of the server
        std::uint16_t queue;
        event_kind kind;

        bool operator<(const event& other) const noexcept {
            return when != other.when ? when > other.when : order > other.order;
        }
    };
    struct tenant_state {
        tenant_state(const tenant_plan& made_by, std::size_t line_index,
                     share_groups::group_id group)
            : plan(&made_by),
              line(line_index),
              share(made_by.weight, made_by.latency_setting(), group) {}

        std::string name() const {
            return plan->count == 1 ? plan->name : plan->name + "-" + std::to_string(number);
        }

        const tenant_plan* plan;
        std::size_t line;
        std::uint64_t number = 0;  // within the line
        accounted_share share;
        prng costs_from;
        prng arrivals_from;
        std::vector<cost_law> costs;          // by stage
        std::vector<service_count> services;  // by queue
        std::vector<std::int64_t> warm;       // service at the end of the warm-up, by queue
        std::int32_t record = -1;             // of tenants that have figures of their own
        bool is_stopped = false;
    };
    struct server_state {
        replay_item* item = nullptr;
    };
    struct queue_state {
        const queue_plan* plan = nullptr;
        std::vector<service_rates> rates;
        std::unique_ptr<service_order> order;
        std::unique_ptr<fluid> ideal;
        std::vector<server_state> servers;
        bool is_fill_due = false;
        instant looks_again = never;  // for those whose limits hold them back
    };

    void add_groups();
    share_groups::group_id group_of(const tenant_plan& plan) const;
    void add_tenants();
    void look_again(std::size_t queue);
    void add_queues(std::string_view order);
    void schedule(instant when, event_kind kind, std::uint32_t index = 0, std::size_t queue = 0);
    void handle(const event& what);
    void begin_tenant(std::uint32_t index);
    void arrive(std::uint32_t index);
    void add_item(std::uint32_t index);
    void read_trace();
    void follow_trace();
    void begin_item(std::uint32_t index, work_class cls, duration cost);
    void enter(replay_item& item, duration cost);
    void again(std::uint32_t index);
    void fill(std::size_t queue);
    void wake(std::size_t queue, std::uint32_t server);
    bool start_on(std::size_t queue, std::uint32_t server);
    void finish(std::size_t queue, std::uint32_t server);
    void leave(replay_item& item);
    void refresh(std::size_t queue);
    void sample();
    void stop(std::uint32_t index);
    duration gap_of(tenant_state& of);
    bool counts() const noexcept { return now_ >= warm_; }
    replay_item& take_item();
    template <class Act>
    void with_figures(std::uint32_t index, Act act) {
        act(lines_[tenants_[index].line].all);
        if (tenants_[index].record >= 0) {
            act(figures_[static_cast<std::size_t>(tenants_[index].record)]);
        }
    }

    const workload* what_;
    std::string name_;
    // Orders refer to tenants and to the ledger: queues_ goes first.
    share_groups groups_;
    share_ledger ledger_{groups_};
    std::vector<share_groups::group_id> group_ids_;
    std::deque<tenant_state> tenants_;
    std::vector<order_member> members_;
    std::deque<replay_item> items_;
    std::vector<replay_item*> spare_;
    std::vector<queue_state> queues_;
    std::vector<replay_line> lines_;
    std::vector<replay_start> starts_;
    std::vector<replay_figures> figures_;
    std::priority_queue<event> events_;
    std::unique_ptr<trace_csv> trace_;
    std::unordered_map<std::string_view, std::uint32_t> traced_;
    trace_line next_in_trace_;
    std::string wrong_;
    std::uint64_t order_ = 0;
    std::uint64_t handled_ = 0;
    instant now_ = long_ago;
    instant begin_ = long_ago;
    instant warm_ = long_ago;
    instant end_ = long_ago;
    duration sample_every_{};
};

}  // namespace drama::cli
