// SPDX-License-Identifier: Apache-2.0
// Fair queueing by tags over several servers: WFQ, WF2Q, SFQ and 2DFQ as Mace et al. 2016 describe
// them, with charges that follow the real cost. One queue, exact: what drama is measured against.
#include <deque>
#include <set>

#include "replay/orders/cost_guess.hpp"

namespace drama::cli {
namespace {

enum class tag_rule : std::uint8_t { wfq, wf2q, sfq, two_d };

tag_rule rule_of(std::string_view name) {
    return name == "wfq"    ? tag_rule::wfq
           : name == "wf2q" ? tag_rule::wf2q
           : name == "sfq"  ? tag_rule::sfq
                            : tag_rule::two_d;
}

class tag_order final : public service_order {
  public:
    tag_order(tag_rule rule, const order_setup& setup)
        : rule_(rule),
          servers_(setup.servers),
          costs_(setup.members.size(), setup.knows_costs, rule == tag_rule::two_d),
          tenants_(setup.members.size()),
          grants_(setup.servers) {
        for (std::size_t i = 0; i != tenants_.size(); ++i) {
            tenants_[i].weight = setup.members[i].weight;
        }
    }

    std::optional<std::uint32_t> push(replay_item& item, instant now) override {
        advance(now);
        item.queued_at = now;
        tenant& of = tenants_[item.tenant];
        if (of.items.empty() && of.running == 0) {
            of.start = std::max(of.start, virtual_now_);
            weight_ += of.weight;
        }
        of.items.push_back(&item);
        if (of.items.size() == 1) {
            stand(item.tenant);
        }
        return std::nullopt;
    }

    replay_item* start(std::uint32_t server, instant now) override {
        advance(now);
        const auto chosen = choose(server);
        if (!chosen) {
            return nullptr;
        }
        withdraw(*chosen);
        tenant& of = tenants_[*chosen];
        replay_item* const item = of.items.front();
        of.items.pop_front();
        if (rule_ == tag_rule::sfq) {
            virtual_now_ = of.start;
        }
        grants_[server] = {.item = item, .charged = costs_.of(*item)};
        of.start += grants_[server].charged / of.weight;
        ++of.running;
        stand(*chosen);
        return item;
    }
    void refresh(std::uint32_t server, duration used, instant now) override {
        advance(now);
        const auto so_far = static_cast<double>(used.count());
        if (so_far > grants_[server].charged) {
            charge(server, so_far);
        }
    }
    void finish(std::uint32_t server, instant now) override {
        advance(now);
        const replay_item& item = *grants_[server].item;
        charge(server, static_cast<double>(item.cost.count()));
        costs_.learn(item);
        tenant& of = tenants_[item.tenant];
        --of.running;
        if (of.items.empty() && of.running == 0) {
            weight_ -= of.weight;
        }
    }

  private:
    struct tenant {
        std::deque<replay_item*> items;
        double weight = 1;
        double start = 0;   // tag of the next item
        double finish = 0;  // tag under which it stands
        std::uint32_t running = 0;
        bool is_ready = false;
        bool stands = false;
    };
    struct grant {
        replay_item* item = nullptr;
        double charged = 0;
    };
    using by_key = std::set<std::pair<double, std::uint32_t>>;

    void advance(instant now) {
        if (rule_ != tag_rule::sfq && weight_ > 0) {
            virtual_now_ += static_cast<double>((now - last_).count()) * servers_ / weight_;
        }
        last_ = now;
    }

    bool needs_eligibility() const noexcept {
        return rule_ == tag_rule::wf2q || rule_ == tag_rule::two_d;
    }

    // Puts a tenant with items where its tags say.
    void stand(std::uint32_t index) {
        tenant& of = tenants_[index];
        if (of.items.empty()) {
            return;
        }
        of.finish = of.start + costs_.of(*of.items.front()) / of.weight;
        of.is_ready = !needs_eligibility() || of.start <= virtual_now_;
        of.stands = true;
        if (of.is_ready) {
            ready_.emplace(rule_ == tag_rule::sfq ? of.start : of.finish, index);
        } else {
            waiting_.emplace(of.start, index);
        }
    }
    // Requires: it has not been moved since it stood.
    void withdraw(std::uint32_t index) {
        tenant& of = tenants_[index];
        if (!of.stands) {
            return;
        }
        if (of.is_ready) {
            ready_.erase({rule_ == tag_rule::sfq ? of.start : of.finish, index});
        } else {
            waiting_.erase({of.start, index});
        }
        of.stands = false;
    }
    void charge(std::uint32_t server, double used) {
        grant& now_runs = grants_[server];
        const std::uint32_t index = now_runs.item->tenant;
        withdraw(index);
        tenants_[index].start += (used - now_runs.charged) / tenants_[index].weight;
        now_runs.charged = used;
        stand(index);
    }

    std::optional<std::uint32_t> choose(std::uint32_t server) {
        while (!waiting_.empty() && waiting_.begin()->first <= virtual_now_) {
            const std::uint32_t index = waiting_.begin()->second;
            withdraw(index);
            stand(index);
        }
        std::optional<std::uint32_t> best;
        if (!ready_.empty()) {
            best = ready_.begin()->second;
        }
        if (rule_ == tag_rule::two_d && server != 0) {
            best = choose_ahead(server, best);
        }
        if (!best && !waiting_.empty()) {
            best = waiting_.begin()->second;
        }
        return best;
    }
    // 2DFQ: server i of n may start an item early, by i/n of its cost.
    std::optional<std::uint32_t> choose_ahead(std::uint32_t server,
                                              std::optional<std::uint32_t> best) const {
        for (const auto& [start, index] : waiting_) {
            const tenant& of = tenants_[index];
            const double grace = (of.finish - of.start) * server / servers_;
            if (start - grace <= virtual_now_ && (!best || of.finish < tenants_[*best].finish)) {
                best = index;
            }
        }
        return best;
    }

    tag_rule rule_;
    std::uint32_t servers_;
    cost_guess costs_;
    std::vector<tenant> tenants_;
    std::vector<grant> grants_;
    by_key ready_;    // by finish tag, SFQ by start tag
    by_key waiting_;  // by start tag
    double virtual_now_ = 0;
    double weight_ = 0;  // of tenants that wait or run
    instant last_ = long_ago;
};

}  // namespace

std::unique_ptr<service_order> make_tag_order(std::string_view rule, const order_setup& setup) {
    return std::make_unique<tag_order>(rule_of(rule), setup);
}

}  // namespace drama::cli
