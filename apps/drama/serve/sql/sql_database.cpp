// SPDX-License-Identifier: Apache-2.0
#include "serve/sql/sql_database.hpp"

#include <array>
#include <cctype>
#include <utility>

#include <sqlite3.h>

#include "serve/sql/sql_files.hpp"
#include "serve/sql/sql_json.hpp"

namespace drama::cli {
namespace {

using outcome = sql_answer::outcome;

constexpr int page_bytes = 4096;
constexpr int steps_between_looks = 1000;

/// What one call of `run` lets SQLite ask back.
struct watch {
    const std::stop_token* stop;
    const sql_request* request;
    outcome why = outcome::done;  ///< why it was interrupted
};

int look_up(void* given) {
    watch& on = *static_cast<watch*>(given);
    if (on.stop->stop_requested()) {
        on.why = outcome::stopped;
    } else if (on.request->time->now() >= on.request->ends) {
        on.why = outcome::too_late;
    }
    return on.why == outcome::done ? 0 : 1;
}

/// A body is one transaction, of one file, under the settings that `open` made.
template <class... Names>
int judge(void*, int action, Names...) {
    switch (action) {
        case SQLITE_TRANSACTION:
        case SQLITE_ATTACH:
        case SQLITE_DETACH:
        case SQLITE_PRAGMA:
        // Of a connection, not of the database: a tenant could hold the memory of all with them.
        case SQLITE_CREATE_TEMP_INDEX:
        case SQLITE_CREATE_TEMP_TABLE:
        case SQLITE_CREATE_TEMP_TRIGGER:
        case SQLITE_CREATE_TEMP_VIEW:
            return SQLITE_DENY;
        default:
            return SQLITE_OK;
    }
}

outcome outcome_of(int code) noexcept {
    switch (code & 0xff) {
        case SQLITE_FULL:
            return outcome::full;
        case SQLITE_NOMEM:
            return outcome::no_memory;
        case SQLITE_IOERR:
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_CANTOPEN:
        case SQLITE_INTERNAL:
        case SQLITE_PROTOCOL:
        case SQLITE_READONLY:
            return outcome::broken;
        default:
            return outcome::refused;
    }
}

std::string one_line(const char* text) {
    std::string line = text == nullptr ? "" : text;
    for (char& each : line) {
        if (std::iscntrl(static_cast<unsigned char>(each)) != 0) {
            each = ' ';
        }
    }
    return line;
}

sql_answer failure_of(sqlite3* at, const watch& on) {
    const int code = ::sqlite3_extended_errcode(at);
    if ((code & 0xff) == SQLITE_INTERRUPT && on.why == outcome::too_late) {
        return {outcome::too_late, "the statements ran longer than they may"};
    }
    if ((code & 0xff) == SQLITE_INTERRUPT) {
        return {outcome::stopped, "the request was stopped"};
    }
    if ((code & 0xff) == SQLITE_AUTH) {
        return {outcome::refused,
                "transactions, PRAGMA, ATTACH, VACUUM and temporary tables are not allowed: the "
                "whole body is one transaction"};
    }
    return {outcome_of(code), one_line(::sqlite3_errmsg(at))};
}

struct finalize {
    void operator()(sqlite3_stmt* of) const noexcept { ::sqlite3_finalize(of); }
};
using statement = std::unique_ptr<sqlite3_stmt, finalize>;

/// Runs one statement to its end. `done` of the answer: go on with the next.
sql_answer run_one(sqlite3* on, sqlite3_stmt* each, sql_json& into) {
    const bool has_columns = ::sqlite3_column_count(each) > 0;
    if (has_columns) {
        into.begin_result(each);
    }
    int code = ::sqlite3_step(each);
    for (; code == SQLITE_ROW; code = ::sqlite3_step(each)) {
        if (!into.add_row(each)) {
            return {outcome::too_long, "the answer is longer than 1 MiB: ask for less"};
        }
    }
    if (code != SQLITE_DONE) {
        return {outcome_of(::sqlite3_extended_errcode(on)), {}};
    }
    if (has_columns) {
        into.end_result();
    }
    return {};
}

/// Runs them all; they change nothing before the commit. An answer without text: see errmsg.
sql_answer run_all(sqlite3* on, std::string_view statements, sql_json& into) {
    const char* next = statements.data();
    const char* const end = next + statements.size();
    while (next != end) {
        sqlite3_stmt* prepared = nullptr;
        const int code =
            ::sqlite3_prepare_v2(on, next, static_cast<int>(end - next), &prepared, &next);
        const statement each(prepared);
        if (code != SQLITE_OK) {
            return {outcome_of(code), {}};
        }
        if (prepared == nullptr) {
            continue;  // blanks or a comment; `next` has moved on
        }
        sql_answer ran = run_one(on, prepared, into);
        if (ran.how != outcome::done) {
            return ran;
        }
    }
    return {};
}

bool execute(sqlite3* on, const char* text) noexcept {
    return ::sqlite3_exec(on, text, nullptr, nullptr, nullptr) == SQLITE_OK;
}

}  // namespace

void sql_database::close_connection::operator()(sqlite3* connection) const noexcept {
    ::sqlite3_close(connection);
}

// Durable: with a journal that is truncated, and FULL, SQLite syncs the truncation too. Temporary
// files would have no name to keep them under: memory holds them.
sql_answer sql_database::open(const sql_limits& limits) {
    sqlite3* made = nullptr;
    const int code = ::sqlite3_open_v2(
        path_.c_str(), &made, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
        sql_files_name);
    connection_.reset(made);
    if (code != SQLITE_OK) {
        const std::string why = one_line(made == nullptr ? "no memory" : ::sqlite3_errmsg(made));
        connection_.reset();
        return {outcome_of(code), why};
    }
    ::sqlite3_db_config(made, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    ::sqlite3_db_config(made, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    constexpr std::array<std::pair<int, int>, 4> bounds{{{SQLITE_LIMIT_LENGTH, 1024 * 1024},
                                                         {SQLITE_LIMIT_SQL_LENGTH, 1024 * 1024},
                                                         {SQLITE_LIMIT_EXPR_DEPTH, 200},
                                                         {SQLITE_LIMIT_ATTACHED, 0}}};
    for (const auto& [limit, value] : bounds) {
        ::sqlite3_limit(made, limit, value);
    }
    const std::string settings =
        "PRAGMA temp_store=MEMORY;PRAGMA locking_mode=EXCLUSIVE;PRAGMA page_size=" +
        std::to_string(page_bytes) +
        ";PRAGMA journal_mode=TRUNCATE;PRAGMA synchronous=FULL;PRAGMA cache_size=-512;"
        "PRAGMA foreign_keys=ON;PRAGMA max_page_count=" +
        std::to_string(limits.database_bytes / page_bytes);
    if (!execute(made, settings.c_str())) {
        sql_answer failed{outcome_of(::sqlite3_extended_errcode(made)),
                          one_line(::sqlite3_errmsg(made))};
        connection_.reset();
        return failed;
    }
    return {};
}

sql_answer sql_database::run(const std::stop_token& stop, const sql_request& request,
                             const sql_limits& limits) {
    if (!connection_) {
        if (sql_answer opened = open(limits); opened.how != outcome::done) {
            return opened;
        }
    }
    sqlite3* const on = connection_.get();
    watch watched{&stop, &request};
    ::sqlite3_set_authorizer(on, nullptr, nullptr);
    ::sqlite3_progress_handler(on, steps_between_looks, look_up, &watched);
    const std::int64_t before = ::sqlite3_total_changes64(on);
    sql_json rows(limits.answer_bytes);
    sql_answer ran;
    if (!execute(on, "BEGIN")) {
        ran = failure_of(on, watched);
    } else {
        ::sqlite3_set_authorizer(on, judge, nullptr);
        ran = run_all(on, request.statements, rows);
        if (ran.how != outcome::done && ran.text.empty()) {
            ran = failure_of(on, watched);
        }
        ::sqlite3_set_authorizer(on, nullptr, nullptr);
    }
    // What is decided now is carried out, also for who asks to stop meanwhile.
    ::sqlite3_progress_handler(on, 0, nullptr, nullptr);
    if (ran.how == outcome::done && !execute(on, "COMMIT")) {
        ran = failure_of(on, watched);
    }
    const long long changes = ::sqlite3_total_changes64(on) - before;
    if (ran.how == outcome::done) {
        ran.text = std::move(rows).finish(changes);
    } else if (::sqlite3_get_autocommit(on) == 0) {
        execute(on, "ROLLBACK");
    }
    if (ran.how == outcome::broken || ::sqlite3_get_autocommit(on) == 0) {
        connection_.reset();  // opening it again finds what the journal says
    }
    return ran;
}

}  // namespace drama::cli
