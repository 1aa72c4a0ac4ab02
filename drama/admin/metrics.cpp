// SPDX-License-Identifier: Apache-2.0
#include "drama/admin/metrics.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <vector>

#include "drama/admin/fairness.hpp"
#include "drama/admin/metrics_holds.hpp"
#include "drama/admin/metrics_writer.hpp"
#include "drama/admin/process_figures.hpp"

namespace drama::inline v0 {
namespace {

constexpr double weight_unit = 1024;  // tenant_share keeps weights as fixed-point numbers

double seconds(std::uint64_t ns) {
    return static_cast<double>(ns) / 1e9;
}

/// The closed label set of operations.
constexpr std::array op_names{"accept", "connect", "recv", "send", "read",
                              "write",  "fsync",   "meta", "dns",  "poll"};

std::size_t op_of(op_code code) noexcept {
    switch (code) {
        case op_code::accept:
            return 0;
        case op_code::connect:
            return 1;
        case op_code::recv:
        case op_code::recv_msg:
            return 2;
        case op_code::send:
        case op_code::send_msg:
            return 3;
        case op_code::read:
        case op_code::read_at:
        case op_code::readv_at:
            return 4;
        case op_code::write:
        case op_code::write_at:
        case op_code::writev_at:
            return 5;
        case op_code::fsync:
        case op_code::fdatasync:
            return 6;
        case op_code::resolve:
            return 8;
        case op_code::poll:
            return 9;
        default:
            return 7;
    }
}

struct io_figures {
    std::uint64_t ok = 0;
    std::uint64_t errors = 0;
    std::uint64_t bytes = 0;
};
using io_table = std::array<io_figures, op_names.size()>;

void add_io(io_table& to, const tenant_record& of) {
    const auto* const operations = of.operations();
    for (std::size_t i = 0; operations != nullptr && i < op_codes; ++i) {
        const op_usage& each = (*operations)[i];
        io_figures& sum = to[op_of(static_cast<op_code>(i))];
        const std::uint64_t errors = each.errors.read();
        sum.errors += errors;
        sum.ok += std::max(each.operations.read(), errors) - errors;
        sum.bytes += each.bytes.read();
    }
}

/// One look at every tenant.
struct figures {
    struct of_tenant {
        tenant who;
        std::uint64_t cpu_ns = 0;
        std::uint64_t wait_ns = 0;
        std::int64_t tasks = 0;
        std::uint64_t throttled_ns = 0;
    };
    std::vector<of_tenant> tenants;
    std::uint64_t cpu_ns = 0;
    std::uint64_t started = 0;
    std::uint64_t ended = 0;
    std::uint64_t refused = 0;
    hold_table held;
    std::int64_t frame_bytes = 0;
    io_table io{};
};

figures look(runtime& of) {
    figures seen;
    of.tenants().for_each([&seen](const tenant& each) {
        const tenant_usage& usage = each.usage();
        seen.tenants.push_back({each, usage.cpu_ns.read(),
                                usage.queue_wait_ns.read() + usage.pool_wait_ns.read(),
                                each.record().tasks(), each.record().throttled_ns()});
        seen.cpu_ns += seen.tenants.back().cpu_ns;
        seen.ended += usage.tasks_ended.read();  // first: it must not seem more than started
        seen.started += usage.tasks_started.read();
        seen.refused += usage.refused.read();
        seen.held.add(each.record());
        seen.frame_bytes += each.record().frame_bytes();
        add_io(seen.io, each.record());
    });
    return seen;
}

void keep_top(figures& seen, const metrics_options& options) {
    std::vector<figures::of_tenant> chosen;
    const auto choose = [&](auto figure) {
        const std::size_t count = std::min(options.top_each, seen.tenants.size());
        std::ranges::partial_sort(seen.tenants,
                                  seen.tenants.begin() + static_cast<std::ptrdiff_t>(count),
                                  std::ranges::greater(), figure);
        for (std::size_t i = 0; i < count && chosen.size() < options.top_all; ++i) {
            const auto& next = seen.tenants[i];
            const bool is_new = std::ranges::none_of(
                chosen, [&next](const auto& each) { return each.who == next.who; });
            if (is_new && std::invoke(figure, next) > 0) {
                chosen.push_back(next);
            }
        }
    };
    choose(&figures::of_tenant::cpu_ns);
    choose(&figures::of_tenant::wait_ns);
    choose(&figures::of_tenant::tasks);
    choose(&figures::of_tenant::throttled_ns);
    std::ranges::sort(chosen, {}, [](const auto& each) { return each.who.id(); });
    seen.tenants = std::move(chosen);
}

void write_process(metrics_writer& to) {
    const process_figures process = read_process_figures();
    to.family("process_cpu_seconds_total", "counter");
    to.sample(process.cpu_seconds);
    to.family("process_resident_memory_bytes", "gauge");
    to.sample(process.resident_bytes);
    to.family("process_open_fds", "gauge");
    to.sample(process.open_fds);
    to.family("process_max_fds", "gauge");
    to.sample(process.max_fds);
    to.family("process_threads", "gauge");
    to.sample(process.threads);
    to.family("process_start_time_seconds", "gauge");
    to.sample(process.start_time_seconds);
}

void write_runtime(metrics_writer& to, runtime& of) {
    const runtime_stats stats = of.stats();
    to.family("drama_queue_depth", "gauge");
    to.sample(stats.queued, metrics_writer::label("kind", "async"));
    to.sample(stats.compute_queued, metrics_writer::label("kind", "compute"));
    to.sample(stats.blocking_queued, metrics_writer::label("kind", "blocking"));
    to.family("drama_disk_queue_depth", "gauge");
    to.sample(stats.disk_queued);
    to.family("drama_disk_in_flight", "gauge");
    to.sample(stats.disk_in_flight);
    to.family("drama_threads", "gauge");
    to.sample(stats.compute_threads, metrics_writer::label("kind", "compute"));
    to.sample(stats.blocking_threads, metrics_writer::label("kind", "blocking"));
    to.family("drama_burning_threads", "gauge");
    to.sample(stats.burning_threads);
    to.family("drama_stalls_total", "counter");
    to.sample(stats.stalls, metrics_writer::label("kind", "async"));
    to.family("drama_hand_overs_total", "counter");
    to.sample(stats.hand_overs);
    to.family("drama_hand_overs_without_permit_total", "counter");
    to.sample(stats.hand_overs_without_permit);
    const saturation_state saturation = of.saturation();
    to.family("drama_saturation_ratio", "gauge");
    for (std::size_t i = 0; i < resources; ++i) {
        to.sample(saturation.level[i],
                  metrics_writer::label("resource", name_of(static_cast<resource>(i))));
    }
    to.family("drama_saturation_over", "gauge");
    to.sample(saturation.is_over ? 1 : 0);
}

void write_operations(metrics_writer& to, const io_table& io, const std::string& labels) {
    for (std::size_t i = 0; i < io.size(); ++i) {
        if (io[i].ok + io[i].errors != 0) {
            const std::string of_op = labels + metrics_writer::label("op", op_names[i]);
            to.sample(io[i].ok, of_op + "," + metrics_writer::label("outcome", "ok"));
            to.sample(io[i].errors, of_op + "," + metrics_writer::label("outcome", "error"));
        }
    }
}

void write_bytes(metrics_writer& to, const io_table& io, const std::string& labels) {
    for (std::size_t i = 0; i < io.size(); ++i) {
        if (io[i].bytes != 0) {
            to.sample(io[i].bytes, labels + metrics_writer::label("op", op_names[i]));
        }
    }
}

void write_totals(metrics_writer& to, const figures& seen, std::size_t tenants) {
    to.family("drama_cpu_seconds_total", "counter");
    to.sample(seconds(seen.cpu_ns));
    to.family("drama_tasks_spawned_total", "counter");
    to.sample(std::max(seen.started, seen.ended));
    to.family("drama_tasks_completed_total", "counter");
    to.sample(seen.ended);
    to.family("drama_tasks_rejected_total", "counter");
    to.sample(seen.refused);
    to.family("drama_tasks", "gauge");
    to.sample(std::max(seen.started, seen.ended) - seen.ended);
    to.family("drama_tenants", "gauge");
    to.sample(tenants, metrics_writer::label("state", "known"));
    to.family("drama_memory_bytes", "gauge");
    to.sample(seen.frame_bytes, metrics_writer::label("pool", "frames"));
    to.family("drama_io_operations_total", "counter");
    write_operations(to, seen.io, "");
    to.family("drama_io_bytes_total", "counter");
    write_bytes(to, seen.io, "");
}

// All samples of a family stand together, as the format asks.
template <class Value>
void write_each(metrics_writer& to, const figures& seen, std::string_view name,
                std::string_view type, Value value) {
    to.family(name, type);
    for (const auto& each : seen.tenants) {
        to.sample(value(each), metrics_writer::label("tenant", each.who.name()));
    }
}

void write_tenants_io(metrics_writer& to, const figures& seen) {
    const auto for_each = [&](auto write) {
        for (const auto& each : seen.tenants) {
            io_table io{};
            add_io(io, each.who.record());
            write(to, io, metrics_writer::label("tenant", each.who.name()) + ",");
        }
    };
    to.family("drama_tenant_io_operations_total", "counter");
    for_each(write_operations);
    to.family("drama_tenant_io_bytes_total", "counter");
    for_each(write_bytes);
}

void write_tenants_waits(metrics_writer& to, const runtime& in, const figures& seen) {
    using of_tenant = figures::of_tenant;
    write_each(to, seen, "drama_tenant_oldest_wait_seconds", "gauge",
               [&in](const of_tenant& each) { return oldest_wait_seconds(in, each.who); });
    write_each(to, seen, "drama_tenant_fairness_lag_seconds", "gauge",
               [&in](const of_tenant& each) { return lag_seconds(in, each.who); });
    to.family("drama_tenant_throttled_seconds_total", "counter");
    for (const of_tenant& each : seen.tenants) {
        hold_table held;
        held.add(each.who.record());
        held.write(to, metrics_writer::label("tenant", each.who.name()) + ",");
    }
}

void write_tenants(metrics_writer& to, const figures& seen) {
    using of_tenant = figures::of_tenant;
    write_each(to, seen, "drama_tenant_cpu_seconds_total", "counter",
               [](const of_tenant& each) { return seconds(each.cpu_ns); });
    write_each(to, seen, "drama_tenant_queue_wait_seconds_total", "counter",
               [](const of_tenant& each) { return seconds(each.wait_ns); });
    write_each(to, seen, "drama_tenant_tasks", "gauge",
               [](const of_tenant& each) { return each.tasks; });
    write_each(to, seen, "drama_tenant_queue_depth", "gauge", [](const of_tenant& each) {
        const auto depths = each.who.record().queued();
        return depths.async + depths.compute + depths.blocking;
    });
    write_each(to, seen, "drama_tenant_weight", "gauge", [](const of_tenant& each) {
        return static_cast<double>(each.who.record().share().weight()) / weight_unit;
    });
    write_each(to, seen, "drama_tenant_tasks_completed_total", "counter",
               [](const of_tenant& each) { return each.who.usage().tasks_ended.read(); });
    write_each(to, seen, "drama_tenant_tasks_rejected_total", "counter",
               [](const of_tenant& each) { return each.who.usage().refused.read(); });
    write_tenants_io(to, seen);
}

void write_fair(metrics_writer& to, const fairness_figures& fair) {
    to.family("drama_fairness_jain_ratio", "gauge");
    to.sample(fair.jain);
    to.family("drama_fairness_lag_max_seconds", "gauge");
    to.sample(fair.lag_max);
    to.family("drama_fairness_victims", "gauge");
    to.sample(fair.victims);
}

// Who wanted no CPU has none.
void write_satisfaction(metrics_writer& to, const figures& seen, const tenant_window& window) {
    to.family("drama_tenant_satisfaction_ratio", "gauge");
    for (const auto& each : seen.tenants) {
        if (const tenant_sums did = window.of(each.who.id()); has_demand(did, window.length)) {
            to.sample(satisfaction_of(did), metrics_writer::label("tenant", each.who.name()));
        }
    }
}

}  // namespace

std::string metrics_text(runtime& of, const metrics_options& options) {
    figures seen = look(of);
    const std::size_t tenants = seen.tenants.size();
    std::string out;
    metrics_writer to(out);
    to.family("drama_build_info", "gauge");
    to.sample(1, metrics_writer::label("compiler", __VERSION__) + "," +
                     metrics_writer::label("backend", of.io_name()));
    write_process(to);
    write_runtime(to, of);
    write_totals(to, seen, tenants);
    write_held(to, of.stats(), seen.held);
    if (options.window != nullptr) {
        write_fair(to, fairness_in(of, *options.window));
    }
    keep_top(seen, options);
    write_tenants(to, seen);
    write_tenants_waits(to, of, seen);
    if (options.window != nullptr) {
        write_satisfaction(to, seen, *options.window);
    }
    return out;
}

}  // namespace drama::inline v0
