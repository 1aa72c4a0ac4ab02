// SPDX-License-Identifier: Apache-2.0
#include "drama/net/resolve.hpp"

#include <cerrno>
#include <utility>

#include "drama/io/file_results.hpp"
#include "drama/runtime/io_await.hpp"

namespace drama::inline v0 {

task<result<std::vector<socket_address>>> resolve(std::string host, std::string service,
                                                  int socket_type, std::source_location from) {
    resolution asked;
    asked.service = std::move(service);
    asked.socket_type = socket_type;
    io_wait lookup(op_code::resolve, work_class::read, from);
    lookup.op().path = host.c_str();
    lookup.op().context = &asked;
    auto answered = co_await lookup;
    if (!answered) {
        co_return fail(answered.error());
    }
    if (asked.found.empty()) {
        co_return fail(errno_code(ENOENT));
    }
    co_return std::move(asked.found);
}

task<result<std::vector<socket_address>>> resolve(endpoint where, int socket_type,
                                                  std::source_location from) {
    auto numeric = socket_address::from_ip(where.host.empty() ? "0.0.0.0" : where.host, where.port);
    if (numeric) {
        co_return std::vector<socket_address>(1, *numeric);
    }
    auto named = resolve(std::move(where.host), std::to_string(where.port), socket_type, from);
    co_return co_await std::move(named);
}

}  // namespace drama::inline v0
