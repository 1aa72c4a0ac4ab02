// SPDX-License-Identifier: Apache-2.0
// Command line flags: a table of names, values and one line of help each.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace drama::cli {

/// One flag. `set` gets the value and answers with an empty string, or with what is wrong.
struct flag {
    std::string_view name;   ///< "--listen"
    std::string_view value;  ///< "HOST:PORT"; empty for a switch
    std::string_view help;
    std::function<std::string(std::string_view)> set;
};

/// A command's name, what it is for, and its flags.
struct command {
    std::string_view name;
    std::string_view purpose;
    std::vector<flag> flags;
};

enum class parsed : std::uint8_t { go_on, help_shown, wrong };

/// Reads `arguments`; on an error writes one line and the usage to stderr, on --help the help.
parsed parse_flags(const command& of, std::span<char* const> arguments);

// Setters for the table. Lifetime: `into` outlives the parse.
std::function<std::string(std::string_view)> set_text(std::string& into);
std::function<std::string(std::string_view)> set_switch(bool& into, bool to = true);
std::function<std::string(std::string_view)> set_choice(std::string& into,
                                                        std::vector<std::string_view> of);
/// Decimal numbers from `least` to `most`.
std::function<std::string(std::string_view)> set_number(std::uint64_t& into, std::uint64_t least,
                                                        std::uint64_t most);

}  // namespace drama::cli
