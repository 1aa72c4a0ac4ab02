// SPDX-License-Identifier: Apache-2.0
#include "drama/admin/report.hpp"

#include "drama/admin/json_writer.hpp"

namespace drama::inline v0 {
namespace {

constexpr double weight_unit = 1024;  // tenant_share keeps weights as fixed-point numbers

void write_operations(json_writer& json, const tenant_usage::op_table* operations) {
    json.begin_object("operations");
    for (std::size_t i = 0; operations != nullptr && i < op_codes; ++i) {
        const op_usage& each = (*operations)[i];
        const std::uint64_t count = each.operations.read();
        if (count == 0) {
            continue;
        }
        json.begin_object(name_of(static_cast<op_code>(i)));
        json.number("count", count);
        json.number("bytes", each.bytes.read());
        json.number("errors", each.errors.read());
        json.end_object();
    }
    json.end_object();
}

void write_depths(json_writer& json, const tenant_record::depths& of) {
    json.begin_object("depth");
    json.number("async", of.async);
    json.number("compute", of.compute);
    json.number("blocking", of.blocking);
    json.end_object();
}

void write_tenant(json_writer& json, const tenant& of) {
    const tenant_record& record = of.record();
    const tenant_usage& usage = record.usage;
    json.begin_object();
    json.number("id", of.id());
    json.text("name", of.name());
    json.number("weight", static_cast<double>(record.share().weight()) / weight_unit);
    json.number("tasks", record.tasks());
    json.number("requests", record.requests.load(std::memory_order_relaxed));
    json.number("cpu_ns", usage.cpu_ns.read());
    json.number("queue_wait_ns", usage.queue_wait_ns.read());
    json.number("turns", usage.turns.read());
    json.number("polls", usage.polls.read());
    json.number("tasks_started", usage.tasks_started.read());
    json.number("tasks_ended", usage.tasks_ended.read());
    json.number("compute_calls", usage.compute_calls.read());
    json.number("blocking_calls", usage.blocking_calls.read());
    json.number("blocking_ns", usage.blocking_ns.read());
    json.number("pool_wait_ns", usage.pool_wait_ns.read());
    json.number("disk_wait_ns", usage.disk_wait_ns.read());
    json.number("refused", usage.refused.read());
    json.number("stalls", usage.stalls.read());
    json.number("hand_overs", usage.hand_overs.read());
    json.number("demoted_turns", usage.demoted_turns.read());
    json.number("demoted_threads", record.demoted_threads.load(std::memory_order_relaxed));
    json.number("blocking_threads", record.blocking_threads.load(std::memory_order_relaxed));
    json.number("throttled_ns", usage.throttled_ns.read());
    json.number("frame_bytes", record.frame_bytes());
    write_depths(json, record.queued());
    write_operations(json, record.operations());
    json.end_object();
}

void write_saturation(json_writer& json, const saturation_state& seen) {
    json.begin_object("saturation");
    json.number("process", seen.process);
    json.text("cause", name_of(seen.cause));
    json.boolean("over", seen.is_over);
    json.number("delay_max_ns", static_cast<std::int64_t>(seen.delay_max.count()));
    json.begin_object("resources");
    for (std::size_t i = 0; i < resources; ++i) {
        json.number(name_of(static_cast<resource>(i)), seen.level[i]);
    }
    json.end_object();
    json.end_object();
}

}  // namespace

std::string tenants_json(runtime& of) {
    std::string out;
    json_writer json(out);
    json.begin_object();
    json.begin_array("tenants");
    of.tenants().for_each([&json](const tenant& each) { write_tenant(json, each); });
    json.end_array();
    json.end_object();
    out.push_back('\n');
    return out;
}

std::string runtime_json(runtime& of) {
    const runtime_stats seen = of.stats();
    std::string out;
    json_writer json(out);
    json.begin_object();
    json.text("io", of.io_name());
    json.number("tenants", of.tenants().size());
    json.number("tasks_alive", seen.tasks_alive);
    json.number("queued", seen.queued);
    json.number("hand_overs", seen.hand_overs);
    json.number("hand_overs_without_permit", seen.hand_overs_without_permit);
    json.number("stalls", seen.stalls);
    json.number("burning_threads", seen.burning_threads);
    json.number("compute_threads", seen.compute_threads);
    json.number("compute_queued", seen.compute_queued);
    json.number("blocking_threads", seen.blocking_threads);
    json.number("blocking_queued", seen.blocking_queued);
    json.number("disk_queued", seen.disk_queued);
    json.number("disk_in_flight", seen.disk_in_flight);
    write_saturation(json, of.saturation());
    json.end_object();
    out.push_back('\n');
    return out;
}

}  // namespace drama::inline v0
