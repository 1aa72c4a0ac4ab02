// SPDX-License-Identifier: Apache-2.0
// The clients of the demonstration: plain sockets in processes of their own, so that what is
// measured does not depend on what measures.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "drama/base/clock.hpp"
#include "drama/base/result.hpp"
#include "drama/base/unique_fd.hpp"
#include "drama/http/response_parser.hpp"

namespace drama::cli {

/// A request to a port of 127.0.0.1, on a tenant's account.
struct load_target {
    std::uint16_t port = 0;
    std::string path;
    std::string tenant;
    std::string method = "GET";
    std::size_t body_bytes = 0;

    std::string request() const;
};

constexpr bool is_success(int status) noexcept {
    return status >= 200 && status < 300;
}

/// A connected, blocking socket without Nagle's delay. Errors: errno.
result<unique_fd> connect_local(std::uint16_t port);

/// One response at a time from a socket. Errors: errno; errc::end_of_stream; a bad response.
class response_reader {
  public:
    response_reader();
    /// Reads once; the status if a response is complete then, 0 if more is to come.
    result<int> read_some(int socket);
    /// Reads until a response is complete. Yields its status.
    result<int> read_whole(int socket);

  private:
    response_parser parser_;
    std::vector<char> buffer_;
    std::size_t used_ = 0;
};

/// What the victim measured. Latency counts from the moment a request should have been sent.
struct victim_report {
    std::vector<std::uint32_t> latency_us;
    std::uint32_t errors = 0;
    std::uint32_t late_p99_us = 0;  ///< how late it sent, by its own fault
};

/// Sends `per_second` requests for `span`, on time however late the answers are, on as many
/// connections as that takes. Asks for a real-time priority; goes on without.
victim_report run_victim(const load_target& target, std::uint32_t per_second, duration span);

struct neighbour_report {
    std::uint64_t answered = 0;
    std::uint64_t errors = 0;
    double seconds = 0;
};

/// Keeps `connections` requests under way until the descriptor `stop` is readable.
neighbour_report run_neighbour(const load_target& target, std::size_t connections, int stop);

/// A number that the admin endpoint tells of a tenant: "tasks", "tasks_ended"; 0 if it does not.
std::uint64_t tenant_figure(std::uint16_t admin_port, const std::string& tenant,
                            const std::string& name);

/// The value below which `share` of the sorted samples lie; 0 without samples.
double percentile(std::span<const std::uint32_t> sorted, double share) noexcept;

}  // namespace drama::cli
