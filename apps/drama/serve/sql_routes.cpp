// SPDX-License-Identifier: Apache-2.0
// /sql: statements for the tenant's own database.
#include <cerrno>
#include <string>
#include <utility>

#include "drama/http/body_view.hpp"
#include "drama/http/query.hpp"
#include "drama/runtime/runtime.hpp"
#include "serve/files/file_names.hpp"
#include "serve/routes.hpp"
#include "serve/service.hpp"
#include "serve/sql/sql_store.hpp"

namespace drama::cli {
namespace {

constexpr number_range run_ms{.min = 1, .max = 60'000};
constexpr std::uint64_t run_ms_default = 5'000;

/// Errors: what ends a request like any other, a stop.
result<http_reply> reply_of(sql_answer answer) {
    using outcome = sql_answer::outcome;
    switch (answer.how) {
        case outcome::done: {
            http_reply made;
            made.content_type = "application/json";
            made.body = std::move(answer.text);
            return made;
        }
        case outcome::refused:
        case outcome::too_long:
            return text_reply(400, answer.text);
        case outcome::too_late:
            return text_reply(504, answer.text);
        case outcome::stopped:
            return fail(errc::stop_requested);
        case outcome::full:
            return text_reply(507, answer.text);
        case outcome::crowded:
            return text_reply(503, answer.text);
        case outcome::no_memory:
            return text_reply(503, "no memory is left for statements");
        case outcome::broken:
            break;
    }
    return text_reply(500, answer.text);
}

result<http_reply> failed(std::error_code error) {
    if (error == errno_code(ENOSPC) || error == errno_code(EDQUOT)) {
        return text_reply(507, "no room is left on the disk");
    }
    return fail(error);
}

task<result<http_reply>> run_sql(http_exchange exchange) {
    sql_store* const store = service_of(exchange).databases;
    if (store == nullptr) {
        co_return text_reply(503, "this server keeps no databases: start it with --data DIR");
    }
    if (exchange.tenant == this_runtime().tenants().shared()) {
        co_return text_reply(503, "no room for another tenant, so none for its database");
    }
    auto ms = query_number_or(exchange.request->target, "ms", run_ms_default, run_ms);
    if (!ms) {
        co_return text_reply(400, "ms: " + ms.error().message() + " (1 to 60000)");
    }
    // SQLite takes a zero byte for the end of the statements.
    std::string statements(exchange.request->body.size(), '\0');
    exchange.request->body.copy_to(statements);
    if (statements.find('\0') != std::string::npos) {
        co_return text_reply(400, "the statements have a zero byte");
    }
    auto running = store->run(exchange.tenant, folder_name_of(exchange.tenant.name()), statements,
                              std::chrono::milliseconds(*ms));
    auto answer = co_await std::move(running);
    if (!answer) {
        co_return failed(answer.error());
    }
    co_return reply_of(*std::move(answer));
}

}  // namespace

void add_sql_routes(std::vector<http_route>& to) {
    to.push_back({"POST", "/sql", run_sql});
}

}  // namespace drama::cli
