// SPDX-License-Identifier: Apache-2.0
// `drama explain TENANT`: looks twice at a running process, and says why one of its tenants waits.
#include <cstdio>
#include <string>
#include <string_view>

#include "commands.hpp"
#include "explain/explanation.hpp"
#include "fetch.hpp"
#include "flags.hpp"
#include "top/top_observer.hpp"

namespace drama::cli {
namespace {

struct explain_options {
    std::string tenant;
    std::string admin = "127.0.0.1:8081";
    std::uint64_t interval_ms = 1000;
    bool json = false;
};

command describe(explain_options& into) {
    return {
        "explain",
        "Says why a tenant of a running process waits: its share, what held its work back and "
        "for whom, and what could be done. TENANT stands first, or after --tenant.",
        {
            {"--tenant", "NAME", "whom to explain", set_text(into.tenant)},
            {"--admin", "HOST:PORT", "the admin endpoint (127.0.0.1:8081)", set_text(into.admin)},
            {"--interval-ms", "N", "between two looks (1000)",
             set_number(into.interval_ms, 50, 3'600'000)},
            {"--json", "", "one object instead of lines", set_switch(into.json)},
        }};
}

int complain(const std::string& what) {
    std::fprintf(stderr, "drama explain: %s\n", what.c_str());
    return 1;
}

}  // namespace

int explain_command(std::span<char* const> arguments) {
    explain_options options;
    if (!arguments.empty() && std::string_view(arguments[0]).substr(0, 1) != "-") {
        options.tenant = arguments[0];
        arguments = arguments.subspan(1);
    }
    const parsed read = parse_flags(describe(options), arguments);
    if (read != parsed::go_on) {
        return read == parsed::wrong ? 2 : 0;
    }
    if (options.tenant.empty()) {
        std::fputs("drama explain: which tenant?\n", stderr);
        return 2;
    }
    const auto where = resolve(options.admin);
    if (!where) {
        return complain(options.admin + ": " + where.error());
    }
    // Decisions are noted from the first question on. A server that knows none is asked in vain.
    static_cast<void>(fetch(*where, decisions_path(options.tenant)));
    const auto looks =
        top_observer(*where).look_twice(std::chrono::milliseconds(options.interval_ms));
    if (!looks) {
        return complain(options.admin + ": " + looks.error());
    }
    auto made = explain(options.tenant, looks->first, looks->second);
    if (!made) {
        return complain("there is no tenant " + options.tenant);
    }
    if (const auto answer = fetch(*where, decisions_path(options.tenant))) {
        made->decisions = read_decisions(*answer).value_or(std::vector<decision_row>());
    }
    std::fputs((options.json ? made->json() : made->text()).c_str(), stdout);
    return 0;
}

}  // namespace drama::cli
