// SPDX-License-Identifier: Apache-2.0
// One tenant's database: a connection to SQLite that runs one body of statements at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "drama/base/clock.hpp"
#include "drama/coro/host.hpp"
#include "drama/sync/mutex.hpp"

struct sqlite3;

namespace drama::cli {

struct sql_limits {
    std::int64_t database_bytes = 64 * 1024 * 1024;
    std::size_t answer_bytes = 1024 * 1024;
    std::size_t open_max = 64;  ///< databases open at a time; idle ones are closed for others
};

/// What statements may take, and when they are too late.
struct sql_request {
    std::string_view statements;
    const host* time = nullptr;  ///< whose time it is
    instant ends = never;
};

/// What a body of statements led to: the answer, or whose fault it was that nothing changed.
struct sql_answer {
    enum class outcome : std::uint8_t {
        done,
        refused,    ///< the statements are wrong, or break a rule of the database or of this server
        too_long,   ///< the answer would be longer than sql_limits::answer_bytes
        too_late,   ///< they ran past sql_request::ends
        stopped,    ///< the request was stopped
        full,       ///< the database is at its size, or the disk is full
        crowded,    ///< too many databases are in use; said by the store
        no_memory,  ///< statements of all tenants hold sql_heap_bytes_max
        broken,     ///< the disk failed, or what is on it is no database
    };
    outcome how = outcome::done;
    std::string text;  ///< JSON, or one line that says what is wrong
};

/// Threads:  `turn` orders those that use the rest: who holds it calls from one blocking thread.
/// Lifetime: destroyed on a blocking thread, or after all has ended; that closes it.
class sql_database {
  public:
    explicit sql_database(std::string path) : path_(std::move(path)) {}

    /// Runs all statements as one transaction: all of them count, or none. Opens the database, and
    /// makes it durable, at the first call.
    ///
    /// Answers `{"results":[{"columns":[...],"rows":[[...]]}],"changes":N}`, a result for each
    /// statement that yields columns; a blob is `{"hex":"..."}`. Transactions, PRAGMA, ATTACH and
    /// VACUUM are refused.
    /// Requires: called on a blocking thread, inside a sql_files_scope, with `turn` held.
    [[nodiscard]] sql_answer run(const std::stop_token& stop, const sql_request& request,
                                 const sql_limits& limits);
    /// Closes it until the next run. Requires: as run.
    void close() noexcept { connection_.reset(); }

    drama::mutex turn;

  private:
    struct close_connection {
        void operator()(sqlite3* connection) const noexcept;
    };
    sql_answer open(const sql_limits& limits);

    const std::string path_;
    std::unique_ptr<sqlite3, close_connection> connection_;
};

}  // namespace drama::cli
