// SPDX-License-Identifier: Apache-2.0
#include "flags.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string>

#include "drama/http/query.hpp"

namespace drama::cli {
namespace {

std::string shape_of(const flag& of) {
    std::string shape(of.name);
    if (!of.value.empty()) {
        shape.append(" ").append(of.value);
    }
    return shape;
}

std::string usage_of(const command& of) {
    std::string usage = "usage: drama " + std::string(of.name);
    for (const flag& each : of.flags) {
        usage.append(" [").append(shape_of(each)).append("]");
    }
    return usage;
}

void show_help(const command& of) {
    std::size_t width = 0;
    for (const flag& each : of.flags) {
        width = std::max(width, shape_of(each).size());
    }
    std::printf("%s\n\n%.*s\n\n", usage_of(of).c_str(), static_cast<int>(of.purpose.size()),
                of.purpose.data());
    for (const flag& each : of.flags) {
        std::printf("  %-*s  %.*s\n", static_cast<int>(width), shape_of(each).c_str(),
                    static_cast<int>(each.help.size()), each.help.data());
    }
    std::printf("  %-*s  this text\n", static_cast<int>(width), "--help");
}

parsed complain(const command& of, const std::string& what) {
    std::fprintf(stderr, "drama %.*s: %s\n%s\n", static_cast<int>(of.name.size()), of.name.data(),
                 what.c_str(), usage_of(of).c_str());
    return parsed::wrong;
}

}  // namespace

parsed parse_flags(const command& of, std::span<char* const> arguments) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        std::string_view name = arguments[i];
        if (name == "--help" || name == "-h") {
            show_help(of);
            return parsed::help_shown;
        }
        const std::size_t equals = name.find('=');
        const bool has_value = equals != std::string_view::npos;
        std::string_view value = has_value ? name.substr(equals + 1) : std::string_view();
        name = name.substr(0, equals);
        const auto found = std::find_if(of.flags.begin(), of.flags.end(),
                                        [name](const flag& each) { return each.name == name; });
        if (found == of.flags.end()) {
            return complain(of, "unknown argument " + std::string(arguments[i]));
        }
        if (found->value.empty() && has_value) {
            return complain(of, std::string(name) + " takes no value");
        }
        if (!found->value.empty() && !has_value) {
            if (++i == arguments.size()) {
                return complain(of, std::string(name) + " needs " + std::string(found->value));
            }
            value = arguments[i];
        }
        if (const std::string wrong = found->target.set(value); !wrong.empty()) {
            return complain(of, std::string(name) + ": " + wrong);
        }
    }
    return parsed::go_on;
}

std::string key_of(const flag& of) {
    std::string_view name = of.name.substr(2);
    if (of.target.flag_clears && name.starts_with("no-")) {
        name.remove_prefix(3);
    }
    std::string key(name);
    std::replace(key.begin(), key.end(), '-', '_');
    return key;
}

flag_target set_text(std::string& into) {
    flag_target made;
    made.set = [&into](std::string_view value) {
        into = value;
        return std::string();
    };
    made.show = [&into] { return into; };
    return made;
}

flag_target set_switch(bool& into, bool to) {
    flag_target made;
    made.is = flag_target::kind::toggle;
    made.flag_clears = !to;
    made.set = [&into, to](std::string_view value) {
        into = value.empty() ? to : value == "true";
        return std::string();
    };
    made.show = [&into] { return std::string(into ? "true" : "false"); };
    return made;
}

flag_target set_choice(std::string& into, std::vector<std::string_view> of) {
    flag_target made;
    made.is = flag_target::kind::choice;
    made.show = [&into] { return into; };
    made.set = [&into, of = std::move(of)](std::string_view value) {
        if (std::find(of.begin(), of.end(), value) == of.end()) {
            std::string wrong = "'" + std::string(value) + "' is none of";
            for (const std::string_view each : of) {
                wrong.append(" ").append(each);
            }
            return wrong;
        }
        into = value;
        return std::string();
    };
    return made;
}

flag_target set_number(std::uint64_t& into, std::uint64_t least, std::uint64_t most) {
    flag_target made;
    made.is = flag_target::kind::number;
    made.show = [&into] { return std::to_string(into); };
    made.set = [&into, least, most](std::string_view value) {
        const auto number = parse_number(value, {.min = least, .max = most});
        if (!number) {
            return "'" + std::string(value) + "' is no number from " + std::to_string(least) +
                   " to " + std::to_string(most);
        }
        into = *number;
        return std::string();
    };
    return made;
}

namespace {

// The shortest text that reads back as this number.
std::string text_of(double number) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, number);
    return {text, end.ptr};
}

}  // namespace

flag_target set_real(double& into, double least, double most) {
    flag_target made;
    made.is = flag_target::kind::real;
    made.show = [&into] { return text_of(into); };
    made.set = [&into, least, most](std::string_view value) {
        double number = 0;
        const char* const end = value.data() + value.size();
        const auto read = std::from_chars(value.data(), end, number);
        // Written so that nan is out of range.
        if (read.ec != std::errc() || read.ptr != end || !(number >= least && number <= most)) {
            return "'" + std::string(value) + "' is no number from " + text_of(least) + " to " +
                   text_of(most);
        }
        into = number;
        return std::string();
    };
    return made;
}

flag_target add_text(std::vector<std::string>& into, std::string (*check)(std::string_view)) {
    flag_target made;
    made.is = flag_target::kind::texts;
    made.show = [&into] { return into.empty() ? std::string() : into.back(); };
    made.set = [&into, check](std::string_view value) {
        std::string wrong = check(value);
        if (wrong.empty()) {
            into.emplace_back(value);
        }
        return wrong;
    };
    return made;
}

}  // namespace drama::cli
