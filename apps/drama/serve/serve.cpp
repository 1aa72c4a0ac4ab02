// SPDX-License-Identifier: Apache-2.0
// `drama serve`: one runtime that serves, a second small one that shows it to its operator.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "commands.hpp"
#include "drama/admin/admin_server.hpp"
#include "drama/http/server.hpp"
#include "drama/runtime/runtime.hpp"
#include "flags.hpp"
#include "serve/config/accounts.hpp"
#include "serve/config/config.hpp"
#include "serve/files/file_store.hpp"
#include "serve/sql/sql_store.hpp"
#include "serve/life/inherited.hpp"
#include "serve/life/lifecycle.hpp"
#include "serve/life/supervisor.hpp"
#include "serve/routes.hpp"
#include "serve/serve_options.hpp"
#include "serve/service.hpp"

namespace drama::cli {
namespace {

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
    }
}

task<result<void>> bind_at(http_server* server, endpoint where) {
    auto binding = server->bind(std::move(where));
    co_return co_await std::move(binding);
}

task<result<void>> adopt(http_server* server, int fd) {
    auto adopting = server->adopt(fd);
    co_return co_await std::move(adopting);
}

task<result<void>> prepare(file_store* files, sql_store* databases) {
    auto preparing = files->prepare();
    auto prepared = co_await std::move(preparing);
    if (!prepared) {
        co_return prepared;
    }
    auto adding = databases->prepare();
    co_return co_await std::move(adding);
}

// A server that ends by itself, because its listener broke, ends the process too.
task<result<void>> serve_all(http_server* server) {
    auto serving = server->serve();
    auto ended = co_await std::move(serving);
    if (!ended) {
        ::kill(::getpid(), SIGTERM);
    }
    co_return ended;
}

int complain(const char* what, const std::string& where, std::error_code error) {
    std::fprintf(stderr, "drama serve: %s %s: %s\n", what, where.c_str(), error.message().c_str());
    return 1;
}

http_server make_server(const serve_options& options, service& shared, accounts& who) {
    http_server_options made;
    made.tenants = &who;
    made.header_deadline = std::chrono::milliseconds(options.header_deadline_ms);
    made.idle_deadline = std::chrono::milliseconds(options.idle_deadline_ms);
    std::vector<http_route> routes;
    add_work_routes(routes);
    add_file_routes(routes);
    add_pack_routes(routes);
    add_sql_routes(routes);
    for (http_route& each : routes) {
        each.context = &shared;
    }
    return http_server(std::move(routes), made);
}

runtime_options runtime_options_of(const serve_options& from) {
    runtime_options made;
    made.workers = from.workers;
    made.order = from.order == "fifo" ? policy::fifo : policy::fair;
    made.io = from.io;
    made.blocking_threads_max = from.blocking_max;
    made.disk_depth_max = from.disk_depth;
    made.disk_unsynced_bytes_max = from.disk_unsynced_mib * mib_bytes;
    made.tasks_max = from.tasks_max;
    made.hand_over = from.hand_over;
    made.check_permits = from.check_permits;
    made.on_stall = [](const stall_report&) {};  // counted per tenant; a line each would flood
    return made;
}

/// Listens with the socket that was passed, or where the settings say.
result<void> listen(runtime& rt, http_server& server, std::optional<int> passed,
                    const serve_options& options) {
    const tenant system = rt.tenants().system();
    if (passed) {
        return rt.sync_wait(system, adopt, &server, *passed);
    }
    return rt.sync_wait(system, bind_at, &server, *endpoint::parse(options.listen));
}

/// Null in place of an endpoint that is off.
result<std::unique_ptr<admin_server>> start_admin(runtime& rt, std::optional<int> passed,
                                                  const serve_options& options) {
    if (!passed && options.admin == "off") {
        return nullptr;
    }
    auto made = std::make_unique<admin_server>(rt);
    if (auto begun =
            passed ? made->start_adopted(*passed) : made->start(*endpoint::parse(options.admin));
        !begun) {
        return fail(begun.error());
    }
    return made;
}

int serve(serving_process& on, const listening_sockets& passed) {
    const serve_options& options = on.settings.options;
    raise_descriptor_limit();
    runtime rt(runtime_options_of(options));
    on.rt = &rt;
    if (auto started = rt.start(); !started) {
        return complain("cannot start with io", options.io, started.error());
    }
    accounts who(rt.tenants());
    on.who = &who;
    if (auto applied = who.apply(on.settings); !applied) {
        return complain("cannot use", options.config, applied.error());
    }
    const tenant system = rt.tenants().system();
    file_store files(options.data);
    sql_store databases(rt, options.data,
                        {.database_bytes = static_cast<std::int64_t>(options.sql_mib * mib_bytes)});
    service shared{.data = options.data};
    on.shared = &shared;
    if (!options.data.empty()) {
        if (auto prepared = rt.sync_wait(system, prepare, &files, &databases); !prepared) {
            return complain("cannot keep files in", options.data, prepared.error());
        }
        shared.files = &files;
        shared.databases = &databases;
    }
    http_server server = make_server(options, shared, who);
    on.server = &server;
    if (auto bound = listen(rt, server, passed.serve, options); !bound) {
        return complain("cannot listen at",
                        passed.serve ? "the socket that was passed" : options.listen,
                        bound.error());
    }
    auto admin = start_admin(rt, passed.admin, options);
    if (!admin) {
        return complain("cannot show itself at",
                        passed.admin ? "the socket that was passed" : options.admin, admin.error());
    }
    on.admin = admin->get();
    on.listens = server.local();
    auto serving = rt.try_spawn(system, serve_all, &server);
    if (!serving) {
        return complain("cannot serve at", options.listen, serving.error().code());
    }
    say_ready(on);
    const int status = attend(on, *std::move(serving));
    admin->reset();
    if (auto stopped = rt.stop(); !stopped) {
        return complain("stopping", options.listen, stopped.error());
    }
    return status;
}

void tell(const config_errors& errors) {
    for (const std::string& each : errors) {
        std::fprintf(stderr, "%s\n", each.c_str());
    }
}

int check_config(const std::string& file) {
    const auto read = read_config(file);
    if (!read) {
        tell(read.error());
        return 1;
    }
    std::printf("%s: valid: %zu tenants, %zu tokens\n", file.c_str(), read->tenants.size(),
                read->tokens());
    return 0;
}

}  // namespace

int serve_command(std::span<char* const> arguments) {
    serve_options flags;
    switch (parse_flags(describe(flags), arguments)) {
        case parsed::help_shown:
            return 0;
        case parsed::wrong:
            return 2;
        case parsed::go_on:
            break;
    }
    if (!flags.check_config.empty()) {
        return check_config(flags.check_config);
    }
    serving_process on;
    on.arguments = arguments;
    on.signals = block_life_signals();
    auto settings = read_settings(arguments);
    if (!settings) {
        tell(settings.error());
        return 1;
    }
    on.settings = *std::move(settings);
    const auto passed = take_inherited();
    auto above = supervisor::take();
    if (!passed || !above) {
        tell({"drama serve: " + (passed ? above.error() : passed.error())});
        return 1;
    }
    on.above = &*above;
    return serve(on, *passed);
}

}  // namespace drama::cli
