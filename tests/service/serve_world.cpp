// SPDX-License-Identifier: Apache-2.0
#include "tests/service/serve_world.hpp"

#include <cerrno>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "drama/coro/sleep.hpp"
#include "drama/coro/when.hpp"
#include "drama/http/response_parser.hpp"
#include "drama/net/tcp_stream.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"
#include "serve/life/serving.hpp"

namespace drama::testing_support {
namespace {

constexpr std::uint16_t port = 8080;
constexpr duration patience = std::chrono::seconds(20);
constexpr std::array<const char*, 2> tenants{"gold", "silver"};

struct answer {
    int status = 0;
    std::string body;
};

// What one run has asked and seen. Threads: the simulation's, one at a time.
struct ledger {
    explicit ledger(const serve_run& run) : random(run.seed ^ 0x7365727665u), how(&run) {}

    prng random;
    const serve_run* how;
    serve_seen seen;
    std::uint64_t clients_done = 0;
    std::set<std::string> rows_sent;
    std::set<std::string> rows_acknowledged;

    void fail_with(const std::string& what) {
        if (seen.fault.empty()) {
            seen.fault = what;
        }
    }
};

// A client and its connection, which it keeps for as long as answers come.
struct caller {
    ledger* book;
    std::uint64_t number;
    const char* tenant;
    tcp_stream stream = {};
    std::string bytes = {};
    std::set<std::string> versions = {};  // that its file may have
    bool has_file = false;                // one of them was acknowledged
};

std::string request_text(const caller& by, const std::string& line, const std::string& body) {
    return line + " HTTP/1.1\r\nHost: shop\r\nDrama-Tenant: " + by.tenant +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

task<result<void>> connect(caller* by) {
    endpoint where("shop", port);
    auto connecting = tcp_connect(std::move(where));
    auto made = co_await std::move(connecting);
    if (!made) {
        co_return fail(made.error());
    }
    by->stream = *std::move(made);
    by->bytes.clear();
    co_return result<void>();
}

task<result<answer>> read_answer(caller* by) {
    response_parser parser;
    std::array<char, 2048> space;
    for (;;) {
        const parse_result parsed = parser.parse(by->bytes);
        if (parsed.status == parse_status::error) {
            co_return fail(errc::bad_argument);
        }
        if (parsed.status == parse_status::complete) {
            const http_response& response = parser.response();
            answer made{response.status, std::string(response.body.size(), '\0')};
            response.body.copy_to(made.body);
            if (!response.keep_alive) {
                by->stream.close();
            }
            by->bytes.erase(0, parsed.consumed);
            co_return std::move(made);
        }
        auto got = co_await by->stream.read_some(std::as_writable_bytes(std::span(space)));
        if (!got) {
            co_return fail(got.error());
        }
        if (*got == 0) {
            co_return fail(errc::end_of_stream);
        }
        by->bytes.append(space.data(), *got);
    }
}

task<result<answer>> exchange(caller* by, std::string text) {
    if (!by->stream.is_open()) {
        auto connecting = connect(by);
        auto connected = co_await std::move(connecting);
        if (!connected) {
            co_return fail(connected.error());
        }
    }
    auto sent = co_await by->stream.write_all(std::as_bytes(std::span(text)));
    if (!sent) {
        co_return fail(sent.error());
    }
    co_return co_await read_answer(by);
}

// Never repeats a request: who does not know whether it was applied must not.
task<answer> ask(caller* by, std::string line, std::string body = {}) {
    auto exchanging = exchange(by, request_text(*by, line, body));
    auto bounded = with_deadline(patience, std::move(exchanging));
    auto got = co_await std::move(bounded);
    ++(got ? by->book->seen.answered : by->book->seen.unanswered);
    if (!got) {
        by->stream.close();
        co_return answer();
    }
    co_return *std::move(got);
}

task<void> add_row(caller* by, std::string id) {
    by->book->rows_sent.insert(id);
    const answer got = co_await ask(by, "POST /sql", "INSERT INTO notes VALUES ('" + id + "')");
    if (got.status == 200) {
        by->book->rows_acknowledged.insert(id);
    }
}

task<void> put_version(caller* by, std::uint64_t round) {
    std::string content = "version " + std::to_string(round) + " of " + std::to_string(by->number);
    content.resize(content.size() + by->book->random.below(3'000), static_cast<char>('a' + round));
    const answer got = co_await ask(by, "PUT /files/own" + std::to_string(by->number), content);
    // One that was not answered may still be under way, and come after later ones.
    by->versions.insert(content);
    by->has_file = by->has_file || got.status == 201 || got.status == 204;
}

task<void> get_version(caller* by) {
    const answer got = co_await ask(by, "GET /files/own" + std::to_string(by->number));
    if (got.status == 200 && !by->versions.contains(got.body)) {
        by->book->fail_with("a file has content that nobody has put: " + got.body.substr(0, 60));
    }
    if (got.status == 404 && by->has_file) {
        by->book->fail_with("a file that was acknowledged is not there");
    }
}

task<void> echo(caller* by, std::uint64_t round) {
    const std::string mine = "echo " + std::to_string(by->number) + '-' + std::to_string(round);
    const answer got = co_await ask(by, "POST /echo", mine);
    if (got.status == 200 && got.body != mine) {
        by->book->fail_with("the answer '" + got.body + "' came for '" + mine + '\'');
    }
}

task<void> ask_something(caller* by, std::uint64_t round) {
    switch (by->book->random.below(8)) {
        case 0:
        case 1:
            co_return co_await add_row(by,
                                       std::to_string(by->number) + '-' + std::to_string(round));
        case 2:
            co_return co_await put_version(by, round);
        case 3:
            co_return co_await get_version(by);
        case 4: {
            const answer packed = co_await ask(by, "POST /compress", std::string(5'000, 'p'));
            co_return;
        }
        case 5: {
            const answer hashed = co_await ask(by, "POST /hash", "hash me");
            co_return;
        }
        case 6: {
            const answer spawned = co_await ask(by, "POST /spawn?n=20&us=0");
            co_return;
        }
        default:
            co_return co_await echo(by, round);
    }
}

task<void> call(caller* by) {
    for (std::uint64_t round = 0; round < by->book->how->requests; ++round) {
        co_await ask_something(by, round);
        auto slept = co_await sleep_for(duration(by->book->random.below(2'000'000)));
        if (!slept) {
            break;
        }
    }
    by->stream.close();
    ++by->book->clients_done;
}

task<void> make_tables(caller* by) {
    for (const char* const each : tenants) {
        by->tenant = each;
        const answer made = co_await ask(by, "POST /sql", "CREATE TABLE notes (id TEXT)");
        if (made.status != 200) {
            by->book->fail_with("no table: " + made.body);
        }
    }
    by->stream.close();
}

std::size_t count_of(const std::string& what, const std::string& in) {
    std::size_t count = 0;
    for (std::size_t at = in.find(what); at != std::string::npos; at = in.find(what, at + 1)) {
        ++count;
    }
    return count;
}

task<void> check_rows(caller* by) {
    std::string all;
    for (const char* const each : tenants) {
        by->tenant = each;
        answer got = co_await ask(by, "POST /sql", "SELECT id FROM notes");
        if (got.status != 200) {
            by->book->fail_with("the rows cannot be read: " + got.body);
        }
        all += got.body;
    }
    by->stream.close();
    for (const std::string& id : by->book->rows_sent) {
        const std::size_t found = count_of('"' + id + '"', all);
        if (found > 1) {
            by->book->fail_with("row " + id + " was applied " + std::to_string(found) + " times");
        }
        if (found == 0 && by->book->rows_acknowledged.contains(id)) {
            by->book->fail_with("row " + id + " was acknowledged and is not there");
        }
    }
}

task<result<void>> run_server(http_server* server) {
    auto ended = server->serve();
    co_return co_await std::move(ended);
}

// What a tenant holds when nothing of it is left.
void check_account(ledger& book, const tenant& of) {
    const auto& record = of.record();
    const auto check = [&](std::int64_t left, const char* what) {
        if (left != 0) {
            book.fail_with(std::string(of.name()) + " holds " + std::to_string(left) + ' ' + what);
        }
    };
    check(record.requests.load(), "permits");
    check(record.queued_blocking.load(), "blocking calls");
    check(record.frame_bytes(), "bytes of frames");
}

runtime_options quiet(runtime_options from, std::size_t workers) {
    from.workers = workers;
    from.log = [](const std::string&) {};
    from.on_stall = [](const stall_report&) {};
    return from;
}

// The world, the server and its clients, from the first request to the last check.
class serve_stage {
  public:
    serve_stage(simulation& sim, ledger& book, const cli::serve_config& settings)
        : sim_(sim),
          book_(book),
          server_(sim.world(), quiet(cli::runtime_options_of(settings.options), 2)),
          outside_(sim.world(), quiet({}, 1)),
          settings_(settings) {
        sim.watch(server_);
        sim.watch(outside_);
    }

    void play() {
        if (!server_.start() || !outside_.start()) {
            book_.fail_with("a runtime did not start");
            return;
        }
        made_.emplace(server_, settings_);
        auto begun = made_->prepare();
        if (begun) {
            begun = made_->listen();
        }
        if (!begun) {
            book_.fail_with(begun.error());
            return;
        }
        auto running = server_.try_spawn(server_.tenants().system(), run_server, &made_->server());
        caller owner{.book = &book_, .number = 0, .tenant = tenants[0]};
        outside_.sync_wait(client(), make_tables, &owner);
        break_and_ask();
        outside_.sync_wait(client(), check_rows, &owner);
        made_->server().drain(std::chrono::seconds(5));
        if (!server_.sync_wait(*std::move(running))) {
            book_.fail_with("serving ended with an error");
        }
        for (const char* const each : tenants) {
            check_account(book_, server_.tenants().get_or_create(each));
        }
        check_account(book_, server_.tenants().unidentified());
        end();
    }

  private:
    tenant client() { return outside_.tenants().get_or_create("client"); }

    void break_and_ask() {
        fault_plan& plan = sim_.world().faults();
        for (const fault_rule& each : book_.how->faults) {
            plan.add(each);
        }
        std::vector<caller> callers;
        for (std::uint64_t i = 0; i < book_.how->clients; ++i) {
            callers.push_back({.book = &book_, .number = i, .tenant = tenants[i % tenants.size()]});
        }
        for (caller& each : callers) {
            if (!outside_.try_spawn(client(), call, &each)) {
                book_.fail_with("a client was refused");
            }
        }
        const auto is_done = [](void* of) {
            const auto& book = *static_cast<ledger*>(of);
            return book.clients_done == book.how->clients;
        };
        if (!sim_.world().run_until(is_done, &book_, std::chrono::hours(1))) {
            book_.fail_with("the clients do not come to an end\n" +
                            sim_.world().describe_threads());
        }
        plan.clear();
        sim_.world().net().heal();
    }

    void end() {
        if (!outside_.stop() || !server_.stop()) {
            book_.fail_with("a runtime did not stop");
        }
        made_.reset();
        if (const std::string left = sim_.leftovers(); !left.empty()) {
            book_.fail_with(left + " are left");
        }
    }

    simulation& sim_;
    ledger& book_;
    runtime server_;
    runtime outside_;
    const cli::serve_config& settings_;
    std::optional<cli::serving> made_;
};

}  // namespace

serve_seen run_serve(const serve_run& how) {
    ledger book(how);
    sim_options options;
    options.carriers = how.carriers;
    simulation sim(how.seed, options);
    sim.world().net().set_host("shop", "10.0.0.9");
    cli::serve_config settings;
    settings.options.listen = "10.0.0.9:" + std::to_string(port);
    settings.options.data = "/data";
    {
        serve_stage stage(sim, book, settings);
        stage.play();
    }
    book.seen.hash = sim.event_hash();
    book.seen.steps = sim.world().steps();
    for (std::size_t i = 0; i < fault_kinds; ++i) {
        book.seen.fired[i] = sim.world().faults().fired(static_cast<fault_kind>(i));
    }
    return std::move(book.seen);
}

std::vector<fault_rule> serve_network_faults() {
    using enum fault_kind;
    const auto rule = [](fault_kind kind, double chance, std::optional<std::int64_t> value = {}) {
        return fault_rule{.kind = kind, .when = probability(chance), .value = value};
    };
    return {rule(connect_fails, 0.3),
            rule(connect_fails, 0.3, ETIMEDOUT),
            rule(connect_fails, 0.3, EHOSTUNREACH),
            rule(backlog_full, 0.3),
            rule(accept_fails, 0.3),
            rule(accept_fails, 0.3, ENFILE),
            rule(accept_fails, 0.3, ECONNABORTED),
            rule(net_latency, 0.1),
            rule(bandwidth_collapse, 0.1),
            rule(partition, 0.05),
            rule(partition, 0.05, -30'000'000'000),
            rule(swizzle_clog, 0.05),
            rule(half_close, 0.1),
            rule(connection_reset, 0.1),
            rule(short_transfer, 0.5),
            rule(short_transfer, 0.5, 17),
            rule(zero_window, 0.2),
            rule(peer_never_reads, 0.1),
            rule(slow_trickle, 0.2),
            rule(connect_then_silence, 0.2),
            rule(name_lookup, 0.4),
            rule(name_lookup, 0.4, 2'000'000'000),
            rule(name_lookup, 0.4, -1),
            rule(stale_reply, 0.4),
            rule(buffers_exhausted, 0.1),
            rule(completion_after_cancel, 1)};
}

}  // namespace drama::testing_support
