// SPDX-License-Identifier: Apache-2.0
#include "serve/sql/sql_store.hpp"

#include <algorithm>
#include <mutex>
#include <stop_token>
#include <utility>

#include "drama/runtime/blocking.hpp"
#include "serve/durable_folder.hpp"
#include "serve/sql/sql_files.hpp"

namespace drama::cli {
namespace {

/// What the blocking thread is told.
struct call {
    runtime* rt;
    tenant payer;
    sql_database* idle;  ///< is closed there, if there is one
    sql_database* database;
    sql_request request;
    const sql_limits* limits;
};

sql_answer run_call(const std::stop_token& stop, call* of) {
    const sql_files_scope files(*of->rt, of->payer);
    if (of->idle != nullptr) {
        of->idle->close();
    }
    return of->database->run(stop, of->request, *of->limits);
}

}  // namespace

sql_store::sql_store(runtime& rt, const std::string& data_folder, sql_limits limits)
    : rt_(&rt), root_(data_folder + "/sql"), limits_(limits) {
}

task<result<void>> sql_store::prepare() {
    if (auto known = register_sql_files(); !known) {
        co_return known;
    }
    auto making = make_durable_folder(root_);
    co_return co_await std::move(making);
}

sql_store::place& sql_store::place_of(const std::string& folder) {
    const std::lock_guard guard(lock_);
    auto& found = places_[folder];
    if (!found) {
        found = std::make_unique<place>(root_ + "/" + folder + "/main.db");
    }
    found->used = ++uses_;
    return *found;
}

// Who waits for a turn holds none, so a free turn is taken at once or not at all: nothing can wait
// in a circle.
bool sql_store::open(place& to, idle_place& out) {
    const std::lock_guard guard(lock_);
    if (open_ < limits_.open_max) {
        ++open_;
        to.is_open = true;
        return true;
    }
    for (auto& [folder, each] : places_) {
        if (!each->is_open || (out.at != nullptr && each->used > out.at->used)) {
            continue;
        }
        if (auto turn = each->database.turn.try_lock()) {
            out = {each.get(), *std::move(turn)};
        }
    }
    if (out.at == nullptr) {
        return false;
    }
    out.at->is_open = false;
    to.is_open = true;
    return true;
}

void sql_store::undo_open(place& to, idle_place& out) {
    const std::lock_guard guard(lock_);
    to.is_open = false;
    if (out.at != nullptr) {
        out.at->is_open = true;
    } else {
        --open_;
    }
}

task<result<sql_answer>> sql_store::run(drama::tenant payer, std::string folder,
                                        std::string_view statements, duration at_most) {
    place& own = place_of(folder);
    auto turn = co_await own.database.turn.lock();
    if (!turn) {
        co_return fail(turn.error());
    }
    idle_place idle;
    const bool opens = !own.is_open;
    if (opens) {
        auto making = make_durable_folder(root_ + "/" + folder);
        auto made = co_await std::move(making);
        if (!made) {
            co_return fail(made.error());
        }
        if (!open(own, idle)) {
            co_return sql_answer{sql_answer::outcome::crowded,
                                 "too many databases are in use at once"};
        }
    }
    const runnable& self = co_await this_task();
    const instant ends = std::min(saturating_add(self.home->now(), at_most), self.deadline);
    call of{rt_,
            payer,
            idle.at != nullptr ? &idle.at->database : nullptr,
            &own.database,
            {statements, self.home, ends},
            &limits_};
    auto answer = co_await blocking(run_call, &of);
    if (!answer && opens) {
        undo_open(own, idle);  // the call was never made
    }
    co_return answer;
}

}  // namespace drama::cli
