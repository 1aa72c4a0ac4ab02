// SPDX-License-Identifier: Apache-2.0
#include "explain/explanation.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "drama/admin/json_writer.hpp"
#include "span_text.hpp"

namespace drama::cli {
namespace {

// Below it, neither a wait nor a hold is worth a word. Units: seconds a second.
constexpr double worth_telling = 0.001;
// What has waited for so long may not have started between the looks: no hold has ended then.
constexpr double long_seconds = 0.1;

constexpr std::size_t decisions_shown = 8;  // as text; the JSON has all

struct remedy {
    std::string_view queue;
    std::string_view cause;
    std::string_view text;
};

constexpr std::array<remedy, 9> remedies{{
    {"async", "ahead_of_share",
     "its tasks want more CPU than its share: raise its weight, or give the process more CPUs"},
    {"compute", "ahead_of_share",
     "its functions want more CPU than its share: raise its weight, or give the process more CPUs"},
    {"compute", "no_capacity",
     "functions wait for CPUs: give the process more, or run fewer or shorter functions"},
    {"blocking", "ahead_of_share",
     "it holds its share of the blocking threads: make its calls shorter or fewer, or raise its "
     "weight or the maximum of threads"},
    {"blocking", "kept_thread",
     "all blocking threads but those kept for others are its own: make its calls shorter or fewer, "
     "or raise the maximum of threads"},
    {"blocking", "no_capacity",
     "all blocking threads are taken: raise their maximum, or see who has them (below)"},
    {"disk", "ahead_of_share",
     "it wants more of the disk than its share: write and sync less often and more at a time, or "
     "raise its weight"},
    {"disk", "no_capacity", "the disk is full of operations: it is the device that decides"},
    {"disk", "unsynced_bytes",
     "it writes more than it syncs: sync now and then, or raise the bound of unsynced bytes"},
}};
constexpr std::string_view admission_remedy =
    "a limit of its own holds work before a gate: its tasks, requests or queue delay; raise it, or "
    "send less";
constexpr std::string_view rate_limit_remedy =
    "a rate limiter of the program holds its tasks: give it a higher rate, or send less";

std::string_view remedy_of(const hold_row& hold) {
    if (hold.queue == "admission") {
        return hold.cause == "rate_limit" ? rate_limit_remedy : admission_remedy;
    }
    const auto found = std::ranges::find_if(remedies, [&](const remedy& each) {
        return each.queue == hold.queue && each.cause == hold.cause;
    });
    return found == remedies.end() ? std::string_view() : found->text;
}

template <class... Arguments>
std::string print(const char* format, Arguments... arguments) {
    std::array<char, 320> text;
    const int size = std::snprintf(text.data(), text.size(), format, arguments...);
    return {text.data(), std::min(static_cast<std::size_t>(size), text.size() - 1)};
}

std::string span(double seconds) {
    return seconds < 0 ? "-" + span_text(-seconds * 1e9) : span_text(seconds * 1e9);
}

std::string verdict_of(const tenant_row& row, const std::vector<queue_state>& queues) {
    if (const hold_row* const worst = row.holds.worst();
        worst != nullptr && worst->seconds >= worth_telling) {
        const std::string whom =
            row.holds.beneficiaries.empty()
                ? ""
                : "; meanwhile " + row.holds.beneficiaries.front().first + " was served";
        return "throttled in " + worst->queue + " by " + worst->cause + whom;
    }
    if (!row.holds.holds.empty() && row.holds.holds.front().seconds >= worth_telling) {
        const std::string who = row.holds.beneficiaries.empty()
                                    ? ""
                                    : "; " + row.holds.beneficiaries.front().first + " had it";
        return "waits for room in " + row.holds.holds.front().queue + who;
    }
    const auto oldest = std::ranges::max_element(queues, {}, &queue_state::oldest_seconds);
    if (oldest != queues.end() && oldest->oldest_seconds >= long_seconds) {
        return "waits in " + oldest->queue + ", where what is next has not begun for " +
               span(oldest->oldest_seconds);
    }
    return row.waiting >= worth_telling ? "waits its turn, no longer than its share demands"
                                        : "nothing holds it back";
}

// By weight, among all that used a CPU or had work that waited.
double entitled_of(const tenant_row& row, const std::vector<tenant_row>& all) {
    double weights = 0;
    for (const tenant_row& each : all) {
        const bool wanted = each.cores >= worth_telling || each.depth() != 0;
        weights += wanted || each.name == row.name ? each.weight : 0;
    }
    return weights > 0 ? row.weight / weights : 0;
}

std::vector<queue_state> queues_of(const tenant_sample& now) {
    std::vector<queue_state> made;
    const std::array<std::pair<const char*, std::uint64_t>, 4> depths{
        {{"async", now.queued_async},
         {"compute", now.queued_compute},
         {"blocking", now.queued_blocking},
         {"disk", now.queued_disk}}};
    for (const auto& [queue, depth] : depths) {
        if (depth != 0) {
            made.push_back({queue, depth, now.oldest_of(queue), now.lag_of(queue)});
        }
    }
    return made;
}

}  // namespace

std::optional<explanation> explain(std::string_view tenant, const top_sample& before,
                                   const top_sample& after) {
    const auto rows = rows_between(before, after, top_order::cpu);
    const auto row = std::ranges::find(rows, tenant, &tenant_row::name);
    if (row == rows.end()) {
        return std::nullopt;
    }
    explanation made;
    made.row = *row;
    made.seconds = std::chrono::duration<double>(after.at - before.at).count();
    made.entitled = entitled_of(*row, rows);
    for (const auto& each : after.tenants) {
        if (each.second.name == tenant) {
            made.queues = queues_of(each.second);
        }
    }
    made.verdict = verdict_of(*row, made.queues);
    for (const tenant_row& other : rows) {
        for (const auto& [name, seconds] : other.holds.beneficiaries) {
            if (name == tenant) {
                made.held_for_it.emplace_back(other.name, seconds);
            }
        }
    }
    for (const hold_row& hold : row->holds.holds) {
        const std::string_view text = remedy_of(hold);
        if (hold.seconds >= worth_telling && !text.empty()) {
            made.advice.emplace_back(text);
        }
    }
    return made;
}

std::string explanation::text() const {
    std::string all = row.name + ": " + verdict + "\n";
    all += print("  over       %s, weight %g\n", span(seconds).c_str(), row.weight);
    all += print("  cpu        %.3f cores, %.0f%% of what all tenants used; its share is %.0f%%\n",
                 row.cores, 100 * row.share, 100 * entitled);
    if (row.satisfaction) {
        all += print("  satisfied  %.0f%%: the CPU that it had by what it was entitled to\n",
                     100 * *row.satisfaction);
    }
    for (const queue_state& each : queues) {
        all += print("  %-10s %llu wait, the oldest for %s; it is owed %s\n", each.queue.c_str(),
                     static_cast<unsigned long long>(each.waiting),
                     span(each.oldest_seconds).c_str(), span(each.lag_seconds).c_str());
    }
    for (const hold_row& each : row.holds.holds) {
        all += print("  %-10s %.3f s/s %s: %s\n", each.queue.c_str(), each.seconds,
                     each.is_throttling() ? "throttled" : "waiting", each.cause.c_str());
    }
    for (const auto& [name, used] : row.holds.beneficiaries) {
        all += print("  meanwhile  %s was served %.3f s/s\n", name.c_str(), used);
    }
    for (const auto& [name, used] : held_for_it) {
        all += print("  served     %.3f s/s while %s was held back\n", used, name.c_str());
    }
    for (std::size_t i = 0; i != std::min(decisions.size(), decisions_shown); ++i) {
        all += "  decided    " + decisions[i].text() + "\n";
    }
    for (const std::string& each : advice) {
        all += "  do         " + each + "\n";
    }
    return all;
}

std::string explanation::json() const {
    std::string out;
    json_writer json(out);
    const auto write_shares = [&json](const char* key, const auto& of) {
        json.begin_array(key);
        for (const auto& [name, used] : of) {
            json.begin_object();
            json.text("tenant", name);
            json.number("s_per_s", used);
            json.end_object();
        }
        json.end_array();
    };
    json.begin_object();
    json.text("schema", "drama.explain/1");
    json.text("tenant", row.name);
    json.number("seconds", seconds);
    json.text("verdict", verdict);
    json.number("weight", row.weight);
    json.number("cpu_cores", row.cores);
    json.number("cpu_share", row.share);
    json.number("entitled_share", entitled);
    if (row.satisfaction) {
        json.number("satisfaction", *row.satisfaction);
    } else {
        json.null("satisfaction");
    }
    json.begin_array("queues");
    for (const queue_state& each : queues) {
        json.begin_object();
        json.text("queue", each.queue);
        json.number("waiting", each.waiting);
        json.number("oldest_s", each.oldest_seconds);
        json.number("lag_s", each.lag_seconds);
        json.end_object();
    }
    json.end_array();
    write_holds(json, row.holds);
    write_shares("held_for_it", held_for_it);
    write_decisions(json, decisions);
    json.begin_array("advice");
    for (const std::string& each : advice) {
        json.text(each);
    }
    json.end_array();
    json.end_object();
    return out + "\n";
}

}  // namespace drama::cli
