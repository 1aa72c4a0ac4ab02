// SPDX-License-Identifier: Apache-2.0
// `drama top`: asks an admin endpoint again and again, and shows what happened in between.
#include <signal.h>

#include <cstdio>
#include <string>
#include <utility>

#include "commands.hpp"
#include "fetch.hpp"
#include "flags.hpp"
#include "top/top_observer.hpp"
#include "top/top_screen.hpp"
#include "top/top_view.hpp"

namespace drama::cli {
namespace {

constexpr const char* keys =
    "c CPU  d depth  w wait  t throttled  b blocking  i IO  l lag  o oldest  "
    "space pause  q quit";

struct top_options {
    std::string admin = "127.0.0.1:8081";
    std::string sort = "cpu";
    std::uint64_t window_s = 0;
    std::uint64_t interval_ms = 1000;
    bool once = false;
    bool json = false;

    top_order order() const { return order_named(sort); }
    std::chrono::milliseconds interval() const { return std::chrono::milliseconds(interval_ms); }
};

command describe(top_options& into) {
    return {
        "top",
        "Shows the tenants of a running process and how full it is, as its admin endpoint tells "
        "it. CPU is in cores; WAITING is how many tasks and functions waited on average, THROT the "
        "seconds a second that work was held back, with the cause and whom for; LAG what is owed "
        "to "
        "the tenant, SATIS the CPU that it had by what it was entitled to.",
        {
            {"--admin", "HOST:PORT", "the admin endpoint (127.0.0.1:8081)", set_text(into.admin)},
            {"--sort", "KEY",
             "the largest first: cpu, depth, wait, throttled, compute, blocking, disk, io, lag or "
             "oldest (cpu)",
             set_choice(into.sort, {"cpu", "depth", "wait", "throttled", "compute", "blocking",
                                    "disk", "io", "lag", "oldest"})},
            {"--window", "SECONDS",
             "rates over so long, up to 60, as the process remembers it (between two looks)",
             set_number(into.window_s, 1, 60)},
            {"--interval-ms", "N", "between two looks (1000)",
             set_number(into.interval_ms, 250, 3'600'000)},
            {"--once", "", "print what happens in one interval, and end", set_switch(into.once)},
            {"--json", "", "with --once: one object instead of a table", set_switch(into.json)},
        }};
}

int complain(const std::string& admin, const std::string& what) {
    std::fprintf(stderr, "drama top: %s: %s\n", admin.c_str(), what.c_str());
    return 1;
}

int show_once(const top_options& options, const top_observer& from) {
    const auto looks = from.look_twice(options.interval());
    if (!looks) {
        return complain(options.admin, looks.error());
    }
    const top_view view =
        top_view::between(options.admin, looks->first, looks->second, options.order());
    std::fputs((options.json ? view.json() : view.text()).c_str(), stdout);
    return 0;
}

/// The two samples on the screen, and what the keys have chosen.
class watching {
  public:
    watching(const top_options& options, const top_observer& from, top_sample first)
        : options_(options),
          from_(from),
          before_(first),
          after_(std::move(first)),
          order_(options.order()) {}

    void run(top_screen& screen) {
        instant look_at = from_.now() + options_.interval();
        while (!is_over_) {
            screen.draw(top_view::between(options_.admin, before_, after_, order_),
                        note_.empty() ? keys : note_);
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(look_at - from_.now());
            take_key(top_screen::wait_key(left));
            if (from_.now() >= look_at) {
                look_at = from_.now() + options_.interval();
                look();
            }
        }
    }

  private:
    void take_key(int key) {
        switch (key) {
            case 'q':
                is_over_ = true;
                break;
            case 'c':
                order_ = top_order::cpu;
                break;
            case 'd':
                order_ = top_order::depth;
                break;
            case 'w':
                order_ = top_order::wait;
                break;
            case 't':
                order_ = top_order::throttled;
                break;
            case 'b':
                order_ = top_order::blocking;
                break;
            case 'i':
                order_ = top_order::io;
                break;
            case 'l':
                order_ = top_order::lag;
                break;
            case 'o':
                order_ = top_order::oldest;
                break;
            case ' ':
                is_paused_ = !is_paused_;
                note_ = is_paused_ ? "paused; space goes on" : "";
                break;
            default:
                break;
        }
    }

    void look() {
        if (is_paused_) {
            return;
        }
        auto next = from_.look();
        note_ = next ? "" : "no answer: " + next.error();
        if (next) {
            before_ = std::exchange(after_, *std::move(next));
        }
    }

    const top_options& options_;
    const top_observer& from_;
    top_sample before_;
    top_sample after_;
    top_order order_;
    std::string note_;
    bool is_paused_ = false;
    bool is_over_ = false;
};

int watch(const top_options& options, const top_observer& from, top_sample first) {
    top_screen screen;
    if (!screen.is_open()) {
        std::fputs("drama top: there is no terminal to draw on; --once prints a table\n", stderr);
        return 1;
    }
    watching(options, from, std::move(first)).run(screen);
    return 0;
}

}  // namespace

int top_command(std::span<char* const> arguments) {
    top_options options;
    const parsed read = parse_flags(describe(options), arguments);
    if (read != parsed::go_on) {
        return read == parsed::wrong ? 2 : 0;
    }
    if (options.json && !options.once) {
        std::fputs("drama top: --json needs --once\n", stderr);
        return 2;
    }
    const auto where = resolve(options.admin);
    if (!where) {
        return complain(options.admin, where.error());
    }
    const top_observer from(*where, options.window_s);
    if (options.once) {
        return show_once(options, from);
    }
    auto first = from.look();
    return first ? watch(options, from, *std::move(first)) : complain(options.admin, first.error());
}

}  // namespace drama::cli
