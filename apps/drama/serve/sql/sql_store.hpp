// SPDX-License-Identifier: Apache-2.0
// The databases of a server's tenants: one each, made at the first statement, open while in use.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "drama/base/result.hpp"
#include "drama/base/spinlock.hpp"
#include "drama/coro/task.hpp"
#include "drama/runtime/runtime.hpp"
#include "serve/sql/sql_database.hpp"

namespace drama::cli {

/// Databases DATA/sql/TENANT/main.db. One server at a time uses a data folder.
///
/// The statements of one tenant run one body after the other, in the order of arrival, and wait as
/// tasks: a tenant holds one blocking thread at most for its database.
/// Threads:  run from any task, prepare before it. Lifetime: outlives the tasks; the runtime
///           outlives it.
class sql_store {
  public:
    sql_store(runtime& rt, const std::string& data_folder, sql_limits limits);

    /// Makes the folder of databases. Errors: the kernel's. Requires: the data folder is there.
    [[nodiscard]] task<result<void>> prepare();

    /// Runs `statements` as one transaction of the database in `folder`, on `payer`'s account.
    ///
    /// Suspends: until earlier statements of the tenant and these have ended.
    /// Errors:   errc::stop_requested, errc::deadline_exceeded before they began; those of
    ///           blocking(); the kernel's for the folder.
    [[nodiscard]] task<result<sql_answer>> run(drama::tenant payer, std::string folder,
                                               std::string_view statements, duration at_most);

  private:
    struct place {
        explicit place(std::string path) : database(std::move(path)) {}

        sql_database database;
        std::uint64_t used = 0;  // the number of the last use
        bool is_open = false;    // one of sql_limits::open_max; written under its turn too
    };
    /// One of the places that are open, whose turn was free: its connection is to be closed.
    struct idle_place {
        place* at = nullptr;
        mutex_guard turn;
    };

    place& place_of(const std::string& folder);
    /// Counts `to` as open, if need be instead of `out`. False: all are in use.
    /// Requires: the turn of `to` is held.
    bool open(place& to, idle_place& out);
    /// Takes that back: nothing was opened or closed.
    void undo_open(place& to, idle_place& out);

    runtime* rt_;
    const std::string root_;  // DATA/sql
    const sql_limits limits_;

    spinlock lock_;  // guards what follows, and `used` and `is_open` of each place
    std::unordered_map<std::string, std::unique_ptr<place>> places_;  // one a tenant
    std::size_t open_ = 0;
    std::uint64_t uses_ = 0;
};

}  // namespace drama::cli
