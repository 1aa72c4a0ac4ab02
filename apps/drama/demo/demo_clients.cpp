// SPDX-License-Identifier: Apache-2.0
#include "demo_clients.hpp"

#include <charconv>
#include <chrono>
#include <utility>

#include "fetch.hpp"
#include "load/load_loop.hpp"

namespace drama::cli {
namespace {

constexpr double for_ever_seconds = 1e6;

load_plan plan_of(const demo_target& target) {
    load_plan plan;
    plan.url = "127.0.0.1:" + std::to_string(target.port);
    load_group& group = plan.groups.emplace_back();
    group.name = target.tenant;
    group.tenant = target.tenant;
    group.path = target.path;
    group.method = target.method;
    group.body_bytes = target.body_bytes;
    return plan;
}

void run(const load_plan& plan, int stop, int output) {
    const auto port =
        static_cast<std::uint16_t>(std::stoul(plan.url.substr(plan.url.find(':') + 1)));
    const auto to = socket_address::from_ip("127.0.0.1", port);
    const std::string bytes = bytes_of(run_loop(plan, *to, {.stop = stop}));
    write_all(output, bytes.data(), bytes.size());
}

load_result result_in(const std::string& bytes) {
    if (auto results = results_in(bytes, 1)) {
        return std::move(results->front());
    }
    load_result none;
    none.errors[static_cast<std::size_t>(load_error::closed)] = 1;
    return none;
}

}  // namespace

load_result measure_victim(const demo_target& target, std::uint32_t per_second, duration span) {
    load_plan plan = plan_of(target);
    plan.punctual = true;
    load_group& group = plan.groups.front();
    group.arrivals = "fixed";
    group.rate = per_second;
    group.connections = 8;
    group.connections_max = 4096;
    group.timeout_ms = 20'000;
    group.seconds = std::chrono::duration<double>(span).count();
    forked_client client([&plan](int output) { run(plan, -1, output); });
    return result_in(client.read_all());
}

running_neighbour::running_neighbour(const demo_target& target, std::size_t connections)
    : stop_(make_pipe()), client_([&](int output) {
          stop_.write.reset();
          load_plan plan = plan_of(target);
          load_group& group = plan.groups.front();
          group.connections = connections;
          group.timeout_ms = 86'400'000;
          group.seconds = for_ever_seconds;
          run(plan, stop_.read.get(), output);
      }) {
    stop_.read.reset();
}

load_result running_neighbour::stop() {
    stop_.write.reset();
    return result_in(client_.read_all());
}

std::uint64_t tenant_figure(std::uint16_t admin_port, const std::string& tenant,
                            const std::string& name) {
    const auto from = socket_address::from_ip("127.0.0.1", admin_port);
    const std::string answer = fetch(*from, "/debug/tenants").value_or("");
    const std::string key = "\"" + name + "\":";
    // A server without tenants tells of all work together.
    const bool has_tenants = answer.find("\"name\":") != std::string::npos;
    const std::size_t named = has_tenants ? answer.find("\"name\":\"" + tenant + "\"") : 0;
    const std::size_t at = answer.find(key, named);
    std::uint64_t count = 0;
    if (named != std::string::npos && at != std::string::npos) {
        std::from_chars(answer.data() + at + key.size(), answer.data() + answer.size(), count);
    }
    return count;
}

}  // namespace drama::cli
