// SPDX-License-Identifier: Apache-2.0
// drama's order of functions that run to their end: pool_order as the pools and the disk use it.
#include <deque>

#include "replay/orders/service_order.hpp"

namespace drama::cli {
namespace {

class drama_functions final : public service_order {
  public:
    explicit drama_functions(const order_setup& setup)
        : order_(policy::fair, setup.servers, setup.id, 1, setup.ledger),
          grants_(setup.servers),
          knows_costs_(setup.knows_costs) {
        for (const order_member& each : setup.members) {
            lanes_.emplace_back(*each.share);
        }
        for (std::size_t i = 0; i != setup.rates.size(); ++i) {
            lanes_[i].set_rates(setup.rates[i]);
        }
    }
    // What is still queued leaves, so that no lane set dies while it is linked.
    ~drama_functions() override {
        for (pool_grant& each : grants_) {
            if (each) {
                order_.settle(each, 1ns, last_);
            }
        }
        for (;;) {
            while (pool_grant left = order_.pick(0, last_)) {
                order_.settle(left, 1ns, last_);
            }
            if (order_.next_allowed() == never) {
                break;
            }
            last_ = order_.next_allowed();
        }
    }

    std::optional<std::uint32_t> push(replay_item& item, instant now) override {
        item.known_cost = knows_costs_ ? item.cost : duration(0);
        item.site = item.stage + 1;
        last_ = now;
        order_.push(lanes_[item.tenant], item, now);
        return std::nullopt;
    }
    replay_item* start(std::uint32_t server, instant now) override {
        last_ = now;
        grants_[server] = order_.pick(server, now);
        return static_cast<replay_item*>(grants_[server].item);
    }
    void refresh(std::uint32_t server, duration used, instant now) override {
        order_.refresh(grants_[server], used, now);
    }
    void finish(std::uint32_t server, instant now) override {
        pool_grant& done = grants_[server];
        order_.settle(done, static_cast<replay_item*>(done.item)->cost, now);
    }

    instant next_allowed() const override { return order_.next_allowed(); }

  private:
    pool_order order_;
    std::deque<pool_lanes> lanes_;
    std::vector<pool_grant> grants_;
    bool knows_costs_;
    instant last_ = long_ago;
};

}  // namespace

std::unique_ptr<service_order> make_drama_functions(const order_setup& setup) {
    return std::make_unique<drama_functions>(setup);
}

}  // namespace drama::cli
