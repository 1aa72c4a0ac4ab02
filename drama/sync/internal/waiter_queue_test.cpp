// SPDX-License-Identifier: Apache-2.0
#include "drama/sync/internal/waiter_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

#include "drama/base/prng.hpp"
#include "tests/support/test_host.hpp"

namespace drama::internal {
namespace {

using testing::test_account;
using testing::test_host;

/// A task that never runs, and its place in a line.
struct waiting_task {
    waiting_task(test_host& host, account& payer) {
        self.home = &host;
        self.payer = &payer;
        node.self = &self;
    }

    runnable self;
    queue_node node;
};

/// Tenants 1 to n with as many waiters as a test wants.
class line_of_tenants {
  public:
    explicit line_of_tenants(std::vector<std::uint32_t> weights) {
        for (std::size_t i = 0; i < weights.size(); ++i) {
            accounts_.push_back(std::make_unique<test_account>(i + 1));
            host_.weights[i + 1] = weights[i] * 1024;
        }
        in_order_.resize(weights.size());
        served_.resize(weights.size());
    }

    void enter(std::size_t tenant, std::size_t wants = 1) {
        tasks_.push_back(std::make_unique<waiting_task>(host_, *accounts_[tenant]));
        queue_node& node = tasks_.back()->node;
        node.wants = wants;
        const queue_node* const first = line_.empty() ? &node : &line_.front();
        line_.enter(node);
        EXPECT_EQ(&line_.front(), first) << "who comes overtakes nobody who is next";
        in_order_[tenant].push_back(&node);
        ++waiting_;
    }
    /// Serves who is next and says whose it was.
    std::size_t serve() {
        wake_list woken;
        const queue_node& node = line_.serve(woken);
        const std::size_t tenant = node.self->payer->id() - 1;
        EXPECT_EQ(&node, in_order_[tenant].front()) << "those of a tenant are served as they came";
        EXPECT_EQ(node.line, nullptr);
        in_order_[tenant].pop_front();
        ++served_[tenant];
        --waiting_;
        return tenant;
    }
    std::vector<std::size_t> serve(std::size_t count) {
        std::vector<std::size_t> order;
        for (; count != 0; --count) {
            order.push_back(serve());
        }
        return order;
    }
    void give_up(std::size_t tenant, std::size_t index) {
        queue_node& node = *in_order_[tenant][index];
        line_.leave(node);
        EXPECT_EQ(node.line, nullptr);
        in_order_[tenant].erase(in_order_[tenant].begin() + static_cast<std::ptrdiff_t>(index));
        --waiting_;
    }

    std::size_t waiting() const { return waiting_; }
    std::size_t waiting_of(std::size_t tenant) const { return in_order_[tenant].size(); }
    std::size_t served(std::size_t tenant) const { return served_[tenant]; }
    bool empty() const { return line_.empty(); }

  private:
    test_host host_;
    std::vector<std::unique_ptr<test_account>> accounts_;
    std::vector<std::unique_ptr<waiting_task>> tasks_;
    std::vector<std::deque<queue_node*>> in_order_;
    std::vector<std::size_t> served_;
    waiter_queue line_;
    std::size_t waiting_ = 0;
};

using order = std::vector<std::size_t>;

TEST(WaiterQueue, OneWaiterOfATenantWaitsForOneHandOffToAnother) {
    line_of_tenants line({1, 1});
    for (int i = 0; i < 1000; ++i) {
        line.enter(0);
    }
    line.enter(1);
    EXPECT_EQ(line.serve(3), (order{0, 1, 0}));
}

TEST(WaiterQueue, TenantsThatWaitForOneEachAreServedAsTheyCame) {
    line_of_tenants line({1, 1, 1, 1});
    const order came{2, 0, 3, 1};
    for (const std::size_t tenant : came) {
        line.enter(tenant);
    }
    EXPECT_EQ(line.serve(4), came);
    EXPECT_TRUE(line.empty());
}

TEST(WaiterQueue, TenantsTakeTurnsByWeight) {
    line_of_tenants line({1, 4, 2});
    for (int i = 0; i < 700; ++i) {
        line.enter(0);
        line.enter(1);
        line.enter(2);
    }
    for (std::size_t rounds = 1; rounds <= 100; ++rounds) {
        line.serve(7);
        EXPECT_NEAR(static_cast<double>(line.served(0)), static_cast<double>(rounds), 1);
        EXPECT_NEAR(static_cast<double>(line.served(1)), static_cast<double>(4 * rounds), 2);
        EXPECT_NEAR(static_cast<double>(line.served(2)), static_cast<double>(2 * rounds), 1);
    }
}

TEST(WaiterQueue, WhoWantsMoreIsServedLessOften) {
    line_of_tenants line({1, 1});
    for (int i = 0; i < 100; ++i) {
        line.enter(0, 5);
        line.enter(1, 1);
    }
    line.serve(60);
    EXPECT_NEAR(static_cast<double>(line.served(0)), 10, 1);
}

// Two tasks that lock in turns: while one holds it the other waits, alone. What a tenant had is
// forgotten then; it must gain nothing by that.
TEST(WaiterQueue, WhoLeavesTheLineAndComesBackGainsNothing) {
    line_of_tenants line({1, 1});
    for (int i = 0; i < 100; ++i) {
        line.enter(0);
    }
    line.enter(1);
    for (int i = 0; i < 100; ++i) {
        if (line.serve() == 1) {
            line.enter(1);
        }
    }
    EXPECT_NEAR(static_cast<double>(line.served(0)), 50, 1);
}

TEST(WaiterQueue, ATenantWhoseWaitersGiveUpDoesNotFallBehind) {
    line_of_tenants line({1, 1});
    for (int i = 0; i < 10; ++i) {
        line.enter(0);
        line.enter(1);
    }
    EXPECT_EQ(line.serve(), 0U);
    for (int i = 0; i < 5; ++i) {
        line.give_up(1, 0);
    }
    EXPECT_EQ(line.serve(), 1U);
}

// Whatever comes and goes: all are served, those of a tenant in order (serve() looks).
TEST(WaiterQueue, KeepsAllThroughAnyComingAndGoing) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        SCOPED_TRACE(seed);
        prng random(seed);
        const std::size_t tenants = 1 + random.below(40);
        std::vector<std::uint32_t> weights;
        for (std::size_t i = 0; i < tenants; ++i) {
            weights.push_back(1 + static_cast<std::uint32_t>(random.below(9)));
        }
        line_of_tenants line(weights);
        for (int step = 0; step < 400; ++step) {
            const std::size_t tenant = random.below(tenants);
            const std::uint64_t dice = random.below(8);
            if (dice < 4) {
                line.enter(tenant, random.below(4));
            } else if (dice < 6 && line.waiting_of(tenant) != 0) {
                line.give_up(tenant, random.below(line.waiting_of(tenant)));
            } else if (!line.empty()) {
                line.serve();
            }
        }
        line.serve(line.waiting());
        ASSERT_TRUE(line.empty());
        for (std::size_t i = 0; i < tenants; ++i) {
            ASSERT_EQ(line.waiting_of(i), 0U);
        }
    }
}

// The bound: while a tenant waits, another is served at most as often as its weight says, and once
// more at each end.
TEST(WaiterQueue, NobodyIsOvertakenBeyondTheWeights) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        SCOPED_TRACE(seed);
        prng random(seed);
        const std::size_t tenants = 2 + random.below(12);
        std::vector<std::uint32_t> weights;
        for (std::size_t i = 0; i < tenants; ++i) {
            weights.push_back(1 + static_cast<std::uint32_t>(random.below(8)));
        }
        line_of_tenants line(weights);
        // since[i][j]: how often j was served since i is next of its tenant.
        std::vector<std::vector<std::size_t>> since(tenants, std::vector<std::size_t>(tenants));
        for (int step = 0; step < 2000; ++step) {
            const std::size_t tenant = random.below(tenants);
            if (random.below(2) != 0 || line.empty()) {
                if (line.waiting_of(tenant) == 0) {
                    std::fill(since[tenant].begin(), since[tenant].end(), 0);
                }
                line.enter(tenant);
                continue;
            }
            const std::size_t served = line.serve();
            for (std::size_t i = 0; i < tenants; ++i) {
                ++since[i][served];
            }
            for (std::size_t other = 0; other < tenants; ++other) {
                const std::size_t fair = (weights[other] + weights[served] - 1) / weights[served];
                if (other != served) {
                    ASSERT_LE(since[served][other], fair + 2);
                }
            }
            std::fill(since[served].begin(), since[served].end(), 0);
        }
    }
}

}  // namespace
}  // namespace drama::internal
