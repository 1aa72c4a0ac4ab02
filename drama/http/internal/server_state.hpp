// SPDX-License-Identifier: Apache-2.0
// What all connections of one server share.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "drama/base/spinlock.hpp"
#include "drama/coro/scope.hpp"
#include "drama/http/internal/core_counter.hpp"
#include "drama/http/internal/idle_list.hpp"
#include "drama/http/server.hpp"

namespace drama::inline v0::internal {

/// Threads: routes and options are constant while it serves; the rest as each says.
struct http_server_state {
    std::vector<http_route> routes;
    http_server_options options;
    tcp_listener listener;

    idle_list idle;
    scope_state connections;
    std::atomic<bool> draining{false};
    std::atomic<std::int64_t> grace_ns{0};  // published by `draining`

    spinlock accept_lock;          // guards the three below
    runnable* acceptor = nullptr;  // while it may be stopped
    stop_scope* accepting = nullptr;

    std::atomic<std::uint64_t> opened{0};
    core_counter requests;
    std::atomic<std::uint64_t> refused{0};
    std::atomic<std::uint64_t> bad{0};
    std::atomic<std::uint64_t> idle_closed{0};
    std::atomic<std::uint64_t> cut_off{0};
};

/// Serves one connection until it ends.
task<void> serve_connection(http_server_state* server, tcp_stream stream);

}  // namespace drama::inline v0::internal
