// SPDX-License-Identifier: Apache-2.0
// The clients of the demonstration: parts of the load generator in processes of their own, so that
// what is measured does not depend on what measures.
#pragma once

#include <cstdint>
#include <string>

#include "drama/base/clock.hpp"
#include "drama/base/unique_fd.hpp"
#include "forked_client.hpp"
#include "load/load_result.hpp"

namespace drama::cli {

/// A request to a port of 127.0.0.1, on a tenant's account.
struct demo_target {
    std::uint16_t port = 0;
    std::string path;
    std::string tenant;
    std::string method = "GET";
    std::uint64_t body_bytes = 0;
};

/// Sends `per_second` requests for `span`, on time however late the answers are. Asks for a
/// real-time priority; goes on without.
load_result measure_victim(const demo_target& target, std::uint32_t per_second, duration span);

/// Keeps requests under way on `connections`, from construction until stop().
class running_neighbour {
  public:
    running_neighbour(const demo_target& target, std::size_t connections);
    load_result stop();

  private:
    pipe_ends stop_;  // its end of writing closes, and that tells the client to end
    forked_client client_;
};

/// A number that the admin endpoint tells of a tenant: "tasks", "tasks_ended"; 0 if it does not.
std::uint64_t tenant_figure(std::uint16_t admin_port, const std::string& tenant,
                            const std::string& name);

}  // namespace drama::cli
