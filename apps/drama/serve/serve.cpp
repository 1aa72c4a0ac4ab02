// SPDX-License-Identifier: Apache-2.0
// `drama serve`: one runtime that serves, a second small one that shows it to its operator.
#include <signal.h>
#include <sys/resource.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "commands.hpp"
#include "drama/admin/admin_server.hpp"
#include "drama/http/server.hpp"
#include "drama/runtime/runtime.hpp"
#include "flags.hpp"
#include "serve/config/config.hpp"
#include "serve/file_store.hpp"
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

/// SIGINT and SIGTERM, kept from all threads that start later.
sigset_t block_stop_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGINT);
    ::sigaddset(&set, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    return set;
}

task<result<void>> bind_at(http_server* server, endpoint where) {
    auto binding = server->bind(std::move(where));
    co_return co_await std::move(binding);
}

task<result<void>> prepare(file_store* files) {
    auto preparing = files->prepare();
    co_return co_await std::move(preparing);
}

task<result<void>> serve_all(http_server* server) {
    auto serving = server->serve();
    co_return co_await std::move(serving);
}

int complain(const char* what, const std::string& where, std::error_code error) {
    std::fprintf(stderr, "drama serve: %s %s: %s\n", what, where.c_str(), error.message().c_str());
    return 1;
}

http_server make_server(const serve_options& options, service& shared) {
    http_server_options made;
    made.header_deadline = std::chrono::milliseconds(options.header_deadline_ms);
    made.idle_deadline = std::chrono::milliseconds(options.idle_deadline_ms);
    std::vector<http_route> routes;
    add_work_routes(routes);
    add_file_routes(routes);
    add_pack_routes(routes);
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
    made.tasks_max = from.tasks_max;
    made.hand_over = from.hand_over;
    made.check_permits = from.check_permits;
    made.on_stall = [](const stall_report&) {};  // counted per tenant; a line each would flood
    return made;
}

void say_ready(const serve_options& options, const runtime& rt, const http_server& server,
               const admin_server* admin) {
    std::printf("drama serve: ready http://%s", server.local().to_string().c_str());
    if (admin != nullptr) {
        std::printf(" admin http://%s/debug/tenants", admin->local().to_string().c_str());
    }
    std::printf(" policy %s io %s\n", options.order.c_str(), rt.io_name().c_str());
    std::fflush(stdout);
}

/// Waits for a stop signal, then drains. The second signal ends the process at once.
int serve_until_signalled(const serve_options& options, const sigset_t& signals, runtime& rt,
                          http_server& server, join_handle<result<void>> serving) {
    int which = 0;
    while (::sigwait(&signals, &which) != 0) {
    }
    std::fprintf(stderr, "drama serve: %s, draining\n", which == SIGINT ? "SIGINT" : "SIGTERM");
    ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
    server.drain(std::chrono::milliseconds(options.drain_ms));
    const auto drained = rt.sync_wait(std::move(serving));
    if (!drained) {
        return complain("serving ended at", options.listen, drained.error());
    }
    return 0;
}

int serve(const serve_options& options, const endpoint& listen) {
    raise_descriptor_limit();
    const sigset_t signals = block_stop_signals();
    runtime rt(runtime_options_of(options));
    if (auto started = rt.start(); !started) {
        return complain("cannot start with io", options.io, started.error());
    }
    const tenant system = rt.tenants().system();
    file_store files(options.data);
    service shared{.data = options.data};
    if (!options.data.empty()) {
        if (auto prepared = rt.sync_wait(system, prepare, &files); !prepared) {
            return complain("cannot keep files in", options.data, prepared.error());
        }
        shared.files = &files;
    }
    http_server server = make_server(options, shared);
    if (auto bound = rt.sync_wait(system, bind_at, &server, listen); !bound) {
        return complain("cannot listen at", options.listen, bound.error());
    }
    std::unique_ptr<admin_server> admin;
    if (options.admin != "off") {
        const auto where = endpoint::parse(options.admin);
        admin = std::make_unique<admin_server>(rt);
        if (auto begun = admin->start(*where); !begun) {
            return complain("cannot show itself at", options.admin, begun.error());
        }
    }
    auto serving = rt.try_spawn(system, serve_all, &server);
    if (!serving) {
        return complain("cannot serve at", options.listen, serving.error().code());
    }
    say_ready(options, rt, server, admin.get());
    const int status = serve_until_signalled(options, signals, rt, server, *std::move(serving));
    admin.reset();
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
    const auto settings = read_settings(arguments);
    if (!settings) {
        tell(settings.error());
        return 1;
    }
    return serve(settings->options, *endpoint::parse(settings->options.listen));
}

}  // namespace drama::cli
