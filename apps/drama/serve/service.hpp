// SPDX-License-Identifier: Apache-2.0
// What the routes of one server share. Every route gets it as its context.
#pragma once

#include <atomic>
#include <string>

#include "drama/http/exchange.hpp"

namespace drama::cli {

class file_store;
class sql_store;

/// Lifetime: outlives the server. Threads: constant while it serves, or atomic.
struct service {
    std::string data;  ///< the folder of files and databases; empty: routes that keep data refuse
    file_store* files = nullptr;           ///< in that folder; null without one
    sql_store* databases = nullptr;        ///< likewise
    std::atomic<bool> is_draining{false};  ///< /healthz says so
};

inline service& service_of(const http_exchange& exchange) noexcept {
    return *static_cast<service*>(exchange.context);
}

}  // namespace drama::cli
