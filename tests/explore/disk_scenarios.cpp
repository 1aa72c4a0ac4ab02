// SPDX-License-Identifier: Apache-2.0
// Small worlds around files: what was written is read back, also by others, and the disk's queue
// forgets nobody.
#include <gtest/gtest.h>

#include <array>
#include <span>
#include <string>
#include <vector>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/fs/directory.hpp"
#include "drama/fs/file.hpp"
#include "drama/sim/explore/sim_test.hpp"
#include "drama/sync/mutex.hpp"

namespace drama {
namespace {

struct log_file {
    mutex door;
    std::vector<int> written;
    int synced = 0;
    int readers = 0;
};

task<result<file>> open_log(std::string path) {
    open_options options;
    options.access = file_access::read_write;
    options.create = true;
    co_return co_await file::open(path, options);
}

task<result<void>> append(log_file* to, int first, int count) {
    auto opening = open_log("/log");
    DRAMA_CO_TRY(auto opened, co_await std::move(opening));
    for (int i = 0; i != count; ++i) {
        DRAMA_CO_TRY(auto guard, co_await to->door.lock());
        const int record = first + i;
        const auto at = static_cast<std::int64_t>(to->written.size() * sizeof record);
        auto writing = opened.write_all_at(at, std::as_bytes(std::span(&record, 1)));
        auto wrote = co_await std::move(writing);
        if (!wrote) {
            co_return wrote;
        }
        to->written.push_back(record);
        guard.unlock();
        auto synced = co_await opened.sync();
        to->synced += synced ? 1 : 0;
    }
    co_return result<void>();
}

task<result<void>> read_log(log_file* from) {
    auto opening = open_log("/log");
    DRAMA_CO_TRY(auto opened, co_await std::move(opening));
    for (int i = 0; i != 4; ++i) {
        auto slept = co_await sleep_for(300us);
        DRAMA_CO_TRY(auto guard, co_await from->door.lock());
        std::vector<int> seen(from->written.size());
        auto reading = opened.read_exactly_at(0, std::as_writable_bytes(std::span(seen)));
        auto read = co_await std::move(reading);
        EXPECT_TRUE(read && slept);
        EXPECT_EQ(seen, from->written);
    }
    ++from->readers;
    co_return result<void>();
}

DRAMA_SIM_TEST(DiskScenario, ALogHoldsWhatWasAppended) {
    auto& log = world.keep<log_file>();
    const int writers = static_cast<int>(world.capacity(3));
    const int count = static_cast<int>(world.capacity(5));
    for (int i = 0; i != writers; ++i) {
        world.start_as("node", "writer " + std::to_string(i), append, &log, i * 100, count);
    }
    world.start_as("node", "reader", read_log, &log);
    world.finally([&log, writers, count] {
        EXPECT_EQ(log.written.size(), static_cast<std::size_t>(writers * count));
        EXPECT_EQ(log.synced, writers * count);
        EXPECT_EQ(log.readers, 1);
    });
}

struct replaced {
    int replacements = 0;
    int reads = 0;
};

task<result<void>> replace_config(replaced* in, int number) {
    const std::string fresh = "/config.new" + std::to_string(number);
    auto opening = open_log(fresh);
    DRAMA_CO_TRY(auto opened, co_await std::move(opening));
    const std::string text(60, static_cast<char>('a' + number % 26));
    auto writing = opened.write_all_at(0, std::as_bytes(std::span(text)));
    auto wrote = co_await std::move(writing);
    if (!wrote) {
        co_return wrote;
    }
    auto synced = co_await opened.sync();
    if (!synced) {
        co_return synced;
    }
    auto renamed = co_await rename_file(fresh, "/config");
    in->replacements += renamed ? 1 : 0;
    co_return renamed;
}

task<result<void>> read_config(replaced* in, int times) {
    for (int i = 0; i != times; ++i) {
        auto slept = co_await sleep_for(200us);
        auto opened = co_await file::open("/config");
        if (!opened) {
            continue;  // nobody has made it yet
        }
        std::array<char, 100> space{};
        auto got = co_await opened->read_at(0, std::as_writable_bytes(std::span(space)));
        EXPECT_EQ(got.value_or(0), 60U) << "a file that is half there";
        for (std::size_t at = 0; at != 60; ++at) {
            EXPECT_EQ(space[at], space[0]) << "two versions in one file";
        }
        in->reads += slept ? 1 : 0;
    }
    co_return result<void>();
}

DRAMA_SIM_TEST(DiskScenario, ARenameReplacesAFileAsAWhole) {
    auto& in = world.keep<replaced>();
    const int writers = static_cast<int>(world.capacity(4));
    for (int i = 0; i != writers; ++i) {
        world.start_as("node", "writer " + std::to_string(i % 2), replace_config, &in, i);
    }
    world.start_as("node", "reader", read_config, &in, 10);
    world.finally([&in, writers] { EXPECT_EQ(in.replacements, writers); });
}

task<result<void>> sync_own_file(log_file* to, std::string path, int times) {
    auto opening = open_log(std::move(path));
    DRAMA_CO_TRY(auto opened, co_await std::move(opening));
    const std::string block(2'000, 'b');
    for (int i = 0; i != times; ++i) {
        auto writing = opened.write_all_at(0, std::as_bytes(std::span(block)));
        auto wrote = co_await std::move(writing);
        auto synced = co_await opened.sync();
        to->synced += wrote && synced ? 1 : 0;
    }
    co_return result<void>();
}

DRAMA_SIM_TEST(DiskScenario, TheDiskQueueForgetsNobody) {
    auto& to = world.keep<log_file>();
    const int tasks = static_cast<int>(world.capacity(8));
    for (int i = 0; i != tasks; ++i) {
        world.start_as("node", "tenant " + std::to_string(i % 3), sync_own_file, &to,
                       "/own" + std::to_string(i), 3);
    }
    world.finally([&to, tasks] { EXPECT_EQ(to.synced, 3 * tasks); });
}

}  // namespace
}  // namespace drama
