// SPDX-License-Identifier: Apache-2.0
#include "serve/serve_options.hpp"

#include <utility>

#include "drama/net/endpoint.hpp"

namespace drama::cli {
namespace {

flag_target set_address(std::string& into, bool may_be_off) {
    flag_target made = set_text(into);
    made.set = [&into, may_be_off](std::string_view value) {
        if (!(may_be_off && value == "off") && !endpoint::parse(value)) {
            return "'" + std::string(value) + "' is no HOST:PORT";
        }
        into = value;
        return std::string();
    };
    return made;
}

}  // namespace

std::vector<flag> settings_of(serve_options& into) {
    return {
        {"--listen", "HOST:PORT", "where to serve (127.0.0.1:8080); port 0 takes a free one",
         set_address(into.listen, false)},
        {"--admin", "HOST:PORT|off", "where to show itself (127.0.0.1:8081), loopback only",
         set_address(into.admin, true)},
        {"--data", "DIR", "where files and databases live; without it such routes refuse",
         set_text(into.data)},
        {"--workers", "N", "worker threads; 0: one for each usable CPU",
         set_number(into.workers, 0, 1024)},
        {"--policy", "fair|fifo", "the order of tenants (fair)",
         set_choice(into.order, {"fair", "fifo"})},
        {"--class-order", "on|off", "inside a tenant, what is near its end first (on)",
         set_choice(into.class_order, {"on", "off"})},
        {"--io", "auto|epoll|uring", "the IO backend (auto)",
         set_choice(into.io, {"auto", "epoll", "uring"})},
        {"--blocking-max", "N", "blocking threads at most (512)",
         set_number(into.blocking_max, 1, 100'000)},
        {"--disk-depth", "N", "file operations in the device at a time (4)",
         set_number(into.disk_depth, 1, 256)},
        {"--disk-unsynced-mib", "N",
         "what a tenant writes without a sync until it writes through (64)",
         set_number(into.disk_unsynced_mib, 1, 1'000'000)},
        {"--sql-mib", "N", "how long a tenant's database may become (64)",
         set_number(into.sql_mib, 1, 1'000'000)},
        {"--sql-open", "N", "databases open at a time; idle ones are closed for others (64)",
         set_number(into.sql_open, 1, 100'000)},
        {"--tasks-max", "N", "tasks alive at most; more requests get 503 (10000000)",
         set_number(into.tasks_max, 1, 1'000'000'000)},
        {"--header-deadline-ms", "N", "for the head of a request, or 408 (10000)",
         set_number(into.header_deadline_ms, 1, 3'600'000)},
        {"--idle-deadline-ms", "N", "for a connection without a request (60000)",
         set_number(into.idle_deadline_ms, 1, 86'400'000)},
        {"--drain-delay-ms", "N", "between /healthz saying 503 and the end of accepting (0)",
         set_number(into.drain_delay_ms, 0, 3'600'000)},
        {"--drain-ms", "N", "for requests in flight after SIGINT or SIGTERM (5000)",
         set_number(into.drain_ms, 0, 3'600'000)},
        {"--no-hand-over", "", "let a task that hogs its thread stop its core",
         set_switch(into.hand_over, false)},
        {"--no-permit-check", "", "let threads burn without bound, for measurements",
         set_switch(into.check_permits, false)},
        {"--hold-burning-calls", "", "blocking functions that burn leave CPUs to others",
         set_switch(into.hold_burning_calls, true)},
    };
}

command describe(serve_options& into) {
    command made{"serve",
                 "Serves HTTP; a bearer token or the Drama-Tenant header says who pays. Every flag "
                 "but the last two is a key of the configuration file; flags win.",
                 settings_of(into)};
    made.flags.push_back({"--config", "FILE", "settings, tenants and tokens; SIGHUP reads it again",
                          set_text(into.config)});
    made.flags.push_back({"--check-config", "FILE", "say whether FILE is valid, and serve nothing",
                          set_text(into.check_config)});
    return made;
}

bool is_live(std::string_view key) noexcept {
    return key == "drain_ms" || key == "drain_delay_ms";
}

std::vector<std::string> take_over_live(serve_options& running, serve_options& wanted) {
    std::vector<std::string> others;
    const std::vector<flag> now = settings_of(running);
    const std::vector<flag> then = settings_of(wanted);
    for (std::size_t i = 0; i < now.size(); ++i) {
        const std::string is = now[i].target.show();
        const std::string will_be = then[i].target.show();
        const std::string key = key_of(now[i]);
        if (is_live(key)) {
            now[i].target.set(will_be);
        } else if (is != will_be) {
            others.push_back(key + " needs a restart: it is '" + is + "', not yet '" + will_be +
                             "'");
        }
    }
    return others;
}

}  // namespace drama::cli
