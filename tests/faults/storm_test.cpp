// SPDX-License-Identifier: Apache-2.0
// Random mixes of every kind of fault: all work ends, nothing is left, and in fine weather all of
// it works again.
#include <cstdint>
#include <set>
#include <string>

#include "drama/fault/unruly_tenant.hpp"
#include "tests/faults/storm.hpp"
#include "tests/faults/town.hpp"

namespace drama::faults {
namespace {

struct weather_report {
    std::set<fault_kind> fired;
    int failed = 0;
    int worked = 0;
};

void start_storm(town& place, const std::string& payer, storm_work in) {
    for (const storm_part& each : storm_parts()) {
        in.all->talkers += each.talks ? 1 : 0;
        place.start(payer, go_through, in, each);
    }
    place.start(payer, storm_server, in);
}

void sail(std::uint64_t seed, weather_report& report) {
    storm all;
    storm calm;
    calm.rounds = 1;
    prng random(seed ^ 0x73746f726dULL);
    town place(seed, draw_weather(random));
    start_storm(place, "a", {&all, 7'000});
    place.start("unruly", unruly_tenant, place.rt.handle(), place.of("unruly"),
                unruly_options{.rounds = 3});
    place.run();
    EXPECT_EQ(all.worked + all.failed, all.started * all.rounds) << place.sim.replay();
    EXPECT_EQ(all.wrong, 0) << place.sim.replay();

    place.sim.faults().clear();
    place.sim.network().heal();
    start_storm(place, "b", {&calm, 7'001});
    place.run();
    EXPECT_EQ(calm.worked, calm.started) << place.sim.replay();
    EXPECT_EQ(calm.failed, 0) << calm.first_failure << ' ' << place.sim.replay();

    report.failed += all.failed;
    report.worked += all.worked;
    for (std::size_t i = 0; i < fault_kinds; ++i) {
        if (place.sim.faults().fired(static_cast<fault_kind>(i)) != 0) {
            report.fired.insert(static_cast<fault_kind>(i));
        }
    }
}

TEST(Storm, AllWorkEndsAndTheCalmAfterItIsCalm) {
    constexpr std::uint64_t seeds = 60;
    weather_report report;
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + seeds && !::testing::Test::HasFailure();
         ++seed) {
        sail(seed, report);
    }

    EXPECT_GT(report.failed, 50);
    EXPECT_GT(report.worked, report.failed) << "weather in which nothing works tests nothing";
    std::string fired;
    for (const fault_kind kind : report.fired) {
        fired.append(name_of(kind)).append(" ");
    }
    RecordProperty("kinds_fired", static_cast<int>(report.fired.size()));
    EXPECT_GE(report.fired.size(), 15U) << fired;
}

}  // namespace
}  // namespace drama::faults
