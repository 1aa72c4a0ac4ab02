// SPDX-License-Identifier: Apache-2.0
#include "replay/run/replay_run.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "replay/workload/workload_file.hpp"

namespace drama::cli {
namespace {

workload made_of(std::string_view text) {
    auto made = parse_workload(text, "w.toml", [](workload&) {});
    EXPECT_TRUE(made) << made.error().front();
    return *std::move(made);
}

workload mixed(const std::string& kind) {
    return made_of("seconds = 2\nworkers = 3\nkind = '" + kind + R"('
[[tenant]]
name = "light"
count = 3
arrivals = "poisson"
rate = 200
cost = "exponential"
cost_us = 400
[[tenant]]
name = "hog"
count = 2
cost_us = 2000
[[tenant]]
name = "heavy"
weight = 3
outstanding = 8
cost = "lognormal"
cost_us = 1500
cost_cv = 1
)");
}

class ReplayRun : public ::testing::TestWithParam<std::string_view> {};

// Whatever the order: no server idles while work waits, no work is lost or done twice, and the
// same seed gives the same run.
TEST_P(ReplayRun, ServersStayBusyAndTheSameSeedGivesTheSameRun) {
    for (const std::string kind : {"compute", "async"}) {
        const workload what = mixed(kind);

        const auto once = replay(what, GetParam());
        const auto again = replay(what, GetParam());

        ASSERT_TRUE(once && again);
        EXPECT_NEAR(once->utilisation[0], 1, 1e-9) << kind;
        double shares = 0;
        for (const replay_line& each : once->lines) {
            shares += each.all.dominant;
        }
        EXPECT_NEAR(shares, 1, 1e-9) << kind;
        for (std::size_t i = 0; i != once->tenants.size(); ++i) {
            EXPECT_EQ(once->tenants[i].figures.finished, again->tenants[i].figures.finished);
            EXPECT_EQ(once->tenants[i].figures.wait_ns.at(0.99),
                      again->tenants[i].figures.wait_ns.at(0.99));
        }
        // 600 light items a second, a fifth of the servers, come in any case.
        EXPECT_NEAR(static_cast<double>(once->lines[0].all.arrived), 600, 100) << kind;
    }
}

INSTANTIATE_TEST_SUITE_P(, ReplayRun, ::testing::ValuesIn(order_names()),
                         [](const auto& tested) { return "order_" + std::string(tested.param); });

TEST(ReplayShares, FairOrdersShareByWeightAndFifoDoesNot) {
    for (const std::string_view order : {"drama", "wfq", "wf2q", "sfq", "2dfq"}) {
        const auto result = replay(mixed("compute"), order);
        // The light ones take 0.24 s of 3; the rest goes 1 : 1 : 3.
        EXPECT_NEAR(result->lines[2].all.dominant / result->lines[1].all.dominant, 1.5, 0.05)
            << order;
    }
    const auto fifo = replay(mixed("compute"), "fifo");
    EXPECT_LT(fifo->lines[2].all.dominant / fifo->lines[1].all.dominant, 1.2);
}

TEST(ReplayTwoDfq, SmallOnesRunOnOneServerAndLargeOnesOnTheOther) {
    // Mace et al. 2016, figures 5 and 6: two servers, A and B of size 1, C and D of size 4.
    const workload what = made_of(R"(
seconds = 40
warm_up_seconds = 4
workers = 2
knows_costs = true
[[tenant]]
name = "small"
count = 2
cost_us = 1_000_000
[[tenant]]
name = "large"
count = 2
cost_us = 4_000_000
)");

    const auto two_d = replay(what, "2dfq");
    const auto wfq = replay(what, "wfq");

    // Each has half a server. Under 2DFQ a small one is served every other second; under WFQ all
    // of them, or none, for four seconds.
    EXPECT_LT(two_d->lines[0].all.lag_ns.most(), 1.01e9);
    EXPECT_GT(two_d->lines[0].all.lag_ns.least(), -1.01e9);
    EXPECT_LT(wfq->lines[0].all.lag_ns.least(), -1.9e9);
}

}  // namespace
}  // namespace drama::cli
