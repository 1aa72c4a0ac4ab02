// SPDX-License-Identifier: Apache-2.0
// One EEVDF queue for all servers, exact: the mean of all positions is the clock, and every server
// looks at every tenant. What drama's shards come close to without sharing a lock.
#include <deque>
#include <set>

#include "replay/orders/service_order.hpp"

namespace drama::cli {
namespace {

class global_eevdf final : public service_order {
  public:
    explicit global_eevdf(const order_setup& setup)
        : tenants_(setup.members.size()), turns_(setup.servers) {
        for (std::size_t i = 0; i != tenants_.size(); ++i) {
            tenants_[i].weight = setup.members[i].weight;
            tenants_[i].setting = setup.members[i].share->latency_setting();
        }
    }

    std::optional<std::uint32_t> push(replay_item& item, instant now) override {
        item.queued_at = now;
        tenant& of = tenants_[item.tenant];
        const bool joins = of.items.empty() && of.turns == 0;
        of.items.push_back(&item);
        if (joins) {
            const double request = request_of(of);
            of.position = of.has_joined ? std::max(of.position, clock() - request) : clock();
            of.has_joined = true;
            of.deadline = of.position + request;
            count(of, 1);
        }
        if (of.turns == 0 && of.items.size() == 1) {
            stand(item.tenant);
            interrupt_for(of);
        }
        return std::nullopt;
    }

    replay_item* start(std::uint32_t server, instant now) override {
        turn& self = turns_[server];
        for (;;) {
            if (!self.is_running) {
                const auto chosen = choose();
                if (!chosen) {
                    return nullptr;
                }
                if (tenants_[*chosen].turns++ == 0) {
                    withdraw(*chosen);
                }
                self = {.tenant = *chosen, .is_running = true, .ends = now + quantum};
            }
            tenant& of = tenants_[self.tenant];
            const bool is_over = self.used > 0 && (now >= self.ends || self.is_interrupted);
            if (!is_over && !of.items.empty()) {
                self.item = of.items.front();
                of.items.pop_front();
                return self.item;
            }
            end_turn(self);
        }
    }
    void refresh(std::uint32_t, duration, instant) override {}
    void finish(std::uint32_t server, instant) override {
        turns_[server].used += static_cast<double>(turns_[server].item->cost.count());
    }

  private:
    struct tenant {
        std::deque<replay_item*> items;
        double weight = 1;
        double position = 0;
        double deadline = 0;
        latency setting = latency::normal;
        std::uint32_t turns = 0;
        bool is_ready = false;
        bool has_joined = false;
    };
    struct turn {
        std::uint32_t tenant = 0;
        bool is_running = false;
        bool is_interrupted = false;
        double used = 0;
        instant ends = long_ago;
        replay_item* item = nullptr;
    };
    using by_key = std::set<std::pair<double, std::uint32_t>>;

    double clock() const noexcept { return weight_ > 0 ? moment_ / weight_ : 0; }
    void count(const tenant& of, double sign) noexcept {
        moment_ += sign * of.weight * of.position;
        weight_ += sign * of.weight;
    }
    double request_of(const tenant& of) const noexcept {
        const duration slice = slice_of(of.items.front()->cls, of.setting);
        return static_cast<double>(slice.count()) / of.weight;
    }

    void stand(std::uint32_t index) {
        tenant& of = tenants_[index];
        of.is_ready = of.position <= clock();
        if (of.is_ready) {
            ready_.emplace(of.deadline, index);
        } else {
            waiting_.emplace(of.position, index);
        }
    }
    void withdraw(std::uint32_t index) {
        const tenant& of = tenants_[index];
        if (of.is_ready) {
            ready_.erase({of.deadline, index});
        } else {
            waiting_.erase({of.position, index});
        }
    }
    std::optional<std::uint32_t> choose() {
        while (!waiting_.empty() && waiting_.begin()->first <= clock()) {
            const std::uint32_t index = waiting_.begin()->second;
            waiting_.erase(waiting_.begin());
            tenants_[index].is_ready = true;
            ready_.emplace(tenants_[index].deadline, index);
        }
        if (!ready_.empty()) {
            return ready_.begin()->second;
        }
        return waiting_.empty() ? second_turn() : std::optional(waiting_.begin()->second);
    }
    // Rather than idle, a server joins one that runs a tenant with more work.
    std::optional<std::uint32_t> second_turn() const {
        std::optional<std::uint32_t> least;
        for (const turn& each : turns_) {
            const tenant& of = tenants_[each.tenant];
            if (each.is_running && !of.items.empty() &&
                (!least || of.position < tenants_[*least].position)) {
                least = each.tenant;
            }
        }
        return least;
    }
    void end_turn(turn& self) {
        tenant& of = tenants_[self.tenant];
        const double by = self.used / of.weight;
        of.position += by;
        moment_ += self.used;
        self.is_running = false;
        if (--of.turns != 0) {
            return;
        }
        if (of.items.empty()) {
            count(of, -1);
            return;
        }
        if (of.position >= of.deadline) {
            of.deadline = of.position + request_of(of);
        }
        stand(self.tenant);
    }
    // The turn with the latest deadline ends for one that is due earlier.
    void interrupt_for(const tenant& of) {
        turn* latest = nullptr;
        for (turn& each : turns_) {
            if (!each.is_running) {
                return;  // a server is free
            }
            if (latest == nullptr ||
                tenants_[each.tenant].deadline > tenants_[latest->tenant].deadline) {
                latest = &each;
            }
        }
        if (of.is_ready && latest != nullptr && of.deadline < tenants_[latest->tenant].deadline) {
            latest->is_interrupted = true;
        }
    }

    std::vector<tenant> tenants_;
    std::vector<turn> turns_;
    by_key ready_;    // by deadline
    by_key waiting_;  // by position
    double moment_ = 0;
    double weight_ = 0;
};

}  // namespace

std::unique_ptr<service_order> make_global_eevdf(const order_setup& setup) {
    return std::make_unique<global_eevdf>(setup);
}

}  // namespace drama::cli
