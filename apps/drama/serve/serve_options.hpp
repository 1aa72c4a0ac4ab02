// SPDX-License-Identifier: Apache-2.0
// What `drama serve` can be told, and the table of flags that tell it. A flag is a key of the
// configuration file too: whoever adds one adds both.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "drama/runtime/runtime_options.hpp"
#include "flags.hpp"

namespace drama::cli {

inline constexpr std::uint64_t mib_bytes = 1024 * 1024;

struct serve_options {
    std::string listen = "127.0.0.1:8080";
    std::string admin = "127.0.0.1:8081";
    std::string order = "fair";
    std::string class_order = "on";
    std::string io = "auto";
    std::string data;
    std::uint64_t workers = 0;
    std::uint64_t blocking_max = 512;
    std::uint64_t disk_depth = runtime_options().disk_depth_max;
    std::uint64_t disk_unsynced_mib = runtime_options().disk_unsynced_bytes_max / mib_bytes;
    std::uint64_t sql_mib = 64;
    std::uint64_t sql_open = 64;
    std::uint64_t tasks_max = 10'000'000;
    std::uint64_t header_deadline_ms = 10'000;
    std::uint64_t idle_deadline_ms = 60'000;
    std::uint64_t drain_delay_ms = 0;
    std::uint64_t drain_ms = 5'000;
    bool hand_over = true;
    bool check_permits = true;
    bool hold_burning_calls = false;
    // Not keys of the file that they name.
    std::string config;
    std::string check_config;
};

/// The flags that a configuration file may have as keys. Lifetime: `into` outlives the table.
std::vector<flag> settings_of(serve_options& into);

/// All flags of serve. Lifetime: `into` outlives the table.
command describe(serve_options& into);

/// True if the setting called `key` may change while it serves; the others need a restart.
bool is_live(std::string_view key) noexcept;

/// Makes the live settings of `running` those of `wanted`. Answers with a line for each other one
/// that differs.
std::vector<std::string> take_over_live(serve_options& running, serve_options& wanted);

}  // namespace drama::cli
