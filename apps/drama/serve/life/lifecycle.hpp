// SPDX-License-Identifier: Apache-2.0
// From ready to drained: what a serving process does when a signal comes. SIGHUP reads the
// configuration again; SIGINT and SIGTERM drain, and the second of them ends the process at once.
#pragma once

#include <span>

#include <signal.h>

#include "drama/admin/admin_server.hpp"
#include "drama/http/server.hpp"
#include "drama/net/endpoint.hpp"
#include "drama/runtime/runtime.hpp"
#include "serve/config/accounts.hpp"
#include "serve/config/config.hpp"
#include "serve/life/supervisor.hpp"
#include "serve/service.hpp"

namespace drama::cli {

/// Keeps the signals from all threads that start later, for `attend`.
sigset_t block_life_signals();

/// One serving process. Lifetime: what it points to outlives `attend`.
struct serving_process {
    std::span<char* const> arguments;  ///< of the command line, for the next reading
    serve_config settings;             ///< in force
    sigset_t signals{};
    runtime* rt = nullptr;
    service* shared = nullptr;
    accounts* who = nullptr;
    supervisor* above = nullptr;
    http_server* server = nullptr;
    endpoint listens;               ///< where it does
    admin_server* admin = nullptr;  ///< null: none
};

/// Says that it serves, and feeds the supervisor's watchdog from a task: if the runtime stands
/// still, that does.
void say_ready(const serving_process& on);

/// Handles signals until `serving` has drained. The exit status. Threads: the main one.
int attend(serving_process& on, join_handle<result<void>> serving);

}  // namespace drama::cli
