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
#include "serve/file_store.hpp"
#include "serve/routes.hpp"
#include "serve/service.hpp"

namespace drama::cli {
namespace {

struct serve_options {
    std::string listen = "127.0.0.1:8080";
    std::string admin = "127.0.0.1:8081";
    std::string order = "fair";
    std::string io = "auto";
    std::string data;
    std::uint64_t workers = 0;
    std::uint64_t blocking_max = 512;
    std::uint64_t tasks_max = 10'000'000;
    std::uint64_t header_deadline_ms = 10'000;
    std::uint64_t idle_deadline_ms = 60'000;
    std::uint64_t drain_ms = 5'000;
    bool hand_over = true;
    bool check_permits = true;
};

command describe(serve_options& into) {
    return {
        "serve",
        "Serves /echo /hog /compute /block /spawn /healthz; the Drama-Tenant header says who pays.",
        {
            {"--listen", "HOST:PORT", "where to serve (127.0.0.1:8080); port 0 takes a free one",
             set_text(into.listen)},
            {"--admin", "HOST:PORT|off", "where to show itself (127.0.0.1:8081), loopback only",
             set_text(into.admin)},
            {"--data", "DIR", "where files and databases live; without it such routes refuse",
             set_text(into.data)},
            {"--workers", "N", "worker threads; 0: one for each usable CPU",
             set_number(into.workers, 0, 1024)},
            {"--policy", "fair|fifo", "the order of tenants (fair)",
             set_choice(into.order, {"fair", "fifo"})},
            {"--io", "auto|epoll|uring", "the IO backend (auto)",
             set_choice(into.io, {"auto", "epoll", "uring"})},
            {"--blocking-max", "N", "blocking threads at most (512)",
             set_number(into.blocking_max, 1, 100'000)},
            {"--tasks-max", "N", "tasks alive at most; more requests get 503 (10000000)",
             set_number(into.tasks_max, 1, 1'000'000'000)},
            {"--header-deadline-ms", "N", "for the head of a request, or 408 (10000)",
             set_number(into.header_deadline_ms, 1, 3'600'000)},
            {"--idle-deadline-ms", "N", "for a connection without a request (60000)",
             set_number(into.idle_deadline_ms, 1, 86'400'000)},
            {"--drain-ms", "N", "for requests in flight after SIGINT or SIGTERM (5000)",
             set_number(into.drain_ms, 0, 3'600'000)},
            {"--no-hand-over", "", "let a task that hogs its thread stop its core",
             set_switch(into.hand_over, false)},
            {"--no-permit-check", "", "let threads burn without bound, for measurements",
             set_switch(into.check_permits, false)},
        }};
}

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

}  // namespace

int serve_command(std::span<char* const> arguments) {
    serve_options options;
    const command description = describe(options);
    switch (parse_flags(description, arguments)) {
        case parsed::help_shown:
            return 0;
        case parsed::wrong:
            return 2;
        case parsed::go_on:
            break;
    }
    const auto listen = endpoint::parse(options.listen);
    if (!listen || (options.admin != "off" && !endpoint::parse(options.admin))) {
        std::fprintf(stderr, "drama serve: %s is no HOST:PORT\n",
                     listen ? options.admin.c_str() : options.listen.c_str());
        return 2;
    }
    return serve(options, *listen);
}

}  // namespace drama::cli
