// SPDX-License-Identifier: Apache-2.0
// What an admin endpoint tells of a runtime and its tenants at one moment, and what happened
// between two of these moments.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drama/admin/json_writer.hpp"
#include "drama/base/clock.hpp"
#include "top/top_holds.hpp"

namespace drama::cli {

/// What one tenant did in the window that was asked for. Units: in the names.
struct window_sample {
    std::uint64_t cpu_ns = 0;
    std::uint64_t burned_ns = 0;
    std::uint64_t wait_ns = 0;
    std::uint64_t throttled_ns = 0;
    std::uint64_t blocking_ns = 0;
    std::uint64_t disk_bytes = 0;
    std::uint64_t io_bytes = 0;
    std::uint64_t tasks_ended = 0;
    std::uint64_t refused = 0;
    std::optional<double> satisfaction;  ///< none: it wanted no CPU
};

/// Counters of one tenant since it was made, and gauges. Units: in the names.
struct tenant_sample {
    std::string name;
    double weight = 1;
    std::uint64_t cpu_ns = 0;
    std::uint64_t burned_ns = 0;    ///< the part of it that was not on workers
    std::uint64_t blocking_ns = 0;  ///< thread time
    std::uint64_t wait_ns = 0;      ///< of tasks and functions that were queued
    std::uint64_t tasks_ended = 0;
    std::uint64_t refused = 0;
    std::uint64_t stalls = 0;
    std::uint64_t operations = 0;
    std::uint64_t operation_bytes = 0;
    std::uint64_t disk_bytes = 0;  ///< the part of them that went from or to files
    std::int64_t tasks = 0;
    std::uint64_t queued_async = 0;
    std::uint64_t queued_compute = 0;
    std::uint64_t queued_blocking = 0;
    std::uint64_t queued_disk = 0;
    hold_samples holds;
    std::map<std::string, std::int64_t> lag_ns;     ///< by queue
    std::map<std::string, std::int64_t> oldest_ns;  ///< by queue
    std::optional<window_sample> window;            ///< if one was asked for

    double oldest_of(const std::string& queue) const;  ///< Units: seconds
    double lag_of(const std::string& queue) const;     ///< Units: seconds
};

/// How fair the CPU was shared out in the last ten seconds.
struct fairness_sample {
    std::uint64_t tenants = 0;  ///< that wanted CPU
    double jain = 1;
    std::uint64_t victims = 0;
    double lag_max = 0;  ///< Units: seconds of CPU
    std::string lag_max_name;
};

struct runtime_sample {
    std::string io;
    std::int64_t tasks = 0;
    std::uint64_t queued_async = 0;
    std::uint64_t queued_compute = 0;
    std::uint64_t queued_blocking = 0;
    std::uint64_t compute_threads = 0;
    std::uint64_t blocking_threads = 0;
    std::uint64_t stalls = 0;
    std::uint64_t hand_overs = 0;
    double saturation = 0;  ///< of the process, 0 to 1
    std::string cause;      ///< the resource that it comes from
    bool is_over = false;
    std::vector<std::pair<std::string, double>> resources;  ///< each one's saturation
    std::optional<fairness_sample> fairness;
};

struct top_sample {
    instant at{};
    double window = 0;  ///< how long the tenants' windows are; 0: they have none. Units: seconds
    runtime_sample process;
    std::map<std::uint64_t, tenant_sample> tenants;  ///< by id
};

/// Reads the answers of /debug/tenants and /debug/runtime. Errors: one line, if they are not such.
std::expected<top_sample, std::string> read_sample(std::string_view tenants,
                                                   std::string_view process, instant at);

/// A tenant between two samples; rates are per second.
struct tenant_row {
    std::string name;
    double weight = 1;
    double cores = 0;    ///< CPU seconds a second
    double share = 0;    ///< of all tenants' CPU, 0 to 1
    double waiting = 0;  ///< seconds waited a second: how many waited on average
    double wait_us = 0;  ///< waited in queues for each task that ended
    double tasks_ended = 0;
    double refused = 0;
    double burned = 0;    ///< the part of cores that was not on workers
    double blocking = 0;  ///< blocking threads held, on average
    double disk_bytes = 0;
    std::optional<double> satisfaction;  ///< CPU that it had by what it was entitled to
    double lag = 0;     ///< what it is owed where that is most, or owes; seconds of CPU
    double oldest = 0;  ///< what waits longest; seconds
    hold_rows holds;
    double stalls = 0;
    double operations = 0;
    double bytes = 0;
    std::int64_t tasks = 0;
    std::uint64_t queued_async = 0;
    std::uint64_t queued_compute = 0;
    std::uint64_t queued_blocking = 0;
    std::uint64_t queued_disk = 0;

    std::uint64_t depth() const noexcept {
        return queued_async + queued_compute + queued_blocking + queued_disk;
    }
};

/// What the rows are sorted by, the largest first, and in what a tenant can be the heaviest.
/// From `lag` on, only the former.
enum class top_order : std::uint8_t {
    cpu,
    depth,
    wait,
    throttled,
    compute,
    blocking,
    disk,
    io,
    lag,
    oldest
};
inline constexpr std::size_t top_orders = 10;
inline constexpr std::size_t top_weights = 8;  ///< orders in which a tenant can be the heaviest

std::string_view name_of(top_order order) noexcept;
/// The order of that name; by CPU if there is none.
top_order order_named(std::string_view name) noexcept;
/// The row's figure that the order goes by.
double figure_of(const tenant_row& row, top_order order) noexcept;

/// The row with the largest figure, unless that is zero, and its part of all rows' figures.
struct heaviest {
    const tenant_row* row = nullptr;
    double share = 0;
};
heaviest heaviest_of(const std::vector<tenant_row>& rows, top_order by) noexcept;

/// JSON of the holds: throttled_s_per_s, throttled_items, holds, beneficiaries.
void write_holds(json_writer& json, const hold_rows& of);

/// What happened from `before` to `after`, one row for each tenant of `after`; ties by name. Where
/// `after` has windows, the rates that these have are over them.
std::vector<tenant_row> rows_between(const top_sample& before, const top_sample& after,
                                     top_order order);

}  // namespace drama::cli
