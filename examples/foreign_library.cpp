// SPDX-License-Identifier: Apache-2.0
// A library with a loop of its own, libpq, on drama tasks: it says what its socket waits for, and
// poll_fd waits. `foreign_library "dbname=postgres"` asks for two tenants; one runs out of time.
#include <cstdio>
#include <memory>
#include <string>

#include <libpq-fe.h>

#include "drama/coro/context.hpp"
#include "drama/net/poll_fd.hpp"
#include "drama/runtime/runtime.hpp"

using namespace drama;

namespace {

struct give_back {
    void operator()(PGconn* open) const noexcept { PQfinish(open); }
    void operator()(PGresult* held) const noexcept { PQclear(held); }
};
using connection = std::unique_ptr<PGconn, give_back>;
using rows = std::unique_ptr<PGresult, give_back>;

std::unexpected<std::error_code> complain(const char* why) {
    std::fprintf(stderr, "postgres: %s\n", why);
    return fail(std::make_error_code(std::errc::protocol_error));
}

task<result<connection>> connect(std::string where) {
    connection made(PQconnectStart(where.c_str()));
    const bool is_bad = PQstatus(made.get()) == CONNECTION_BAD;
    auto wanted = is_bad ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (wanted != PGRES_POLLING_OK) {
        if (wanted == PGRES_POLLING_FAILED) {
            co_return complain(PQerrorMessage(made.get()));
        }
        const auto what = wanted == PGRES_POLLING_READING ? events::readable : events::writable;
        auto ready = co_await poll_fd(PQsocket(made.get()), what);  // the socket may change
        if (!ready) {
            co_return fail(ready.error());  // out of time: the connection closes itself
        }
        wanted = PQconnectPoll(made.get());
    }
    static_cast<void>(PQsetnonblocking(made.get(), 1));  // of a connection that is well: succeeds
    co_return std::move(made);
}

task<result<rows>> query(PGconn* on, std::string text) {
    rows last;
    int unsent = PQsendQuery(on, text.c_str()) == 1 ? PQflush(on) : -1;
    while (unsent >= 0) {
        if (unsent == 0 && PQisBusy(on) == 0) {
            rows next(PQgetResult(on));
            if (!next) {
                co_return std::move(last);  // all was sent, all has come
            }
            last = std::move(next);
            continue;
        }
        const auto what = unsent == 0 ? events::readable : events::readable | events::writable;
        DRAMA_CO_TRY(const events seen, co_await poll_fd(PQsocket(on), what));
        const bool is_well = seen == events::writable || PQconsumeInput(on) == 1;
        unsent = is_well ? PQflush(on) : -1;
    }
    co_return complain(PQerrorMessage(on));
}

task<result<std::string>> ask(std::string where, std::string text) {
    DRAMA_CO_TRY(const connection open, co_await connect(std::move(where)));
    DRAMA_CO_TRY(const rows answer, co_await query(open.get(), std::move(text)));
    co_return PQntuples(answer.get()) == 1 ? result<std::string>(PQgetvalue(answer.get(), 0, 0))
                                           : complain(PQresultErrorMessage(answer.get()));
}

task<result<std::string>> ask_in_time(duration limit, std::string where, std::string text) {
    auto asking = with_deadline(limit, ask(std::move(where), std::move(text)));
    co_return co_await std::move(asking);
}

}  // namespace

int main(int argc, char** argv) {
    const std::string where = argc > 1 ? argv[1] : "dbname=postgres";
    runtime rt;
    const runtime_handle in = rt.handle();
    if (!rt.start()) {
        return 1;
    }
    auto slow = in.try_spawn(in.tenant("blue"), ask_in_time, 300ms, where, "select pg_sleep(60)");
    auto quick = in.try_spawn(in.tenant("gold"), ask_in_time, 30s, where, "select 6 * 7");
    if (!slow || !quick) {
        return 1;
    }
    const auto late = rt.sync_wait(*std::move(slow));
    const auto found = rt.sync_wait(*std::move(quick));
    std::printf("blue: %s\n", late ? "??" : late.error().message().c_str());
    std::printf("gold: %s\n", found ? found->c_str() : found.error().message().c_str());
    return !late && late.error() == errc::deadline_exceeded && found == "42" ? 0 : 1;
}
