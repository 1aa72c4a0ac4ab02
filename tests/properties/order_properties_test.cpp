// SPDX-License-Identifier: Apache-2.0
// How good the sharded order is: P6, that nobody idles beside work; P17, how near its choices are
// to those of one queue for all workers.
#include <gtest/gtest.h>

#include "crowd.hpp"

namespace drama {
namespace {

// What cannot be taken from a busy worker is the next item of the tenant that it runs.
TEST(OrderProperties, NobodyIdlesWhileOthersHaveWorkThatCouldBeTaken) {
    expect_to_hold(60, []() -> std::string {
        crowd_plan plan = *crowds(
            {.per_worker_min = 1, .per_worker_max = 4, .items_max = 4, .flapping_max = 100});
        crowd all(plan);
        for (int sample = 0; sample != 400; ++sample) {
            all.run.run_for(duration(all.run.random.below(2 * quantum.count())));
            if (all.run.idle_workers() == 0) {
                continue;
            }
            for (std::size_t w = 0; w != plan.workers; ++w) {
                if (all.run.queue.shard(w).size() > 1) {
                    return std::to_string(all.run.queue.shard(w).size()) +
                           " items wait at one worker while another idles";
                }
            }
        }
        return {};
    });
}

/// One queue for all workers, which looks at every tenant: what the shards are compared with.
class global_view {
  public:
    explicit global_view(crowd& all) : all_(&all) {
        all.run.on_turn = [this](const lane_set& chosen) { compare(chosen); };
    }
    /// In us, by how much later the chosen one was due than the first of all, at most.
    double gap_most() const { return gap_most_; }

  private:
    void compare(const lane_set& chosen) {
        const virtual_time clock = all_->run.queue.clock().at(all_->run.now);
        const auto is_ahead = [&](const lane_set& each) {
            return before(clock, each.share().position(all_->run.queue.id()));
        };
        if (is_ahead(chosen)) {
            return;  // borrows: nobody was eligible where it stood
        }
        virtual_time first = chosen.deadline();
        for (const virtual_tenant& each : all_->run.tenants) {
            for (const auto& lanes : each.lanes) {
                if (!lanes->empty() && !lanes->is_running() && !is_ahead(*lanes) &&
                    before(lanes->deadline(), chosen.deadline())) {
                    first = before(lanes->deadline(), first) ? lanes->deadline() : first;
                }
            }
        }
        const double rate = static_cast<double>(all_->plan.workers) / all_->weight;
        const double gap_us =
            static_cast<double>(gap(chosen.deadline(), first)) / virtual_units_per_ns / 1000 / rate;
        gap_most_ = std::max(gap_most_, gap_us);
    }

    crowd* all_;
    double gap_most_ = 0;
};

TEST(OrderProperties, ChoicesAreAsNearToThoseOfOneQueueAsTheStealWindow) {
    expect_to_hold(40, []() -> std::string {
        crowd_plan plan = *crowds({.weight_max = 1, .all_classes = false});
        crowd all(plan);
        all.run.run_for(2 * clock_period);
        global_view view(all);
        all.run.run_for(40ms);
        const double rate = static_cast<double>(plan.workers) / all.weight;
        // The order rounds requests up to their group's longest, and by a slot.
        const double rounding = us(all.request_max()) * 5 / 8;
        // Whoever might have taken the first one may be in a turn.
        const double most = us(steal_quanta * quantum + clock_period + quantum + plan.poll_most()) +
                            rounding / rate;
        if (view.gap_most() > most) {
            return out_of_bounds("gap, us", view.gap_most(), 0, most);
        }
        return {};
    });
}

}  // namespace
}  // namespace drama
