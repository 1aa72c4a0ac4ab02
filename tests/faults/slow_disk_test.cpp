// SPDX-License-Identifier: Apache-2.0
// What drama does about a disk that is slow for one tenant: the others are served all the same.
#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "drama/coro/context.hpp"
#include "drama/fs/file.hpp"
#include "tests/faults/town.hpp"

namespace drama::faults {
namespace {

constexpr std::uint64_t seeds = 5;

struct writes {
    int done = 0;
    duration longest{};
};

task<result<void>> write_often(writes* seen, std::string path, int times) {
    const runnable& self = co_await this_task();
    const open_options options{.access = file_access::write_only, .create = true};
    DRAMA_CO_TRY(auto opened, co_await file::open(path, options));
    const std::string text(700, 'w');
    for (int i = 0; i != times; ++i) {
        const instant began = self.home->now();
        auto writing = opened.write_all_at(0, std::as_bytes(std::span(text)));
        auto written = co_await std::move(writing);
        seen->done += written ? 1 : 0;
        seen->longest = std::max(seen->longest, self.home->now() - began);
    }
    co_return result<void>();
}

// What is overdue is no longer counted as in the device, a few operations a second.
TEST(DiskSlow, DelaysItsTenantAlone) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + seeds; ++seed) {
        writes red;
        writes blue;
        town place(seed, {{.kind = fault_kind::disk_slow,
                           .tenant = "red",
                           .site = "disk.write",
                           .value = 30'000'000'000}});
        for (int i = 0; i != 12; ++i) {
            place.start("red", write_often, &red, "/red" + std::to_string(i), 1);
        }
        place.start("blue", write_often, &blue, std::string("/blue"), 30);
        place.run();
        place.expect_fired(fault_kind::disk_slow);
        EXPECT_EQ(red.done, 12) << place.sim.replay();
        EXPECT_EQ(blue.done, 30) << place.sim.replay();
        EXPECT_LT(blue.longest, 3s) << place.sim.replay();
    }
}

}  // namespace
}  // namespace drama::faults
