// SPDX-License-Identifier: Apache-2.0
#include "replay/workload/workload_file.hpp"

#include <utility>

#include "toml_source.hpp"

namespace drama::cli {
namespace {

using names = std::vector<std::string>;

// Adds the keys to `known`.
void read_known(toml_complaints& to, const std::vector<flag>& settings, const toml::table& from,
                names& known) {
    for (const flag& each : settings) {
        known.push_back(key_of(each));
        if (const toml::node* const node = from.get(known.back())) {
            read_setting(to, each, *node);
        }
    }
}

// Calls `read` with each table of the array `key`.
template <class Read>
void read_tables(toml_complaints& to, const toml::table& from, std::string_view key,
                 std::size_t most, Read read) {
    const toml::node* const node = from.get(key);
    const toml::array* const all = node == nullptr ? nullptr : read_array(to, *node, key);
    if (all != nullptr && all->size() > most) {
        to.add(*node, std::string(key) + ": more than " + std::to_string(most) + " of them");
        return;
    }
    for (std::size_t i = 0; all != nullptr && i != all->size(); ++i) {
        if (const toml::table* const table = read_table(to, (*all)[i], key)) {
            read(*table);
        }
    }
}

void read_stage(toml_complaints& to, const toml::table& from, stage_plan& into, names& known) {
    known.emplace_back("queue");
    if (const toml::node* const node = from.get("queue")) {
        into.queue = read_text(to, *node, "queue").value_or("");
    }
    read_known(to, settings_of(into.cost), from, known);
}

void read_tenant(toml_complaints& to, const toml::table& from, workload& into) {
    tenant_plan made;
    names known{"stage"};
    read_known(to, settings_of(made), from, known);
    if (from.contains("stage")) {
        refuse_others(to, from, known);
        read_tables(to, from, "stage", replay_stages_max, [&](const toml::table& table) {
            names known_here;
            read_stage(to, table, made.stages.emplace_back(), known_here);
            refuse_others(to, table, known_here);
        });
    } else {
        read_stage(to, from, made.stages.emplace_back(), known);
        refuse_others(to, from, known);
    }
    if (made.stages.empty()) {
        to.add(from, "stage: needs one at least");
    }
    into.tenants.push_back(std::move(made));
}

template <class Plan>
Plan read_plan(toml_complaints& to, const toml::table& from) {
    Plan made;
    names known;
    read_known(to, settings_of(made), from, known);
    refuse_others(to, from, known);
    return made;
}

std::string beside(const std::string& file, const std::string& path) {
    const std::size_t slash = file.rfind('/');
    return path.empty() || path.starts_with('/') || slash == std::string::npos
               ? path
               : file.substr(0, slash + 1) + path;
}

}  // namespace

std::expected<workload, std::vector<std::string>> parse_workload(
    std::string_view text, const std::string& file, const std::function<void(workload&)>& flags) {
    toml_complaints wrong(file);
    try {
        const toml::table document = toml::parse(text, file);
        workload made;
        names known{"queue", "group", "tenant"};
        read_known(wrong, settings_of(made), document, known);
        refuse_others(wrong, document, known);
        made.trace = beside(file, made.trace);
        flags(made);
        read_tables(wrong, document, "queue", queues, [&](const toml::table& table) {
            made.queues.push_back(read_plan<queue_plan>(wrong, table));
        });
        read_tables(wrong, document, "group", replay_lines_max, [&](const toml::table& table) {
            made.groups.push_back(read_plan<group_plan>(wrong, table));
        });
        read_tables(wrong, document, "tenant", replay_lines_max,
                    [&](const toml::table& table) { read_tenant(wrong, table, made); });
        if (wrong.is_empty()) {
            std::string incomplete = complete(made);
            if (incomplete.empty()) {
                return made;
            }
            return std::unexpected(names{file + ": " + incomplete});
        }
    } catch (const toml::parse_error& error) {
        wrong.add(error.source().begin, std::string(error.description()));
    }
    return std::unexpected(wrong.lines(workload_errors_max));
}

}  // namespace drama::cli
