// SPDX-License-Identifier: Apache-2.0
#include "serve/life/lifecycle.hpp"

#include <cstdio>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <time.h>

#include "drama/coro/sleep.hpp"
#include "drama/runtime/spawn.hpp"

namespace drama::cli {
namespace {

sigset_t set_of(std::initializer_list<int> signals) {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int each : signals) {
        ::sigaddset(&set, each);
    }
    return set;
}

void say(const std::string& line) {
    std::fprintf(stderr, "drama serve: %s\n", line.c_str());
}

std::string status_of(const serving_process& on) {
    std::string line = "serving at http://" + on.listens.to_string();
    if (on.who->is_by_token()) {
        line += ", " + std::to_string(on.settings.tenants.size()) + " tenants with " +
                std::to_string(on.settings.tokens()) + " tokens";
    }
    return line;
}

/// Makes the file count, whole or not at all. Empty, or the first reason why it does not; all are
/// said.
std::string apply_file(serving_process& on) {
    auto read = read_settings(on.arguments);
    if (!read) {
        for (const std::string& each : read.error()) {
            std::fprintf(stderr, "%s\n", each.c_str());
        }
        return read.error().front();
    }
    if (const auto applied = on.who->apply(*read); !applied) {
        const std::string why = on.settings.options.config + ": " + applied.error().message();
        say(why);
        return why;
    }
    for (const std::string& each : take_over_live(on.settings.options, read->options)) {
        say(each);
    }
    on.settings.tenants = std::move(read->tenants);
    on.settings.unidentified = read->unidentified;
    if (on.who->is_by_token() && on.settings.tokens() == 0) {
        say("no tokens are left, so everybody is unidentified; Drama-Tenant counts after a "
            "restart");
    }
    return {};
}

void reload(serving_process& on) {
    const std::string& file = on.settings.options.config;
    if (file.empty()) {
        say("SIGHUP: there is no --config to read again");
        return;
    }
    on.above->reloading();
    std::string wrong;
    try {
        wrong = apply_file(on);
    } catch (const std::bad_alloc&) {
        wrong = file + ": no memory is left to read it";
        say(wrong);
    }
    if (wrong.empty()) {
        say("SIGHUP: read " + file + " again: " + std::to_string(on.settings.tenants.size()) +
            " tenants, " + std::to_string(on.settings.tokens()) + " tokens");
        on.above->ready(status_of(on));
    } else {
        say("SIGHUP: kept the old configuration");
        on.above->ready(status_of(on) + "; kept the old configuration: " + wrong);
    }
}

int drain(serving_process& on, int signal, join_handle<result<void>> serving) {
    say(std::string(signal == SIGINT ? "SIGINT" : "SIGTERM") + ", draining");
    on.above->stopping("draining");
    const sigset_t ending = set_of({SIGINT, SIGTERM});
    ::pthread_sigmask(SIG_UNBLOCK, &ending, nullptr);
    on.shared->is_draining.store(true, std::memory_order_relaxed);
    if (on.admin != nullptr) {
        on.admin->announce_drain();
    }
    // Whoever balances load looks at /healthz and goes elsewhere before connections are refused.
    const std::uint64_t delay_ms = on.settings.options.drain_delay_ms;
    timespec delay{static_cast<time_t>(delay_ms / 1000),
                   static_cast<long>(delay_ms % 1000 * 1'000'000)};
    while (::nanosleep(&delay, &delay) != 0) {
    }
    on.server->drain(std::chrono::milliseconds(on.settings.options.drain_ms));
    if (const auto drained = on.rt->sync_wait(std::move(serving)); !drained) {
        say("serving ended at " + on.listens.to_string() + ": " + drained.error().message());
        return 1;
    }
    return 0;
}

task<void> feed_watchdog(const supervisor* above) {
    interval half(above->watchdog() / 2);
    for (;;) {
        above->alive();
        auto slept = co_await half.next();
        if (!slept) {
            co_return;
        }
    }
}

}  // namespace

sigset_t block_life_signals() {
    const sigset_t set = set_of({SIGINT, SIGTERM, SIGHUP});
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    return set;
}

void say_ready(const serving_process& on) {
    std::printf("drama serve: ready http://%s", on.listens.to_string().c_str());
    if (on.admin != nullptr) {
        std::printf(" admin http://%s/debug/tenants", on.admin->local().to_string().c_str());
    }
    std::printf(" policy %s io %s\n", on.settings.options.order.c_str(), on.rt->io_name().c_str());
    std::fflush(stdout);
    if (on.above->watchdog() > duration::zero() &&
        !on.rt->handle().spawn(on.rt->tenants().system(), feed_watchdog,
                               static_cast<const supervisor*>(on.above))) {
        say("the supervisor's watchdog will not be fed");
    }
    on.above->ready(status_of(on));
}

int attend(serving_process& on, join_handle<result<void>> serving) {
    for (;;) {
        int signal = 0;
        if (::sigwait(&on.signals, &signal) != 0) {
            continue;
        }
        if (signal == SIGHUP) {
            reload(on);
        } else {
            return drain(on, signal, std::move(serving));
        }
    }
}

}  // namespace drama::cli
