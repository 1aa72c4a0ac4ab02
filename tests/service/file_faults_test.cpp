// SPDX-License-Identifier: Apache-2.0
// /files on a disk that fails in every way it can, each at every point, and then loses its power:
// no answered change is lost, and nothing is read that was not put.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "file_shop.hpp"

namespace drama {
namespace {

using namespace testing_support;

struct mishap {
    fault_kind kind;
    std::optional<std::int64_t> value = {};
    std::uint64_t every = 1;  ///< of so many points one is tried
    bool damages = false;     ///< contents: those are then an error when they are read
};

constexpr std::int64_t ms = 1'000'000;

const std::vector<mishap> mishaps{
    {fault_kind::disk_error, EIO},
    {fault_kind::disk_full, ENOSPC},
    {fault_kind::disk_full, EDQUOT, 9},
    {fault_kind::disk_full, EROFS, 9},
    {fault_kind::disk_short_transfer, 5'000, 3},
    {fault_kind::disk_interrupted, EINTR, 3},
    {fault_kind::disk_interrupted, EAGAIN, 9},
    {fault_kind::disk_slow, 10 * ms, 9},
    {fault_kind::misdirected, 512, 2, true},
    {fault_kind::misdirected, -4096, 2, true},
    {fault_kind::bit_flip, 3, 2, true},
    {fault_kind::bit_flip, 700, 2, true},
    {fault_kind::stale_read, {}, 1, true},
    {fault_kind::sync_error_forgotten},
    {fault_kind::sync_error_per_fd},
    {fault_kind::sync_error_for_ever},
};

std::string text_of(const mishap& what) {
    return std::string(name_of(what.kind)) + ' ' + std::to_string(what.value.value_or(0));
}

void expect_clean(const shop_outcome& seen, const mishap& what, const std::string& when) {
    EXPECT_THAT(seen.wrong, ::testing::IsEmpty()) << text_of(what) << ' ' << when;
}

shop_outcome run_with(const mishap& what, std::uint64_t seed, fault_when when,
                      std::uint64_t crash_at = 0) {
    const auto prepare = [&](simulation& sim) {
        sim.faults().add({.kind = what.kind, .when = when, .value = what.value});
    };
    return run_shop(seed, crash_at, prepare, what.damages);
}

std::string name_in_tests(const ::testing::TestParamInfo<mishap>& of) {
    return std::string(name_of(of.param.kind)) + '_' + std::to_string(of.index);
}

class FileFaultsOf : public ::testing::TestWithParam<mishap> {};

TEST_P(FileFaultsOf, AtEachPointOnce) {
    const mishap& what = GetParam();
    const std::uint64_t seed = seed_or(1);
    std::uint64_t points = 0;
    for (std::uint64_t k = 1;; k += what.every) {
        const shop_outcome seen = run_with(what, seed, nth(k));
        expect_clean(seen, what, "at point " + std::to_string(k));
        if (seen.faults == 0 || HasFailure()) {
            break;
        }
        ++points;
    }
    EXPECT_GT(points, 3U) << text_of(what);
}

TEST_P(FileFaultsOf, FromSomePointsOn) {
    const mishap& what = GetParam();
    const std::uint64_t first = seed_or(1);
    std::uint64_t faults = 0;
    for (std::uint64_t k = 1; k < 40; k += 13) {
        const shop_outcome seen = run_with(what, first + k - 1, from(k));
        expect_clean(seen, what, "from " + std::to_string(k));
        faults += seen.faults;
    }
    EXPECT_GT(faults, 0U) << text_of(what);
}

INSTANTIATE_TEST_SUITE_P(All, FileFaultsOf, ::testing::ValuesIn(mishaps), name_in_tests);

TEST(FileFaults, ASpikeOfHalfAMinuteIsALateAnswer) {
    const mishap spike{fault_kind::disk_slow, 30'000 * ms};
    for (const std::uint64_t k : {3, 20, 41}) {
        const shop_outcome seen = run_with(spike, seed_or(1), nth(k));
        expect_clean(seen, spike, "at point " + std::to_string(k));
        EXPECT_EQ(seen.faults, 1U);
        EXPECT_GT(seen.successes, 8U);
    }
}

TEST(FileFaults, AllAtOnceWithALossOfPowerInBetween) {
    const std::uint64_t first = seed_or(1);
    std::size_t crashes = 0;
    std::uint64_t faults = 0;
    for (std::uint64_t seed = first; seed != first + 40; ++seed) {
        const auto prepare = [&](simulation& sim) {
            for (const mishap& each : mishaps) {
                sim.faults().add(
                    {.kind = each.kind, .when = probability(0.01), .value = each.value});
            }
        };
        const shop_outcome seen = run_shop(seed, 10 + seed % 40, prepare, true);
        EXPECT_THAT(seen.wrong, ::testing::IsEmpty()) << replay_line(seed);
        crashes += seen.crashed ? 1 : 0;
        faults += seen.faults;
    }
    EXPECT_GT(crashes, 10U);
    EXPECT_GT(faults, 40U);
}

class FileCrashLeaves : public ::testing::TestWithParam<mishap> {};

TEST_P(FileCrashLeaves, WholeFiles) {
    const mishap& form = GetParam();
    const std::uint64_t first = seed_or(1);
    std::uint64_t fired = 0;
    for (std::uint64_t k = 1; k < 60; k += 6) {
        const shop_outcome seen = run_with(form, first + k, always(), k);
        expect_clean(seen, form, "at operation " + std::to_string(k));
        fired += seen.faults;
    }
    EXPECT_GT(fired, 0U) << text_of(form);
}

INSTANTIATE_TEST_SUITE_P(
    All, FileCrashLeaves,
    ::testing::Values(mishap{fault_kind::unsynced_lost, 0}, mishap{fault_kind::unsynced_lost, 1},
                      mishap{fault_kind::unsynced_lost, 2}, mishap{fault_kind::torn_write},
                      mishap{fault_kind::length_without_data}, mishap{fault_kind::entry_lost}),
    name_in_tests);

TEST(FileFaults, AnotherTenantsStuckDiskDelaysNobody) {
    simulation sim(seed_or(1));
    file_server server(sim.world(), "auto", shop_data);
    ASSERT_TRUE(server.start());
    sim.faults().add(
        {.kind = fault_kind::disk_slow, .tenant = "red", .site = "disk.fsync", .value = stuck});
    reply_seen red;
    auto waiting = server.begin({"PUT", "/files/a", "of red", "red"}, &red);

    const instant began = sim.now();
    for (int i = 0; i != 20; ++i) {
        EXPECT_THAT(server.ask("PUT", "/files/a", "of blue", "blue").status,
                    ::testing::AnyOf(201, 204));
        EXPECT_EQ(server.ask("GET", "/files/a", {}, "blue").body, "of blue");
    }
    EXPECT_LT(sim.now() - began, 5s);
    EXPECT_EQ(red.status, 0);

    sim.faults().clear();
    sim.disk().release_stuck();
    EXPECT_TRUE(server.on().sync_wait(std::move(waiting)));
    EXPECT_EQ(red.status, 201);
    server.end();
    EXPECT_EQ(sim.leftovers(), "");
}

TEST(FileFaults, ADamagedFileIsAnErrorUntilItIsPutAgain) {
    simulation sim(seed_or(1));
    file_server server(sim.world(), "auto", shop_data);
    ASSERT_TRUE(server.start());
    sim.faults().add({.kind = fault_kind::bit_flip, .when = nth(1), .site = "disk.write"});
    EXPECT_EQ(server.ask("PUT", "/files/a", "content").status, 201);

    const reply_seen damaged = server.ask("GET", "/files/a");
    EXPECT_EQ(damaged.status, 500);
    EXPECT_THAT(damaged.body, ::testing::HasSubstr("damaged"));
    EXPECT_EQ(server.ask("PUT", "/files/a", "content").status, 204);
    EXPECT_EQ(server.ask("GET", "/files/a").body, "content");
    server.end();
}

}  // namespace
}  // namespace drama
