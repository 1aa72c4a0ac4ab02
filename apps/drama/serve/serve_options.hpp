// SPDX-License-Identifier: Apache-2.0
// What `drama serve` can be told, and the table of flags that tell it.
#pragma once

#include <cstdint>
#include <string>

#include "flags.hpp"

namespace drama::cli {

struct serve_options {
    std::string listen = "127.0.0.1:8080";
    std::string admin = "127.0.0.1:8081";
    std::string order = "fair";
    std::string io = "auto";
    std::string data;
    std::uint64_t workers = 0;
    std::uint64_t blocking_max = 512;
    std::uint64_t tasks_max = 10'000'000;
    std::uint64_t header_deadline_ms = 10'000;
    std::uint64_t idle_deadline_ms = 60'000;
    std::uint64_t drain_ms = 5'000;
    bool hand_over = true;
    bool check_permits = true;
};

/// The flags of serve. Lifetime: `into` outlives the table.
command describe(serve_options& into);

}  // namespace drama::cli
