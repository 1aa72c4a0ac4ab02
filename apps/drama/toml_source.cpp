// SPDX-License-Identifier: Apache-2.0
#include "toml_source.hpp"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <limits>
#include <memory>
#include <system_error>
#include <tuple>
#include <utility>

namespace drama::cli {

namespace {

constexpr double real_max = std::numeric_limits<double>::max();

}  // namespace

void toml_complaints::add(const toml::source_position& at, std::string what) {
    all_.push_back({at, std::move(what)});
}

std::vector<std::string> toml_complaints::lines(std::size_t most) {
    std::sort(all_.begin(), all_.end(), [](const complaint& a, const complaint& b) {
        return std::tie(a.at.line, a.at.column) < std::tie(b.at.line, b.at.column);
    });
    std::vector<std::string> made;
    for (std::size_t i = 0; i < std::min(all_.size(), most); ++i) {
        made.push_back(file_ + ":" + std::to_string(all_[i].at.line) + ":" +
                       std::to_string(all_[i].at.column) + ": " + all_[i].what);
    }
    if (all_.size() > most) {
        made.push_back(file_ + ": and " + std::to_string(all_.size() - most) + " more");
    }
    return made;
}

std::string kind_of(const toml::node& node) {
    switch (node.type()) {
        case toml::node_type::table:
            return "a table";
        case toml::node_type::array:
            return "an array";
        case toml::node_type::string:
            return "a string";
        case toml::node_type::integer:
            return "an integer";
        case toml::node_type::floating_point:
            return "a float";
        case toml::node_type::boolean:
            return "a boolean";
        default:
            return "a date or time";
    }
}

namespace {

void complain_of_type(toml_complaints& to, const toml::node& from, std::string_view what,
                      std::string_view wanted) {
    to.add(from,
           std::string(what).append(" is ").append(kind_of(from)).append(", not ").append(wanted));
}

std::string shown(double number) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", number);
    return text;
}

}  // namespace

std::optional<std::int64_t> read_integer(toml_complaints& to, const toml::node& from,
                                         std::string_view what) {
    if (const auto* const found = from.as_integer()) {
        return found->get();
    }
    complain_of_type(to, from, what, "an integer");
    return std::nullopt;
}

std::optional<std::string> read_text(toml_complaints& to, const toml::node& from,
                                     std::string_view what) {
    if (const auto* const found = from.as_string()) {
        return found->get();
    }
    complain_of_type(to, from, what, "a string");
    return std::nullopt;
}

std::optional<bool> read_boolean(toml_complaints& to, const toml::node& from,
                                 std::string_view what) {
    if (const auto* const found = from.as_boolean()) {
        return found->get();
    }
    complain_of_type(to, from, what, "true or false");
    return std::nullopt;
}

std::optional<double> read_real(toml_complaints& to, const toml::node& from, std::string_view what,
                                std::pair<double, double> range) {
    double number = 0;
    if (const auto* const whole = from.as_integer()) {
        number = static_cast<double>(whole->get());
    } else if (const auto* const real = from.as_floating_point()) {
        number = real->get();
    } else {
        complain_of_type(to, from, what, "a number");
        return std::nullopt;
    }
    // Written so that nan is out of range.
    if (!(number >= range.first && number <= range.second)) {
        to.add(from, std::string(what) + ": " + shown(number) + " is not from " +
                         shown(range.first) + " to " + shown(range.second));
        return std::nullopt;
    }
    return number;
}

const toml::table* read_table(toml_complaints& to, const toml::node& from, std::string_view what) {
    if (!from.is_table()) {
        complain_of_type(to, from, what, "a table");
    }
    return from.as_table();
}

const toml::array* read_array(toml_complaints& to, const toml::node& from, std::string_view what) {
    if (!from.is_array()) {
        complain_of_type(to, from, what, "an array");
    }
    return from.as_array();
}

void refuse_others(toml_complaints& to, const toml::table& table,
                   const std::vector<std::string>& known) {
    for (const auto& [key, node] : table) {
        if (std::find(known.begin(), known.end(), key.str()) == known.end()) {
            to.add(key.source().begin, "unknown key '" + std::string(key.str()) + "'");
        }
    }
}

namespace {

// As the flag would be written on the command line.
std::optional<std::string> read_flag_text(toml_complaints& to, const flag& of,
                                          const toml::node& from) {
    const std::string key = key_of(of);
    switch (of.target.is) {
        case flag_target::kind::number:
            if (const auto number = read_integer(to, from, key)) {
                return std::to_string(*number);
            }
            return std::nullopt;
        case flag_target::kind::real:
            if (const auto number = read_real(to, from, key, {-real_max, real_max})) {
                char text[32];
                return std::string(text, std::to_chars(text, text + sizeof text, *number).ptr);
            }
            return std::nullopt;
        case flag_target::kind::toggle:
            if (const auto is_on = read_boolean(to, from, key)) {
                return *is_on ? "true" : "false";
            }
            return std::nullopt;
        default:
            return read_text(to, from, key);
    }
}

}  // namespace

void read_setting(toml_complaints& to, const flag& of, const toml::node& from) {
    if (of.target.is == flag_target::kind::texts && from.is_array()) {
        for (const toml::node& each : *from.as_array()) {
            read_setting(to, of, each);
        }
        return;
    }
    const auto value = read_flag_text(to, of, from);
    const std::string wrong = value ? of.target.set(*value) : "";
    if (!wrong.empty()) {
        to.add(from, key_of(of) + ": " + wrong);
    }
}

std::expected<std::string, std::string> text_of_file(const std::string& file,
                                                     std::size_t bytes_max) {
    const auto fail_with = [&file](int error) {
        return std::unexpected(file + ": " + std::generic_category().message(error));
    };
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::fopen(file.c_str(), "rbe"),
                                                             &std::fclose);
    if (!in) {
        return fail_with(errno);
    }
    std::string text;
    char piece[65536];
    for (;;) {
        errno = 0;
        const std::size_t got = std::fread(piece, 1, sizeof piece, in.get());
        text.append(piece, got);
        if (text.size() > bytes_max) {
            return fail_with(EFBIG);
        }
        if (got < sizeof piece) {
            return std::ferror(in.get()) != 0
                       ? std::expected<std::string, std::string>(fail_with(errno))
                       : std::move(text);
        }
    }
}

}  // namespace drama::cli
