// SPDX-License-Identifier: Apache-2.0
#include "drama/fault/fault_mix.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <set>

namespace drama {
namespace {

TEST(FaultMix, FamiliesHoldEveryKindOnce) {
    std::multiset<fault_kind> all;
    for (const char* family : {"network", "disk", "threads", "time", "tenant", "user"}) {
        const auto kinds = kinds_of(family);
        EXPECT_FALSE(kinds.empty()) << family;
        all.insert(kinds.begin(), kinds.end());
    }

    EXPECT_EQ(all.size(), fault_kinds);
    EXPECT_TRUE(std::ranges::adjacent_find(all) == all.end());
    EXPECT_TRUE(kinds_of("weather").empty());
}

TEST(FaultMix, DrawsSomeKindsInEveryFormAndTheSameForTheSameSeed) {
    const fault_mix mix{.kinds = kinds_of("disk"), .tenant = "acme"};
    std::size_t once = 0;
    std::size_t lasting = 0;
    std::size_t random_ones = 0;
    std::set<fault_kind> seen;
    std::set<std::int64_t> forms_of_full;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        prng first(seed);
        prng again(seed);
        const auto rules = draw_faults(first, mix);
        EXPECT_EQ(rules.size(), draw_faults(again, mix).size());
        EXPECT_LT(rules.size(), mix.kinds.size() + 1);
        for (const fault_rule& rule : rules) {
            EXPECT_EQ(rule.tenant, "acme");
            seen.insert(rule.kind);
            once += rule.when.kth != 0 && !rule.when.from_then_on ? 1U : 0U;
            lasting += rule.when.from_then_on ? 1U : 0U;
            random_ones += rule.when.kth == 0 ? 1U : 0U;
            if (rule.kind == fault_kind::disk_full) {
                forms_of_full.insert(rule.value.value_or(usual_value(rule.kind)));
            }
        }
    }

    EXPECT_EQ(seen.size(), mix.kinds.size());
    EXPECT_EQ(forms_of_full.size(), 3U);
    EXPECT_GT(once, lasting);
    EXPECT_GT(lasting, 0U);
    EXPECT_GT(random_ones, 0U);
}

TEST(FaultMix, LastsOnlyWhereItMay) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        prng random(seed);
        for (const fault_rule& rule :
             draw_faults(random, {.kinds = kinds_of("network"), .may_last = false})) {
            EXPECT_FALSE(rule.when.from_then_on);
        }
    }
}

}  // namespace
}  // namespace drama
