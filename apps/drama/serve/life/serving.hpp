// SPDX-License-Identifier: Apache-2.0
// What `drama serve` serves: accounts, stores and routes under one HTTP server, on a runtime that
// somebody else has started, in whatever world.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "drama/http/server.hpp"
#include "drama/runtime/runtime.hpp"
#include "serve/config/accounts.hpp"
#include "serve/config/config.hpp"
#include "serve/files/file_store.hpp"
#include "serve/service.hpp"
#include "serve/sql/sql_store.hpp"

namespace drama::cli {

/// The runtime's part of the settings.
runtime_options runtime_options_of(const serve_options& from);

/// Order: prepare, listen, then `serve` as a task; drain of the server ends that.
/// Threads: the owner's, apart from what server and service allow.
/// Lifetime: outlives the tasks of `serve`; the runtime and `settings` outlive it.
class serving {
  public:
    serving(runtime& rt, const serve_config& settings);
    serving(const serving&) = delete;
    serving& operator=(const serving&) = delete;

    /// Makes the tenants of the settings count and the data folder ready. Errors: one line.
    std::expected<void, std::string> prepare();
    /// Listens with the socket that was passed, or where the settings say. Errors: one line.
    std::expected<void, std::string> listen(std::optional<int> passed = std::nullopt);

    accounts& who() noexcept { return who_; }
    service& shared() noexcept { return shared_; }
    http_server& server() noexcept { return server_; }

  private:
    runtime& rt_;
    const serve_options& options_;
    const serve_config& settings_;
    accounts who_;
    file_store files_;
    sql_store databases_;
    service shared_;
    http_server server_;
};

}  // namespace drama::cli
