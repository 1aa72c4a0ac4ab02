// SPDX-License-Identifier: Apache-2.0
// `drama demo`: a small tenant next to a busy one, under several orders and on two backends.
// Segments alone and together alternate, so that a machine that changes its mood changes it for
// both.
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "commands.hpp"
#include "demo_baseline.hpp"
#include "demo_clients.hpp"
#include "demo_process.hpp"
#include "demo_report.hpp"
#include "demo_scenarios.hpp"
#include "flags.hpp"

namespace drama::cli {
namespace {

constexpr double stolen_share_max = 0.03;
constexpr duration long_segment = std::chrono::seconds(5);
constexpr duration quick_segment = std::chrono::seconds(1);
constexpr duration warm_up = std::chrono::milliseconds(300);
constexpr duration drain_longest = std::chrono::seconds(20);

struct demo_options {
    bool quick = false;
    bool keep = false;
    std::uint64_t seconds = 0;
    std::uint64_t rounds = 0;
    std::string json;
    std::string only;
    std::string server_command;
    std::string system = "drama";
    std::string tokio_command = tokio_server_beside_this();
};

std::vector<std::string_view> scenario_names() {
    std::vector<std::string_view> names;
    for (const demo_scenario& each : demo_scenarios()) {
        names.push_back(each.name);
    }
    return names;
}

command describe(demo_options& into) {
    return {
        "demo",
        "Shows what a busy neighbour costs a small tenant: under drama's order, first come first "
        "served, and without the hand-over (plain).",
        {
            {"--quick", "", "fewer rows, shorter segments: less than three minutes",
             set_switch(into.quick)},
            {"--seconds", "N", "length of a segment (5; quick: 1)",
             set_number(into.seconds, 1, 60)},
            {"--rounds", "N", "segments of each kind in a row (6; quick: 2)",
             set_number(into.rounds, 1, 100)},
            {"--only", "NAME",
             "one neighbour: hog, blocking, flood, compute, storm, blocking8, fsync or mixed",
             set_choice(into.only, scenario_names())},
            {"--json", "FILE", "write one line of JSON for each row", set_text(into.json)},
            {"--keep", "", "leave a server running until Ctrl-C, to look around in it",
             set_switch(into.keep)},
            {"--server-command", "WORDS",
             "measure another server, which answers the same routes and says its address when it "
             "is ready",
             set_text(into.server_command)},
            {"--system", "NAME", "what the JSON calls that server", set_text(into.system)},
            {"--tokio-command", "WORDS",
             "the server on Tokio whose victim alone the JSON tells too; empty: none",
             set_text(into.tokio_command)},
        }};
}

/// CPU time of the machine, in ticks: what the host took, and all.
struct machine_ticks {
    double stolen = 0;
    double all = 0;

    static machine_ticks read() {
        std::ifstream file("/proc/stat");
        std::string line;
        std::getline(file, line);
        std::istringstream words(line);
        std::string name;
        words >> name;
        machine_ticks seen;
        double ticks = 0;
        for (int i = 0; i < 8 && words >> ticks; ++i) {
            seen.all += ticks;
            seen.stolen = i == 7 ? ticks : 0;
        }
        return seen;
    }
    bool was_robbed_since(const machine_ticks& before) const {
        const double passed = all - before.all;
        return passed > 0 && (stolen - before.stolen) / passed > stolen_share_max;
    }
};

void pause(duration span) {
    const timespec left{span.count() / 1'000'000'000, span.count() % 1'000'000'000};
    ::nanosleep(&left, nullptr);
}

/// What a neighbour did while it ran.
struct neighbour_work {
    double done = 0;
    double seconds = 0;
};

/// A neighbour that runs from construction until stop(), and what it gets done.
class counted_neighbour {
  public:
    counted_neighbour(const demo_noise& what, bool counts_tasks, const served_process& server)
        : counts_tasks_(counts_tasks),
          admin_port_(server.admin_port()),
          name_(what.name),
          before_(count()),
          runs_({.port = server.port(),
                 .path = std::string(what.path),
                 .tenant = name_,
                 .method = std::string(what.method)},
                what.connections) {}
    neighbour_work stop() {
        const load_result report = runs_.stop();
        return {counts_tasks_ ? count() - before_ : static_cast<double>(report.answered),
                static_cast<double>(report.span_ns) / 1e9};
    }

  private:
    double count() const {
        return counts_tasks_ ? static_cast<double>(tenant_figure(admin_port_, name_, "tasks_ended"))
                             : 0;
    }

    bool counts_tasks_;
    std::uint16_t admin_port_;
    std::string name_;
    double before_;
    running_neighbour runs_;
};

/// All neighbours of a scenario. Of several, their work does not add up: none is told.
class counted_neighbours {
  public:
    counted_neighbours(const demo_scenario& what, const served_process& server) {
        for (const demo_noise& each : what.neighbours) {
            all_.push_back(std::make_unique<counted_neighbour>(each, what.counts_tasks, server));
        }
    }
    neighbour_work stop() {
        neighbour_work work;
        // The last first: each client holds the pipes by which those before it are told to end.
        for (auto each = all_.rbegin(); each != all_.rend(); ++each) {
            work = (*each)->stop();
        }
        return all_.size() == 1 ? work : neighbour_work();
    }

  private:
    std::vector<std::unique_ptr<counted_neighbour>> all_;
};

demo_target victim_of(const demo_scenario& what) {
    return {.path = std::string(what.victim.path),
            .tenant = "victim",
            .method = std::string(what.victim.method),
            .body_bytes = what.victim.body_bytes};
}

/// What the neighbour got done a second, over all segments of one kind.
struct throughput {
    double answered = 0;
    double seconds = 0;
    void add(const neighbour_work& work) {
        answered += work.done;
        seconds += work.seconds;
    }
    double per_second() const { return seconds > 0 ? answered / seconds : 0; }
};

void pool(demo_row& row, pooled_latency& into, const load_result& report) {
    into.samples_ns.merge(report.latency_ns);
    row.errors += static_cast<std::uint32_t>(report.failed() + report.dropped);
    row.late_p99_us =
        std::max(row.late_p99_us, static_cast<std::uint32_t>(report.late_ns.at(0.99) / 1000));
}

// What the neighbour left behind must not burden the victim's quiet segment.
void wait_until_drained(const demo_scenario& what, const served_process& server) {
    const drama::clock time;
    const instant give_up = time.now() + drain_longest;
    pause(warm_up);
    for (const demo_noise& each : what.neighbours) {
        while (tenant_figure(server.admin_port(), std::string(each.name), "tasks") != 0 &&
               time.now() < give_up) {
            pause(warm_up);
        }
    }
}

demo_row measure(const demo_plan& plan, const segment_lengths& lengths,
                 const served_process& server) {
    const demo_scenario& what = *plan.what;
    demo_row row;
    row.scenario = what.name;
    row.policy = plan.policy;
    row.backend = plan.backend;
    row.has_neighbour_figures = what.neighbours.size() == 1;
    demo_target victim = victim_of(what);
    victim.port = server.port();
    throughput alone;
    throughput together;
    {
        counted_neighbours neighbours(what, server);
        pause(lengths.span);
        alone.add(neighbours.stop());
    }
    for (std::uint64_t round = 0; round < lengths.rounds; ++round) {
        wait_until_drained(what, server);
        const machine_ticks before = machine_ticks::read();
        const load_result quiet = measure_victim(victim, victim_per_second, lengths.span);
        const machine_ticks between = machine_ticks::read();
        counted_neighbours neighbours(what, server);
        pause(warm_up);
        const load_result beside = measure_victim(victim, victim_per_second, lengths.span);
        const neighbour_work loud = neighbours.stop();
        if (between.was_robbed_since(before)) {
            ++row.dropped_segments;
        } else {
            pool(row, row.alone, quiet);
        }
        if (machine_ticks::read().was_robbed_since(between)) {
            ++row.dropped_segments;
        } else {
            pool(row, row.victim, beside);
            together.add(loud);
        }
    }
    row.neighbour_alone_per_s = alone.per_second();
    row.neighbour_together_per_s = together.per_second();
    return row;
}

bool write_json(const std::string& path, const std::vector<demo_row>& rows) {
    std::ofstream file(path);
    for (const demo_row& row : rows) {
        file << json_of(row) << "\n";
    }
    return static_cast<bool>(file.flush());
}

void wait_for_stop_signal() {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGINT);
    ::sigaddset(&set, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    int which = 0;
    ::sigwait(&set, &which);
}

/// The server of one row, and the folder for its files, which outlives it.
struct plan_server {
    temporary_folder data;
    served_process process;
};

result<plan_server> start_server(const demo_plan& plan) {
    DRAMA_TRY(auto data, temporary_folder::make());
    DRAMA_TRY(auto process,
              served_process::start(plan.server_arguments(data.path()), plan.command));
    return plan_server{std::move(data), std::move(process)};
}

int keep_server(const demo_plan& plan) {
    auto server = start_server(plan);
    if (!server) {
        std::fprintf(stderr, "drama demo: no server: %s\n", server.error().message().c_str());
        return 1;
    }
    std::printf("%s\nCtrl-C ends it.\n", server->process.ready_line().c_str());
    std::fflush(stdout);
    wait_for_stop_signal();
    return 0;
}

int run_plans(const std::vector<demo_plan>& plans, const segment_lengths& lengths,
              const demo_options& options, std::vector<demo_row>& rows) {
    baseline tokio(options.tokio_command, lengths);
    for (const demo_plan& each : plans) {
        std::printf("drama demo: %zu of %zu: neighbour %s, policy %s, backend %s\n",
                    rows.size() + 1, plans.size(), std::string(each.what->name).c_str(),
                    each.policy.c_str(), each.backend.c_str());
        std::fflush(stdout);
        auto server = start_server(each);
        if (!server) {
            std::fprintf(stderr, "drama demo: no server with policy %s and backend %s: %s\n",
                         each.policy.c_str(), each.backend.c_str(),
                         server.error().message().c_str());
            return 1;
        }
        rows.push_back(measure(each, lengths, server->process));
        demo_row& row = rows.back();
        row.system = options.system;
        row.tokio_alone_p99_us = tokio.p99_us(victim_of(*each.what));
        std::printf(
            "  p99 %.0f us alone, %.0f us together; sent late by p99 %u us; "
            "%u segments dropped, %u errors\n",
            row.alone.at(0.99), row.victim.at(0.99), row.late_p99_us, row.dropped_segments,
            row.errors);
        std::fflush(stdout);
    }
    return 0;
}

}  // namespace

int demo_command(std::span<char* const> arguments) {
    demo_options options;
    const command description = describe(options);
    const parsed read = parse_flags(description, arguments);
    if (read != parsed::go_on) {
        return read == parsed::wrong ? 2 : 0;
    }
    const std::vector<demo_plan> plans = options.server_command.empty()
                                             ? demo_plans(options.only, options.quick)
                                             : demo_plans_of(options.server_command, options.only);
    const duration span = options.seconds != 0 ? std::chrono::seconds(options.seconds)
                          : options.quick      ? quick_segment
                                               : long_segment;
    const std::uint64_t rounds = options.rounds != 0 ? options.rounds : options.quick ? 2 : 6;
    std::vector<demo_row> rows;
    if (const int status = run_plans(plans, {span, rounds}, options, rows); status != 0) {
        return status;
    }
    std::printf(
        "\nA tenant 'victim' asks %u times a second; latency from the moment it meant to "
        "ask.\n%s\n%s",
        victim_per_second, table_of(rows).c_str(), meaning_of(rows).c_str());
    std::fflush(stdout);
    if (!options.json.empty() && !write_json(options.json, rows)) {
        std::fprintf(stderr, "drama demo: cannot write %s\n", options.json.c_str());
        return 1;
    }
    return options.keep ? keep_server(plans.front()) : 0;
}

}  // namespace drama::cli
