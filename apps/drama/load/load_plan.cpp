// SPDX-License-Identifier: Apache-2.0
#include "load/load_plan.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "drama/base/prng.hpp"
#include "drama/net/endpoint.hpp"

namespace drama::cli {
namespace {

constexpr double rate_max = 10'000'000;
constexpr double seconds_max = 365 * 86'400.0;
constexpr std::string_view scheme = "http://";

using text_check = std::string (*)(std::string_view);

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char each) {
        return static_cast<unsigned char>(each) >= ' ' && each != '\x7f';
    });
}

bool is_word(std::string_view text) {
    return !text.empty() && is_printable(text) && text.find(' ') == std::string_view::npos;
}

std::string check_printable(std::string_view value) {
    return is_printable(value) ? "" : "it has control characters";
}

std::string check_path(std::string_view value) {
    return is_word(value) && value.starts_with('/') ? "" : "a path is / and more, without blanks";
}

std::string check_method(std::string_view value) {
    const bool is_upper = std::all_of(value.begin(), value.end(),
                                      [](char each) { return each >= 'A' && each <= 'Z'; });
    return is_upper && !value.empty() ? "" : "a method is upper case letters";
}

std::string check_token(std::string_view value) {
    return value.empty() || is_word(value) ? "" : "a token has no blanks";
}

std::string check_header(std::string_view value) {
    const std::size_t colon = value.find(':');
    const bool has_name = colon != std::string_view::npos && is_word(value.substr(0, colon));
    return has_name && is_printable(value) ? "" : "a header is NAME: VALUE";
}

std::string_view without_scheme(std::string_view url) {
    if (url.starts_with(scheme)) {
        url.remove_prefix(scheme.size());
    }
    return url.ends_with('/') ? url.substr(0, url.size() - 1) : url;
}

std::string check_url(std::string_view value) {
    const auto parsed = endpoint::parse(without_scheme(value));
    return parsed && parsed->port != 0 && !parsed->host.empty()
               ? ""
               : "'" + std::string(value) + "' is no [http://]HOST:PORT";
}

flag_target set_checked(std::string& into, text_check check) {
    flag_target made = set_text(into);
    made.set = [&into, check](std::string_view value) {
        std::string wrong = check(value);
        if (wrong.empty()) {
            into = value;
        }
        return wrong;
    };
    return made;
}

}  // namespace

arrival_law load_group::law() const noexcept {
    if (arrivals == "fixed") {
        return arrival_law::fixed;
    }
    if (arrivals == "bursts") {
        return arrival_law::bursts;
    }
    return arrivals == "poisson" || (arrivals == "auto" && rate > 0) ? arrival_law::poisson
                                                                     : arrival_law::closed;
}

std::string load_group::make_body() const {
    if (body == "letter") {
        return std::string(body_bytes, 'x');
    }
    prng random(1);
    std::string made;
    made.reserve(body_bytes + 10);
    while (made.size() < body_bytes) {
        for (std::uint64_t left = 2 + random.below(7); left != 0; --left) {
            made += static_cast<char>('a' + random.below(26));
        }
        made += ' ';
    }
    made.resize(body_bytes);
    return made;
}

std::string load_group::head_of(std::uint64_t tenant_number, std::string_view host) const {
    std::string head = method + " " + path + " HTTP/1.1\r\nHost: ";
    head.append(host).append("\r\n");
    if (!tenant.empty()) {
        head += "Drama-Tenant: " + tenant;
        head += tenants > 1 ? "-" + std::to_string(tenant_number) + "\r\n" : "\r\n";
    }
    if (!token.empty()) {
        head += "Authorization: Bearer " + token + "\r\n";
    }
    if (body_bytes != 0 || method == "POST" || method == "PUT") {
        head += "Content-Length: " + std::to_string(body_bytes) + "\r\n";
    }
    for (const std::string& each : headers) {
        head += each + "\r\n";
    }
    return head + "\r\n";
}

std::string_view load_plan::address() const noexcept {
    return without_scheme(url);
}

std::vector<flag> settings_of(load_group& into) {
    return {
        {"--method", "NAME", "of the request (GET)", set_checked(into.method, check_method)},
        {"--path", "PATH", "of the request (/)", set_checked(into.path, check_path)},
        {"--header", "NAME: VALUE", "a header more; may stand several times",
         add_text(into.headers, check_header)},
        {"--tenant", "NAME", "the Drama-Tenant header (none)",
         set_checked(into.tenant, check_printable)},
        {"--tenants", "N", "take the tenants NAME-0 to NAME-(N-1) in turn",
         set_number(into.tenants, 1, group_tenants_max)},
        {"--token", "TOKEN", "a bearer token (none)", set_checked(into.token, check_token)},
        {"--body-bytes", "N", "bytes to send with each request (0)",
         set_number(into.body_bytes, 0, group_body_bytes_max)},
        {"--body", "letter|words", "of one letter, or of words that compress slowly (letter)",
         set_choice(into.body, {"letter", "words"})},
        {"--arrivals", "auto|closed|fixed|poisson|bursts",
         "when requests are sent (auto: poisson with a rate, else closed)",
         set_choice(into.arrivals, {"auto", "closed", "fixed", "poisson", "bursts"})},
        {"--rate", "R", "requests a second of an open loop", set_real(into.rate, 0, rate_max)},
        {"--burst", "N", "requests at once, with bursts (1)", set_number(into.burst, 1, 1'000'000)},
        {"--connections", "N", "connections at first; of a closed loop, all (1)",
         set_number(into.connections, 1, group_connections_max)},
        {"--connections-max", "N", "an open loop opens more up to N (1000)",
         set_number(into.connections_max, 1, group_connections_max)},
        {"--outstanding-max", "N", "requests sent or waiting; further ones are dropped (100000)",
         set_number(into.outstanding_max, 1, group_outstanding_max)},
        {"--timeout-ms", "N", "for an answer, from the intended time (10000)",
         set_number(into.timeout_ms, 1, 86'400'000)},
        {"--seconds", "S", "for how long to send (10)", set_real(into.seconds, 0.001, seconds_max)},
        {"--start-seconds", "S", "when to begin (0)", set_real(into.start_seconds, 0, seconds_max)},
        {"--weight", "W", "share of the total rate (1)", set_real(into.weight, 0, 1'000'000)},
    };
}

std::vector<flag> settings_of(load_plan& into) {
    return {
        {"--url", "HOST:PORT", "the server (127.0.0.1:8080)", set_checked(into.url, check_url)},
        {"--total-rate", "R", "requests a second, shared by the weights of groups without a rate",
         set_real(into.total_rate, 0, rate_max)},
        {"--seed", "N", "of the Poisson arrivals (1)", set_number(into.seed, 0, UINT64_MAX)},
        {"--threads", "N", "processes that send, each with one thread (1)",
         set_number(into.threads, 1, load_threads_max)},
        {"--punctual", "", "send with a real-time priority where that is allowed",
         set_switch(into.punctual)},
    };
}

command describe(load_plan& into) {
    command made{"load",
                 "Sends HTTP requests and measures the answers; latency counts from the moment a "
                 "request was meant to be sent. Every flag but those after --punctual is a key of "
                 "a scenario file and of a --group.",
                 settings_of(into.base)};
    for (flag& each : settings_of(into)) {
        made.flags.push_back(std::move(each));
    }
    made.flags.push_back({"--group", "KEY=VALUE,...",
                          "a group that differs in these; may stand several times",
                          add_text(into.group_texts, check_printable)});
    made.flags.push_back({"--scenario", "FILE",
                          "settings and groups, in TOML; flags win over its "
                          "settings, its groups over both",
                          set_text(into.scenario)});
    made.flags.push_back(
        {"--json", "", "print one object instead of the table", set_switch(into.json)});
    made.flags.push_back({"--svg", "FILE", "draw the percentiles of latency", set_text(into.svg)});
    made.flags.push_back({"--quiet", "", "no progress", set_switch(into.quiet)});
    return made;
}

std::string fault_of(const load_group& group) {
    const bool is_open = group.law() != arrival_law::closed;
    if (is_open && group.rate <= 0) {
        return "arrivals: " + group.arrivals + " needs a rate";
    }
    if (!is_open && group.rate > 0) {
        return "rate: a closed loop has none";
    }
    if (is_open && group.connections > group.connections_max) {
        return "connections: " + std::to_string(group.connections) + " are more than the " +
               std::to_string(group.connections_max) + " of connections_max";
    }
    return group.tenants > 1 && group.tenant.empty() ? "tenants: needs a tenant's name" : "";
}

std::string read_group(std::string_view text, const load_group& base, load_group& into) {
    into = base;
    std::vector<flag> known = settings_of(into);
    known.push_back({"--name", "NAME", "", set_checked(into.name, check_printable)});
    while (!text.empty()) {
        const std::size_t end = text.find(',');
        const std::string_view pair = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        const std::size_t equals = pair.find('=');
        const std::string_view key = pair.substr(0, equals);
        const auto found = std::find_if(known.begin(), known.end(),
                                        [key](const flag& each) { return key_of(each) == key; });
        if (found == known.end() || equals == std::string_view::npos) {
            return "'" + std::string(pair) + "' is no KEY=VALUE of a group";
        }
        if (const std::string wrong = found->target.set(pair.substr(equals + 1)); !wrong.empty()) {
            return std::string(key) + ": " + wrong;
        }
    }
    return "";
}

namespace {

std::string add_groups(load_plan& plan) {
    for (const std::string& text : plan.group_texts) {
        load_group& made = plan.groups.emplace_back();
        if (std::string wrong = read_group(text, plan.base, made); !wrong.empty()) {
            return "--group " + text + ": " + wrong;
        }
    }
    if (plan.groups.empty()) {
        plan.groups.push_back(plan.base);
    }
    return plan.groups.size() > load_groups_max
               ? "more than " + std::to_string(load_groups_max) + " groups"
               : "";
}

void share_rate(load_plan& plan) {
    const auto has_share = [](const load_group& each) {
        return each.rate == 0 && each.arrivals != "closed";
    };
    double weights = 0;
    for (const load_group& each : plan.groups) {
        weights += has_share(each) ? each.weight : 0;
    }
    for (load_group& each : plan.groups) {
        if (has_share(each) && weights > 0) {
            each.rate = plan.total_rate * each.weight / weights;
        }
    }
}

}  // namespace

std::string complete(load_plan& plan) {
    if (std::string wrong = add_groups(plan); !wrong.empty()) {
        return wrong;
    }
    share_rate(plan);
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < plan.groups.size(); ++i) {
        load_group& each = plan.groups[i];
        if (each.name.empty()) {
            each.name = !each.tenant.empty() ? each.tenant : "group-" + std::to_string(i + 1);
        }
        if (!names.insert(each.name).second) {
            return "group " + each.name + ": another group has this name";
        }
        if (const std::string wrong = fault_of(each); !wrong.empty()) {
            return "group " + each.name + ": " + wrong;
        }
    }
    return "";
}

}  // namespace drama::cli
