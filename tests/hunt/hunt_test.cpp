// SPDX-License-Identifier: Apache-2.0
// Every bug is found and no twin is blamed. DRAMA_HUNT_SECONDS: for how long each is searched.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "drama/base/assert.hpp"
#include "drama/sim/explore/explorer.hpp"
#include "drama/sim/explore/sim_test.hpp"
#include "drama/sim/seed.hpp"
#include "tests/hunt/hunt.hpp"

namespace drama::hunt {
namespace {

constexpr std::uint64_t mended_runs = 300;

std::vector<program> all_programs() {
    std::vector<program> all;
    for (const auto some : {holder_programs(), signal_programs(), request_programs()}) {
        all.insert(all.end(), some.begin(), some.end());
    }
    return all;
}

std::string name_of_program(const testing::TestParamInfo<program>& of) {
    return of.param.name;
}

// By default a bug has a minute and a twin some hundred runs; else both have that many seconds.
exploration search(const program& what, void (*body)(sim_test_world&), bool is_mended) {
    explore_options how;
    how.print = [](const std::string&) {};
    how.runs = is_mended ? mended_runs : ~std::uint64_t{0};
    how.budget = std::chrono::seconds(60);
    if (const char* const seconds = std::getenv("DRAMA_HUNT_SECONDS")) {
        how.runs = ~std::uint64_t{0};
        const auto wanted = parse_seed(seconds);
        DRAMA_ASSERT(wanted && *wanted != 0, "DRAMA_HUNT_SECONDS is no number of seconds");
        how.budget = std::chrono::seconds(*wanted);
    }
    internal::gtest_probe probe;
    return explore({.suite = "Hunt", .name = what.name, .file = __FILE__, .body = body}, how,
                   probe);
}

class Hunt : public testing::TestWithParam<program> {};

TEST_P(Hunt, FindsTheBug) {
    const exploration seen = search(GetParam(), GetParam().buggy, false);
    ASSERT_TRUE(seen.failure) << seen.seeds << " runs, and nothing found";
    RecordProperty("runs", static_cast<int>(seen.runs));
    std::printf("%s after %llu runs: %s\n", GetParam().name,
                static_cast<unsigned long long>(seen.runs),
                seen.failure->record.verdict.what.c_str());
}

TEST_P(Hunt, DoesNotBlameTheTwin) {
    const exploration seen = search(GetParam(), GetParam().mended, true);
    EXPECT_FALSE(seen.failure) << seen.failure->report.text();
    EXPECT_EQ(seen.mismatches, 0U);
    EXPECT_EQ(seen.refused, "");
}

INSTANTIATE_TEST_SUITE_P(Field, Hunt, testing::ValuesIn(all_programs()), name_of_program);

}  // namespace
}  // namespace drama::hunt
