// SPDX-License-Identifier: Apache-2.0
#include "load/scenario.hpp"

#include <utility>

#include "toml_source.hpp"

namespace drama::cli {
namespace {

// Adds the keys to `known`.
void read_known(toml_complaints& to, const std::vector<flag>& settings, const toml::table& from,
                std::vector<std::string>& known) {
    for (const flag& each : settings) {
        known.push_back(key_of(each));
        if (const toml::node* const node = from.get(known.back())) {
            read_setting(to, each, *node);
        }
    }
}

void read_group(toml_complaints& to, const toml::table& from, load_plan& into) {
    load_group made = into.base;
    std::vector<std::string> known{"name"};
    if (const toml::node* const node = from.get("name")) {
        made.name = read_text(to, *node, "name").value_or("");
    }
    read_known(to, settings_of(made), from, known);
    refuse_others(to, from, known);
    // A rate may still come from the total.
    load_group complete = made;
    complete.rate = complete.rate == 0 && into.total_rate > 0 && complete.arrivals != "closed"
                        ? into.total_rate
                        : complete.rate;
    if (const std::string wrong = fault_of(complete); !wrong.empty()) {
        to.add(from, wrong);
    }
    into.groups.push_back(std::move(made));
}

void read_groups(toml_complaints& to, const toml::node& from, load_plan& into) {
    const toml::array* const all = read_array(to, from, "group");
    if (all != nullptr && all->size() > load_groups_max) {
        to.add(from, "group: more than " + std::to_string(load_groups_max) + " of them");
        return;
    }
    for (std::size_t i = 0; all != nullptr && i < all->size(); ++i) {
        if (const toml::table* const table = read_table(to, (*all)[i], "group")) {
            read_group(to, *table, into);
        }
    }
}

}  // namespace

std::expected<load_plan, scenario_errors> parse_scenario(
    std::string_view text, const std::string& file, const std::function<void(load_plan&)>& flags) {
    toml_complaints wrong(file);
    try {
        const toml::table document = toml::parse(text, file);
        load_plan made;
        std::vector<std::string> known{"group"};
        read_known(wrong, settings_of(made), document, known);
        read_known(wrong, settings_of(made.base), document, known);
        refuse_others(wrong, document, known);
        flags(made);
        if (const toml::node* const groups = document.get("group")) {
            read_groups(wrong, *groups, made);
        }
        if (wrong.is_empty()) {
            return made;
        }
    } catch (const toml::parse_error& error) {
        wrong.add(error.source().begin, std::string(error.description()));
    }
    return std::unexpected(wrong.lines(scenario_errors_max));
}

}  // namespace drama::cli
