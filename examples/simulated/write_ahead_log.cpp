// SPDX-License-Identifier: Apache-2.0
// A log that survives a loss of power: a record is acknowledged when it is on the disk, and a start
// reads all records up to the first that is torn. The power fails at any operation of the disk.
#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "drama/fs/directory.hpp"
#include "drama/fs/file.hpp"
#include "drama/sim/explore/sim_test.hpp"

using namespace drama;

namespace {

struct record {
    std::uint64_t value = 0;
    std::uint64_t checksum = 0;

    static std::uint64_t sum_of(std::uint64_t value) { return (value + 1) * 0x9e3779b97f4a7c15ULL; }
    bool is_whole() const { return checksum == sum_of(value); }
};

// What the test knows; it outlives the crashes.
struct observer {
    std::uint64_t acknowledged = 0;
    std::uint64_t starts = 0;
    std::uint64_t kept = 0;  ///< Values in the log when a start ended well.
};

class write_ahead_log {
  public:
    static task<result<write_ahead_log>> open() {
        const open_options how{.access = file_access::read_write, .create = true};
        write_ahead_log made;
        DRAMA_CO_TRY(made.file_, co_await file::open("/log", how));
        auto named = co_await sync_directory("/");
        if (!named) {
            co_return fail(named.error());
        }
        for (;;) {
            record next;
            auto got = co_await made.file_.read_exactly_at(
                made.end_, std::as_writable_bytes(std::span(&next, 1)));
            if (!got && got.error() != errc::end_of_stream) {
                co_return fail(got.error());
            }
            if (!got || !next.is_whole()) {
                co_return std::move(made);
            }
            made.values_.push_back(next.value);
            made.end_ += sizeof next;
        }
    }

    /// The value is durable when it has ended well. After an error the log is opened anew: what of
    /// a failed sync is on the disk, nobody knows.
    task<result<void>> append(std::uint64_t value) {
        const record next{value, record::sum_of(value)};
        auto written = co_await file_.write_all_at(end_, std::as_bytes(std::span(&next, 1)));
        if (!written) {
            co_return written;
        }
        auto synced = co_await file_.sync();
        if (!synced) {
            co_return synced;
        }
        values_.push_back(value);
        end_ += sizeof next;
        co_return result<void>();
    }

    const std::vector<std::uint64_t>& values() const noexcept { return values_; }

  private:
    file file_;
    std::int64_t end_ = 0;
    std::vector<std::uint64_t> values_;
};

task<result<void>> append_many(observer* seen, std::uint64_t count) {
    ++seen->starts;
    DRAMA_CO_TRY(auto log, co_await write_ahead_log::open());
    EXPECT_GE(log.values().size(), seen->acknowledged) << "an acknowledged record is lost";
    for (std::uint64_t i = 0; i < log.values().size(); ++i) {
        EXPECT_EQ(log.values()[i], i) << "a record is wrong";
    }
    for (std::uint64_t i = log.values().size(); i < count; ++i) {
        auto appended = co_await log.append(i);
        if (!appended) {
            co_return appended;
        }
        seen->acknowledged = i + 1;
    }
    seen->kept = log.values().size();
    co_return result<void>();
}

DRAMA_SIM_TEST(WriteAheadLog, KeepsWhatItHasAcknowledged) {
    auto& seen = world.keep<observer>();
    using enum fault_kind;
    world.survives({disk_error, disk_full, disk_short_transfer, disk_interrupted, disk_slow,
                    torn_write, unsynced_lost, length_without_data, entry_lost,
                    sync_error_forgotten, sync_error_per_fd, sync_error_for_ever});
    world.start("store", append_many, &seen, std::uint64_t{8});
    sim_disk& disk = world.disk("store");
    disk.crash_at(1 + world.random().below(25));
    disk.on_crash([&world, &disk] {
        world.restart("store");
        if (disk.crashes() < 3) {
            disk.crash_at(1 + world.random().below(25));
        }
    });
    world.finally([&world, &seen] {
        EXPECT_GE(seen.starts, 1U);
        if (world.faults().kinds_fired() == 0) {
            EXPECT_EQ(seen.kept, 8U);
        }
    });
}

}  // namespace
