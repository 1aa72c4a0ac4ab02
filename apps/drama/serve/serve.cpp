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
#include "serve/config/config.hpp"
#include "serve/life/inherited.hpp"
#include "serve/life/lifecycle.hpp"
#include "serve/life/serving.hpp"
#include "serve/life/supervisor.hpp"
#include "serve/serve_options.hpp"

namespace drama::cli {
namespace {

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
    }
}

// A server that ends by itself, because its listener broke, ends the process too.
task<result<void>> serve_all(http_server* server) {
    auto serving_task = server->serve();
    auto ended = co_await std::move(serving_task);
    if (!ended) {
        ::kill(::getpid(), SIGTERM);
    }
    co_return ended;
}

int complain(const std::string& line) {
    std::fprintf(stderr, "drama serve: %s\n", line.c_str());
    return 1;
}

int complain(const char* what, const std::string& where, std::error_code error) {
    std::fprintf(stderr, "drama serve: %s %s: %s\n", what, where.c_str(), error.message().c_str());
    return 1;
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
    serving made(rt, on.settings);
    http_server& server = made.server();
    on.who = &made.who();
    on.shared = &made.shared();
    on.server = &server;
    auto begun = made.prepare();
    if (begun) {
        begun = made.listen(passed.serve);
    }
    if (!begun) {
        return complain(begun.error());
    }
    auto admin = start_admin(rt, passed.admin, options);
    if (!admin) {
        return complain("cannot show itself at",
                        passed.admin ? "the socket that was passed" : options.admin, admin.error());
    }
    on.admin = admin->get();
    on.listens = server.local();
    auto running = rt.try_spawn(rt.tenants().system(), serve_all, &server);
    if (!running) {
        return complain("cannot serve at", options.listen, running.error().code());
    }
    say_ready(on);
    const int status = attend(on, *std::move(running));
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
