// SPDX-License-Identifier: Apache-2.0
// `drama demo`: a small tenant next to a busy one, under several orders and on two backends.
// Segments alone and together alternate, so that a machine that changes its mood changes it for
// both.
#include <fcntl.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "commands.hpp"
#include "demo_process.hpp"
#include "demo_report.hpp"
#include "flags.hpp"
#include "load.hpp"

namespace drama::cli {
namespace {

constexpr std::uint32_t victim_per_second = 200;
constexpr double stolen_share_max = 0.03;
constexpr duration warm_up = std::chrono::milliseconds(300);

struct demo_options {
    bool quick = false;
    bool keep = false;
    std::uint64_t seconds = 0;
    std::uint64_t rounds = 0;
    std::string json;
    std::string only;
};

/// Who makes the noise, and what the victim asks for next to it.
struct scenario {
    const char* name;
    const char* neighbour_path;
    const char* victim_path;
    std::size_t connections;
};
constexpr std::array<scenario, 2> scenarios{{{"hog", "/hog?ms=20", "/echo?bytes=64", 16},
                                             {"blocking", "/block?ms=50", "/block?ms=1", 500}}};

/// `plain` is first come, first served without the hand-over: what most runtimes do.
struct plan {
    scenario what;
    std::string policy;
    std::string backend;
};

command describe(demo_options& into) {
    return {
        "demo",
        "Shows what a busy neighbour costs a small tenant: under drama's order, first come first "
        "served, and without the hand-over (plain).",
        {
            {"--quick", "", "fewer rows, shorter segments: less than three minutes",
             set_switch(into.quick)},
            {"--seconds", "N", "length of a segment (5; quick: 2)",
             set_number(into.seconds, 1, 60)},
            {"--rounds", "N", "segments of each kind in a row (6; quick: 5)",
             set_number(into.rounds, 1, 100)},
            {"--only", "NAME", "one neighbour: hog or blocking",
             set_choice(into.only, {"hog", "blocking"})},
            {"--json", "FILE", "write one line of JSON for each row", set_text(into.json)},
            {"--keep", "", "leave a server running until Ctrl-C, to look around in it",
             set_switch(into.keep)},
        }};
}

std::vector<plan> plans_of(const demo_options& options) {
    std::vector<plan> plans;
    for (const scenario& each : scenarios) {
        if (!options.only.empty() && options.only != each.name) {
            continue;
        }
        const bool hogs = std::strcmp(each.name, "hog") == 0;
        plans.push_back({each, "fair", "epoll"});
        if (hogs || !options.quick) {
            plans.push_back({each, "fair", "uring"});
        }
        plans.push_back({each, "fifo", "epoll"});
        if (!options.quick) {
            plans.push_back({each, "fifo", "uring"});
        }
        if (hogs) {
            plans.push_back({each, "plain", "epoll"});
        }
    }
    return plans;
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

void send_report(int to, const victim_report& report) {
    const std::array<std::uint32_t, 2> head{report.errors, report.late_p99_us};
    write_all(to, head.data(), sizeof head);
    write_all(to, report.latency_us.data(), report.latency_us.size() * sizeof(std::uint32_t));
}

victim_report received_report(const std::string& bytes) {
    victim_report report;
    std::vector<std::uint32_t> words(bytes.size() / sizeof(std::uint32_t));
    std::memcpy(words.data(), bytes.data(), words.size() * sizeof(std::uint32_t));
    if (words.size() < 2) {
        report.errors = 1;
        return report;
    }
    report.errors = words[0];
    report.late_p99_us = words[1];
    report.latency_us.assign(words.begin() + 2, words.end());
    return report;
}

victim_report measure_victim(const load_target& target, duration span) {
    forked_client client(
        [&](int to) { send_report(to, run_victim(target, victim_per_second, span)); });
    return received_report(client.read_all());
}

/// The neighbour, from construction until stop(): a pipe that closes tells it to end.
class running_neighbour {
  public:
    running_neighbour(const load_target& target, std::size_t connections)
        : stop_(open_stop()), client_([&](int to) {
              stop_write_.reset();
              const auto report = run_neighbour(target, connections, stop_.get());
              write_all(to, &report, sizeof report);
          }) {
        stop_.reset();
    }
    neighbour_report stop() {
        stop_write_.reset();
        const std::string bytes = client_.read_all();
        neighbour_report report;
        if (bytes.size() == sizeof report) {
            std::memcpy(&report, bytes.data(), sizeof report);
        }
        return report;
    }

  private:
    unique_fd open_stop() {
        std::array<int, 2> ends{-1, -1};
        static_cast<void>(::pipe2(ends.data(), O_CLOEXEC));
        stop_write_.reset(ends[1]);
        return unique_fd(ends[0]);
    }

    unique_fd stop_write_;
    unique_fd stop_;
    forked_client client_;
};

struct segment_lengths {
    duration span;
    std::uint64_t rounds;
};

/// Requests a second over all segments of one kind.
struct throughput {
    double answered = 0;
    double seconds = 0;
    void add(const neighbour_report& report) {
        answered += static_cast<double>(report.answered);
        seconds += report.seconds;
    }
    double per_second() const { return seconds > 0 ? answered / seconds : 0; }
};

void pool(demo_row& row, pooled_latency& into, const victim_report& report) {
    into.samples_us.insert(into.samples_us.end(), report.latency_us.begin(),
                           report.latency_us.end());
    row.errors += report.errors;
    row.late_p99_us = std::max(row.late_p99_us, report.late_p99_us);
}

demo_row measure(const plan& what, const segment_lengths& lengths, std::uint16_t port) {
    demo_row row;
    row.scenario = what.what.name;
    row.policy = what.policy;
    row.backend = what.backend;
    const load_target victim{port, what.what.victim_path, "victim"};
    const load_target noise{port, what.what.neighbour_path, what.what.name};
    throughput alone;
    throughput together;
    {
        running_neighbour neighbour(noise, what.what.connections);
        pause(lengths.span);
        alone.add(neighbour.stop());
    }
    for (std::uint64_t round = 0; round < lengths.rounds; ++round) {
        pause(warm_up);  // what the neighbour left behind drains
        const machine_ticks before = machine_ticks::read();
        const victim_report quiet = measure_victim(victim, lengths.span);
        const machine_ticks between = machine_ticks::read();
        running_neighbour neighbour(noise, what.what.connections);
        pause(warm_up);
        const victim_report beside = measure_victim(victim, lengths.span);
        const neighbour_report loud = neighbour.stop();
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
    row.alone.sort();
    row.victim.sort();
    row.neighbour_alone_per_s = alone.per_second();
    row.neighbour_together_per_s = together.per_second();
    return row;
}

result<served_process> start_server(const plan& what) {
    const bool plain = what.policy == "plain";
    std::vector<std::string> arguments{
        "--admin", "127.0.0.1:0", "--policy", plain ? "fifo" : what.policy, "--io", what.backend};
    if (plain) {
        arguments.emplace_back("--no-hand-over");
    }
    return served_process::start(std::move(arguments));
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

int keep_server(const plan& what) {
    auto server = start_server(what);
    if (!server) {
        std::fprintf(stderr, "drama demo: no server: %s\n", server.error().message().c_str());
        return 1;
    }
    std::printf("%s\nCtrl-C ends it.\n", server->ready_line().c_str());
    std::fflush(stdout);
    wait_for_stop_signal();
    return 0;
}

int run_plans(const std::vector<plan>& plans, const segment_lengths& lengths,
              std::vector<demo_row>& rows) {
    for (const plan& each : plans) {
        std::printf("drama demo: %zu of %zu: neighbour %s, policy %s, backend %s\n",
                    rows.size() + 1, plans.size(), each.what.name, each.policy.c_str(),
                    each.backend.c_str());
        std::fflush(stdout);
        auto server = start_server(each);
        if (!server) {
            std::fprintf(stderr, "drama demo: no server with policy %s and backend %s: %s\n",
                         each.policy.c_str(), each.backend.c_str(),
                         server.error().message().c_str());
            return 1;
        }
        rows.push_back(measure(each, lengths, server->port()));
        const demo_row& row = rows.back();
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
    const std::vector<plan> plans = plans_of(options);
    const std::uint64_t seconds = options.seconds != 0 ? options.seconds : options.quick ? 2 : 5;
    const std::uint64_t rounds = options.rounds != 0 ? options.rounds : options.quick ? 5 : 6;
    std::vector<demo_row> rows;
    if (const int status = run_plans(plans, {std::chrono::seconds(seconds), rounds}, rows);
        status != 0) {
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
