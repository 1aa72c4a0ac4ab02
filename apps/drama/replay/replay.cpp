// SPDX-License-Identifier: Apache-2.0
// `drama replay`: runs a workload through drama's policy and others in virtual time.
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>

#include "commands.hpp"
#include "replay/report/replay_report.hpp"
#include "replay/workload/workload_file.hpp"
#include "toml_source.hpp"

namespace drama::cli {
namespace {

struct replay_options {
    std::string file;
    std::string csv;
    std::string svg;
    std::string svg_of;
    bool json = false;
};

void complain(const std::string& what) {
    std::fprintf(stderr, "drama replay: %s\n", what.c_str());
}

command describe(replay_options& options, workload& into) {
    command made{
        "replay",
        "Replays a workload through drama's scheduling policy, as it is linked into every "
        "program, and through classic ones, in virtual time. Flags win over the file.",
        {{"--workload", "FILE", "tenants, queues and costs, in TOML", set_text(options.file)},
         {"--json", "", "print one object instead of the table", set_switch(options.json)},
         {"--csv", "FILE", "write a line for each order and tenant", set_text(options.csv)},
         {"--svg", "FILE", "draw the percentiles of waits", set_text(options.svg)},
         {"--svg-of", "NAME", "the line of the workload to draw (the first)",
          set_text(options.svg_of)}}};
    for (flag& each : settings_of(into)) {
        made.flags.push_back(std::move(each));
    }
    return made;
}

bool write_file(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text;
    if (!file.flush()) {
        complain("cannot write " + path);
        return false;
    }
    return true;
}

int show(const replay_options& options, const replay_report& report) {
    std::fputs((options.json ? report.json() : report.text()).c_str(), stdout);
    const bool is_written =
        (options.csv.empty() || write_file(options.csv, report.csv())) &&
        (options.svg.empty() || write_file(options.svg, report.svg(options.svg_of)));
    return is_written ? 0 : 1;
}

int run(const replay_options& options, const workload& what) {
    replay_report report{.what = &what, .results = {}};
    for (const std::string& order : what.orders) {
        auto result = replay(what, order);
        if (!result) {
            complain(result.error());
            return 1;
        }
        report.results.push_back(*std::move(result));
    }
    return show(options, report);
}

}  // namespace

int replay_command(std::span<char* const> arguments) {
    replay_options options;
    workload from_flags;
    const parsed read = parse_flags(describe(options, from_flags), arguments);
    if (read != parsed::go_on) {
        return read == parsed::wrong ? 2 : 0;
    }
    if (options.file.empty()) {
        complain("--workload FILE says what to replay");
        return 2;
    }
    const auto text = text_of_file(options.file, workload_bytes_max);
    if (!text) {
        complain(text.error());
        return 2;
    }
    const auto made = parse_workload(*text, options.file, [arguments](workload& into) {
        replay_options ignored;
        const std::vector<std::string> orders = std::exchange(into.orders, {});
        static_cast<void>(parse_flags(describe(ignored, into), arguments));
        if (into.orders.empty()) {
            into.orders = orders;
        }
    });
    if (!made) {
        for (const std::string& line : made.error()) {
            std::fprintf(stderr, "%s\n", line.c_str());
        }
        return 2;
    }
    return run(options, *made);
}

}  // namespace drama::cli
