// SPDX-License-Identifier: Apache-2.0
#include "serve/sql/sql_store.hpp"

#include <algorithm>
#include <cerrno>
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
    std::shared_ptr<sql_database> idle;  ///< is closed there
    sql_database* database;
    sql_request request;
    const sql_limits* limits;
};

sql_answer run_call(const std::stop_token& stop, call* of) {
    const sql_files_scope files(*of->rt, of->payer);
    of->idle.reset();
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

std::shared_ptr<sql_database> sql_store::take(const std::string& folder,
                                              std::shared_ptr<sql_database>& idle) {
    const std::lock_guard guard(lock_);
    const auto found = places_.find(folder);
    if (found != places_.end()) {
        found->second.used = ++uses_;
        return found->second.database;
    }
    if (places_.size() >= open_max) {
        auto oldest = places_.end();
        for (auto each = places_.begin(); each != places_.end(); ++each) {
            const bool is_idle = each->second.database.use_count() == 1;
            if (is_idle && (oldest == places_.end() || each->second.used < oldest->second.used)) {
                oldest = each;
            }
        }
        if (oldest == places_.end()) {
            return nullptr;
        }
        idle = std::move(oldest->second.database);
        places_.erase(oldest);
    }
    auto made = std::make_shared<sql_database>(root_ + "/" + folder + "/main.db");
    places_.emplace(folder, place{made, ++uses_});
    return made;
}

task<result<sql_answer>> sql_store::run(drama::tenant payer, std::string folder,
                                        std::string_view statements, duration at_most) {
    std::shared_ptr<sql_database> idle;
    const std::shared_ptr<sql_database> database = take(folder, idle);
    if (!database) {
        co_return fail(errno_code(EMFILE));
    }
    auto turn = co_await database->turn.lock();
    if (!turn) {
        co_return fail(turn.error());
    }
    auto making = make_durable_folder(root_ + "/" + folder);
    auto made = co_await std::move(making);
    if (!made) {
        co_return fail(made.error());
    }
    const runnable& self = co_await this_task();
    const instant ends = std::min(saturating_add(self.home->now(), at_most), self.deadline);
    call of{rt_, payer, std::move(idle), database.get(), {statements, self.home, ends}, &limits_};
    auto answer = co_await blocking(run_call, &of);
    co_return answer;
}

}  // namespace drama::cli
