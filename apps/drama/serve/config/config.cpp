// SPDX-License-Identifier: Apache-2.0
#include "serve/config/config.hpp"

#include <map>
#include <utility>

#include "drama/sched/virtual_time.hpp"
#include "drama/tenant/tenant_registry.hpp"
#include "serve/config/bearer.hpp"
#include "toml_source.hpp"

namespace drama::cli {
namespace {

constexpr std::int64_t count_max = 1'000'000'000;
constexpr std::int64_t delay_ms_max = 3'600'000;
constexpr std::size_t tenants_max = 100'000;

/// Reads one document; what is wrong is collected.
class config_reader {
  public:
    explicit config_reader(const std::string& file) : wrong_(file) {}

    std::expected<serve_config, config_errors> read(const toml::table& document);

  private:
    void read_settings(const toml::table& document);
    void read_tenants(const toml::array& from);
    void read_tenant(const toml::table& from);
    void read_options(const toml::table& from, tenant_options& into);
    void read_limits(const toml::table& from, tenant_limits& into);
    void read_limit(const toml::table& from, std::string_view key, std::uint64_t& into);
    void read_name(const toml::table& from, tenant_config& into);
    void read_tokens(const toml::table& from, tenant_config& into);
    void add_token(const toml::node& at, const sha256_digest& token, tenant_config& into);

    toml_complaints wrong_;
    serve_config made_;
    std::map<std::string, toml::source_position, std::less<>> names_;
    std::map<sha256_digest, toml::source_position> tokens_;
};

std::expected<serve_config, config_errors> config_reader::read(const toml::table& document) {
    read_settings(document);
    if (const toml::node* const node = document.get("tenant")) {
        if (const toml::array* const all = read_array(wrong_, *node, "tenant")) {
            read_tenants(*all);
        }
    }
    if (made_.tokens() != 0) {
        made_.unidentified.weight = unidentified_weight;
    }
    if (const toml::node* const node = document.get("unidentified")) {
        if (const toml::table* const table = read_table(wrong_, *node, "unidentified")) {
            read_options(*table, made_.unidentified);
            refuse_others(wrong_, *table, {"weight", "latency", "limits"});
        }
    }
    if (!wrong_.is_empty()) {
        return std::unexpected(wrong_.lines(config_errors_max));
    }
    return std::move(made_);
}

void config_reader::read_settings(const toml::table& document) {
    std::vector<std::string> known{"tenant", "unidentified"};
    for (const flag& each : settings_of(made_.options)) {
        known.push_back(key_of(each));
        if (const toml::node* const node = document.get(known.back())) {
            read_setting(wrong_, each, *node);
        }
    }
    refuse_others(wrong_, document, known);
}

void config_reader::read_tenants(const toml::array& from) {
    if (from.size() > tenants_max) {
        wrong_.add(from, "tenant: more than " + std::to_string(tenants_max) + " of them");
        return;
    }
    for (const toml::node& each : from) {
        if (const toml::table* const table = read_table(wrong_, each, "tenant")) {
            read_tenant(*table);
        }
    }
}

void config_reader::read_tenant(const toml::table& from) {
    tenant_config made;
    read_name(from, made);
    read_options(from, made.options);
    read_tokens(from, made);
    refuse_others(wrong_, from, {"name", "weight", "latency", "limits", "tokens", "token_sha256"});
    made_.tenants.push_back(std::move(made));
}

void config_reader::read_name(const toml::table& from, tenant_config& into) {
    const toml::node* const node = from.get("name");
    if (node == nullptr) {
        wrong_.add(from, "this tenant has no name");
        return;
    }
    const auto name = read_text(wrong_, *node, "name");
    if (!name) {
        return;
    }
    if (name->empty() || name->size() > tenant_registry::name_bytes_max) {
        wrong_.add(*node, "name: has " + std::to_string(name->size()) + " bytes, not 1 to " +
                              std::to_string(tenant_registry::name_bytes_max));
        return;
    }
    if (*name == "system" || *name == "shared" || *name == "unidentified") {
        wrong_.add(*node, *name == "unidentified"
                              ? "name: 'unidentified' has a table of its own, [unidentified]"
                              : "name: '" + *name + "' is the server's own");
        return;
    }
    const auto [first, is_new] = names_.emplace(*name, node->source().begin);
    if (!is_new) {
        wrong_.add(*node, "name: tenant '" + *name + "' stands at line " +
                              std::to_string(first->second.line) + " already");
    }
    into.name = *name;
}

void config_reader::read_options(const toml::table& from, tenant_options& into) {
    if (const toml::node* const node = from.get("weight")) {
        if (const auto weight = read_real(wrong_, *node, "weight", {weight_min, weight_max})) {
            into.weight = *weight;
        }
    }
    if (const toml::node* const node = from.get("latency")) {
        if (const auto text = read_text(wrong_, *node, "latency")) {
            if (*text == "low" || *text == "normal" || *text == "high") {
                into.latency = *text == "low"    ? latency::low
                               : *text == "high" ? latency::high
                                                 : latency::normal;
            } else {
                wrong_.add(*node, "latency: '" + *text + "' is none of low normal high");
            }
        }
    }
    if (const toml::node* const node = from.get("limits")) {
        if (const toml::table* const limits = read_table(wrong_, *node, "limits")) {
            read_limits(*limits, into.limit);
        }
    }
}

void config_reader::read_limits(const toml::table& from, tenant_limits& into) {
    read_limit(from, "tasks", into.tasks);
    read_limit(from, "requests", into.requests);
    read_limit(from, "blocking_queue", into.blocking_queue);
    auto delay_ms = static_cast<std::uint64_t>(into.queue_delay / std::chrono::milliseconds(1));
    read_limit(from, "queue_delay_ms", delay_ms);
    into.queue_delay = std::chrono::milliseconds(delay_ms);
    refuse_others(wrong_, from, {"tasks", "requests", "blocking_queue", "queue_delay_ms"});
}

void config_reader::read_limit(const toml::table& from, std::string_view key, std::uint64_t& into) {
    const toml::node* const node = from.get(key);
    if (node == nullptr) {
        return;
    }
    const auto number = read_integer(wrong_, *node, key);
    const std::int64_t most = key.ends_with("_ms") ? delay_ms_max : count_max;
    if (number && (*number < 1 || *number > most)) {
        wrong_.add(*node, std::string(key) + ": " + std::to_string(*number) + " is not from 1 to " +
                              std::to_string(most));
    } else if (number) {
        into = static_cast<std::uint64_t>(*number);
    }
}

// Complaints never show a token: they end up in logs.
void config_reader::read_tokens(const toml::table& from, tenant_config& into) {
    const auto each_text = [&](std::string_view key, auto&& take) {
        const toml::node* const node = from.get(key);
        const toml::array* const all = node == nullptr ? nullptr : read_array(wrong_, *node, key);
        for (std::size_t i = 0; all != nullptr && i < all->size(); ++i) {
            if (const auto text = read_text(wrong_, (*all)[i], key)) {
                take((*all)[i], *text);
            }
        }
    };
    each_text("tokens", [&](const toml::node& at, const std::string& token) {
        if (!is_bearer_token(token)) {
            wrong_.add(at, "tokens: a token is 1 to " + std::to_string(token_bytes_max) +
                               " of A-Z a-z 0-9 - . _ ~ + / and then any number of =");
        } else if (const auto digest = sha256_of(token)) {
            add_token(at, *digest, into);
        } else {
            wrong_.add(at, "tokens: " + digest.error().message());
        }
    });
    each_text("token_sha256", [&](const toml::node& at, const std::string& hex) {
        if (const auto digest = parse_sha256(hex)) {
            add_token(at, *digest, into);
        } else {
            wrong_.add(at, "token_sha256: this is not 64 hex digits");
        }
    });
}

void config_reader::add_token(const toml::node& at, const sha256_digest& token,
                              tenant_config& into) {
    const auto [first, is_new] = tokens_.emplace(token, at.source().begin);
    if (!is_new) {
        wrong_.add(at,
                   "this token stands at line " + std::to_string(first->second.line) + " already");
    }
    into.tokens.push_back(token);
}

}  // namespace

std::size_t serve_config::tokens() const noexcept {
    std::size_t count = 0;
    for (const tenant_config& each : tenants) {
        count += each.tokens.size();
    }
    return count;
}

std::expected<serve_config, config_errors> parse_config(std::string_view text,
                                                        const std::string& file) {
    try {
        const toml::table document = toml::parse(text, file);
        return config_reader(file).read(document);
    } catch (const toml::parse_error& wrong) {
        toml_complaints complaints(file);
        complaints.add(wrong.source().begin, std::string(wrong.description()));
        return std::unexpected(complaints.lines(1));
    }
}

std::expected<serve_config, config_errors> read_config(const std::string& file) {
    const auto text = text_of_file(file, config_bytes_max);
    if (!text) {
        return std::unexpected(config_errors{text.error()});
    }
    return parse_config(*text, file);
}

std::expected<serve_config, config_errors> read_settings(std::span<char* const> arguments) {
    serve_options flags;
    static_cast<void>(parse_flags(describe(flags), arguments));
    serve_config made;
    if (!flags.config.empty()) {
        auto read = read_config(flags.config);
        if (!read) {
            return read;
        }
        made = *std::move(read);
    }
    static_cast<void>(parse_flags(describe(made.options), arguments));
    return made;
}

}  // namespace drama::cli
