// SPDX-License-Identifier: Apache-2.0
// drama's order of async tasks: a fair_queue whose shards help each other as the workers do. A turn
// serves one tenant for a quantum.
#include <unordered_map>

#include "drama/base/prng.hpp"
#include "drama/sched/fair_queue.hpp"
#include "replay/orders/service_order.hpp"

namespace drama::cli {
namespace {

constexpr std::size_t items_stolen_max = 64;

class drama_turns final : public service_order {
  public:
    explicit drama_turns(const order_setup& setup)
        : queue_(policy::fair, setup.servers, setup.id, setup.ledger),
          random_(setup.seed),
          workers_(setup.servers),
          members_(setup.members),
          lanes_(setup.members.size()),
          homes_(setup.members.size()) {
        for (std::size_t i = 0; i != homes_.size(); ++i) {
            homes_[i] = static_cast<std::uint32_t>(random_.below(setup.servers));
            tenants_of_[setup.members[i].share] = static_cast<std::uint32_t>(i);
        }
    }
    ~drama_turns() override {
        for (std::uint32_t w = 0; w != workers_.size(); ++w) {
            turn left = workers_[w].current ? workers_[w].current : queue_.shard(w).pick(last_);
            while (left) {
                while (queue_.shard(w).pop(*left.lanes, last_) != nullptr) {
                }
                queue_.shard(w).settle(*left.lanes, 1ns, last_);
                left = queue_.shard(w).pick(last_);
            }
        }
    }

    std::optional<std::uint32_t> push(replay_item& item, instant now) override {
        last_ = now;
        const std::uint32_t at = place_of(item.tenant);
        workers_[at].is_interrupted |= queue_.shard(at).push(lanes(item.tenant, at), item, now);
        return at;
    }

    replay_item* start(std::uint32_t server, instant now) override {
        last_ = now;
        worker& self = workers_[server];
        for (;;) {
            if (!self.current && !begin_turn(server, now)) {
                self.is_idle = true;
                return nullptr;
            }
            self.is_idle = false;
            const bool is_over =
                self.used > duration(0) && (now >= self.current.ends || self.is_interrupted);
            work_item* const item =
                is_over ? nullptr : queue_.shard(server).pop(*self.current.lanes, now);
            if (item != nullptr) {
                self.item = static_cast<replay_item*>(item);
                homes_[self.item->tenant] = server;
                return self.item;
            }
            queue_.shard(server).settle(*self.current.lanes, self.used, now);
            self.current = {};
        }
    }
    void refresh(std::uint32_t, duration, instant) override {}
    void finish(std::uint32_t server, instant now) override {
        last_ = now;
        workers_[server].used += workers_[server].item->cost;
    }

  private:
    struct worker {
        turn current;
        duration used{};
        replay_item* item = nullptr;
        bool is_idle = true;
        bool is_interrupted = false;
        std::uint64_t turns = 0;
    };
    struct lanes_at {
        std::uint32_t shard;
        std::unique_ptr<lane_set> lanes;
    };

    // A tenant has a lane set on the shards that it was on, as in the runtime.
    lane_set& lanes(std::uint32_t tenant, std::uint32_t shard) {
        for (const lanes_at& each : lanes_[tenant]) {
            if (each.shard == shard) {
                return *each.lanes;
            }
        }
        auto made = std::make_unique<lane_set>(*members_[tenant].share);
        return *lanes_[tenant].emplace_back(shard, std::move(made)).lanes;
    }

    // A worker that idles, else where the tenant was last or another, drawn one, by what waits
    // there.
    std::uint32_t place_of(std::uint32_t tenant) {
        const auto count = static_cast<std::uint32_t>(workers_.size());
        for (std::uint32_t i = 0; i != count; ++i) {
            const std::uint32_t at = (homes_[tenant] + i) % count;
            if (workers_[at].is_idle && queue_.shard(at).size() == 0) {
                return at;
            }
        }
        const std::uint32_t home = homes_[tenant];
        const lane_set& there = lanes(tenant, home);
        if (there.is_running() || !there.empty()) {
            return home;  // what a tenant has waits together
        }
        return static_cast<std::uint32_t>(queue_.less_urgent_of(home, random_.below(count)));
    }

    bool begin_turn(std::uint32_t w, instant now) {
        worker& self = workers_[w];
        ++self.turns;
        if (const std::size_t other = queue_.shard_to_help(w, self.turns); other != w) {
            take_from(w, other, now);
        }
        self.current = queue_.shard(w).pick(now);
        if (!self.current && take_from_any(w, now)) {
            self.current = queue_.shard(w).pick(now);
        }
        self.used = duration(0);
        self.is_interrupted = false;
        return static_cast<bool>(self.current);
    }

    bool take_from_any(std::uint32_t w, instant now) {
        for (std::size_t i = 1; i != workers_.size(); ++i) {
            if (take_from(w, (w + i) % workers_.size(), now)) {
                return true;
            }
        }
        return false;
    }
    bool take_from(std::uint32_t w, std::size_t other, instant now) {
        lane_set* const from = queue_.shard(other).steal_candidate(now);
        if (from == nullptr || from->empty()) {
            return false;
        }
        lane_set& to = lanes(tenants_of_.at(&from->share()), w);
        return queue_.shard(other).steal(*from, to, queue_.shard(w), items_stolen_max, now) != 0;
    }

    fair_queue queue_;
    prng random_;
    std::vector<worker> workers_;
    std::span<const order_member> members_;
    std::vector<std::vector<lanes_at>> lanes_;
    std::vector<std::uint32_t> homes_;
    std::unordered_map<const tenant_share*, std::uint32_t> tenants_of_;
    instant last_ = long_ago;
};

}  // namespace

std::unique_ptr<service_order> make_drama_turns(const order_setup& setup) {
    return std::make_unique<drama_turns>(setup);
}

}  // namespace drama::cli
