// SPDX-License-Identifier: Apache-2.0
// `drama serve` as it is, under every fault of the network: no request is applied twice, no answer
// goes to another request, and nothing is left.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "drama/sim/seed.hpp"
#include "tests/service/serve_world.hpp"

namespace drama::testing_support {
namespace {

constexpr std::uint64_t seeds_each = 12;

std::uint64_t fired(const serve_seen& in, fault_kind kind) {
    return in.fired[static_cast<std::size_t>(kind)];
}

class ServeUnder : public ::testing::TestWithParam<fault_rule> {
  protected:
    carrier_threads carriers_;
};

TEST_P(ServeUnder, AppliesNothingTwiceAndLeavesNothing) {
    const fault_rule& rule = GetParam();
    std::vector<fault_rule> faults{rule};
    if (rule.kind == fault_kind::completion_after_cancel) {  // somebody must lose patience
        faults.push_back({.kind = fault_kind::connect_then_silence, .when = probability(0.2)});
    }
    std::uint64_t happened = 0;
    std::uint64_t answered = 0;
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + seeds_each; ++seed) {
        const serve_seen seen = run_serve({.seed = seed, .faults = faults, .carriers = &carriers_});
        ASSERT_EQ(seen.fault, "") << replay_line(seed);
        happened += fired(seen, rule.kind);
        answered += seen.answered;
    }
    EXPECT_GT(happened, 0U) << "the fault never came";
    EXPECT_GT(answered, 0U) << "nobody was served";
}

INSTANTIATE_TEST_SUITE_P(All, ServeUnder, ::testing::ValuesIn(serve_network_faults()),
                         [](const ::testing::TestParamInfo<fault_rule>& of) {
                             return std::string(name_of(of.param.kind)) + '_' +
                                    std::to_string(of.index);
                         });

TEST(ServeWorld, AnswersEverythingWithoutFaults) {
    carrier_threads carriers;
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + seeds_each; ++seed) {
        const serve_seen seen = run_serve({.seed = seed, .carriers = &carriers});
        ASSERT_EQ(seen.fault, "") << replay_line(seed);
        EXPECT_EQ(seen.unanswered, 0U) << replay_line(seed);
    }
}

// Which faults there are is drawn too, so that some meet that would else hide each other.
TEST(ServeWorld, HoldsUnderManyFaultsAtOnce) {
    carrier_threads carriers;
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 3 * seeds_each; ++seed) {
        serve_run how{.seed = seed, .carriers = &carriers};
        prng coin(seed);
        for (fault_rule& each : serve_network_faults()) {
            if (coin.below(3) == 0) {
                each.when = probability(each.when.probability / 2);
                how.faults.push_back(each);
            }
        }
        const serve_seen seen = run_serve(how);
        ASSERT_EQ(seen.fault, "") << replay_line(seed);
    }
}

// The k-th send is torn, at a byte that the seed draws; so is the k-th that ends too early.
TEST(ServeWorld, HoldsWhicheverSendIsTheLast) {
    carrier_threads carriers;
    for (const fault_kind kind : {fault_kind::connection_reset, fault_kind::half_close}) {
        std::uint64_t k = 0;
        for (bool came = true; came;) {
            const fault_rule rule{.kind = kind, .when = nth(++k)};
            const std::uint64_t seed = seed_or(1);
            const serve_seen seen = run_serve({.seed = seed,
                                               .faults = {rule},
                                               .clients = 2,
                                               .requests = 4,
                                               .carriers = &carriers});
            ASSERT_EQ(seen.fault, "")
                << name_of(kind) << " at send " << k << ' ' << replay_line(seed);
            came = fired(seen, kind) != 0;
        }
        EXPECT_GT(k, 10U);
    }
}

TEST(ServeWorld, GivesTheSameRunForTheSameSeed) {
    carrier_threads carriers;
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 4; ++seed) {
        const serve_run how{.seed = seed, .faults = serve_network_faults(), .carriers = &carriers};
        EXPECT_EQ(run_serve(how).hash, run_serve(how).hash) << replay_line(seed);
    }
}

}  // namespace
}  // namespace drama::testing_support
