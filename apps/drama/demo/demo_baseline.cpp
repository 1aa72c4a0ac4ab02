// SPDX-License-Identifier: Apache-2.0
#include "demo_baseline.hpp"

#include <filesystem>
#include <utility>

#include "demo_process.hpp"
#include "load/histogram.hpp"

namespace drama::cli {

std::string tokio_server_beside_this() {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    const auto build = self.parent_path().parent_path().parent_path();
    const auto server = build / "peers/tokio/release/server";
    if (error || !std::filesystem::exists(server, error)) {
        return {};
    }
    return server.string() + " tenants --threads 2";
}

std::optional<double> baseline::p99_us(demo_target victim) {
    if (command_.empty()) {
        return std::nullopt;
    }
    const auto [at, is_new] = found_.try_emplace(victim.method + " " + victim.path);
    if (is_new) {
        at->second = measure(std::move(victim));
    }
    return at->second;
}

std::optional<double> baseline::measure(demo_target victim) const {
    const auto folder = temporary_folder::make();
    if (!folder) {
        return std::nullopt;
    }
    auto server = served_process::start({"--data", folder->path()}, command_);
    if (!server) {
        return std::nullopt;
    }
    victim.port = server->port();
    histogram latency_ns;
    for (std::uint64_t round = 0; round < lengths_.rounds; ++round) {
        const load_result quiet = measure_victim(victim, victim_per_second, lengths_.span);
        if (quiet.failed() + quiet.dropped != 0) {
            return std::nullopt;
        }
        latency_ns.merge(quiet.latency_ns);
    }
    return static_cast<double>(latency_ns.at(0.99)) / 1000.0;
}

}  // namespace drama::cli
