// SPDX-License-Identifier: Apache-2.0
// What `drama load` is to send: groups of requests to one server. The table of settings serves the
// flags, the --group texts and the keys of a scenario file alike: whoever adds one adds all three.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "flags.hpp"
#include "load/arrivals.hpp"

namespace drama::cli {

// Bounds, each told where it refuses.
inline constexpr std::size_t load_groups_max = 1000;
inline constexpr std::uint64_t load_threads_max = 64;
inline constexpr std::uint64_t group_connections_max = 100'000;
inline constexpr std::uint64_t group_outstanding_max = 10'000'000;
inline constexpr std::uint64_t group_tenants_max = 100'000;
inline constexpr std::uint64_t group_body_bytes_max = 64 * 1024 * 1024;

/// Requests of one kind and the order in which they come.
struct load_group {
    std::string name;
    std::string method = "GET";
    std::string path = "/";
    std::vector<std::string> headers;  ///< "Name: value"
    std::string tenant;                ///< of the Drama-Tenant header; empty: none
    std::uint64_t tenants = 1;         ///< above 1: TENANT-0, TENANT-1, ..., in turn
    std::string token;                 ///< of the Authorization header; empty: none
    std::uint64_t body_bytes = 0;
    std::string body = "letter";
    std::string arrivals = "auto";
    double rate = 0;          ///< a second; 0: the group's share of the plan's, or a closed loop
    std::uint64_t burst = 1;  ///< requests at once
    std::uint64_t connections = 1;
    std::uint64_t connections_max = 1000;  ///< an open loop opens more, up to this
    std::uint64_t outstanding_max = 100'000;
    std::uint64_t timeout_ms = 10'000;
    double seconds = 10;
    double start_seconds = 0;
    double weight = 1;

    /// With "auto" resolved.
    arrival_law law() const noexcept;
    /// The body of all requests, the same for equal settings.
    std::string make_body() const;
    /// What the n-th tenant's requests begin with, up to the body.
    std::string head_of(std::uint64_t tenant_number, std::string_view host) const;
};

struct load_plan {
    std::string url = "127.0.0.1:8080";
    double total_rate = 0;  ///< shared by weight among the groups without a rate
    std::uint64_t seed = 1;
    std::uint64_t threads = 1;
    bool punctual = false;
    std::vector<load_group> groups;
    // Not keys of a scenario.
    load_group base;  ///< what each group begins with
    std::vector<std::string> group_texts;
    std::string scenario;
    std::string svg;
    bool json = false;
    bool quiet = false;

    /// Host and port without "http://".
    std::string_view address() const noexcept;
};

/// Settings of a group. Lifetime: `into` outlives the table.
std::vector<flag> settings_of(load_group& into);
/// Settings of a plan that a scenario may have.
std::vector<flag> settings_of(load_plan& into);
/// All flags. Lifetime: `into` outlives the table.
command describe(load_plan& into);

/// What is wrong with a group as a whole, or nothing.
std::string fault_of(const load_group& group);

/// Makes `key=value,key=value` into a group that begins as `base`. Yields what is wrong, or
/// nothing.
std::string read_group(std::string_view text, const load_group& base, load_group& into);

/// Adds the groups of the command line, or one that is `base`, names those without a name and
/// shares out the rate. Yields what is wrong, or nothing.
std::string complete(load_plan& plan);

}  // namespace drama::cli
