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

/// Where a flag's value goes, and what it may be.
struct flag_target {
    enum class kind : std::uint8_t { text, texts, number, real, choice, toggle } is = kind::text;
    /// Takes a value and answers with an empty string, or with what is wrong. The one of `texts`
    /// takes one of its values at a time. A toggle takes "" for
    /// what its flag means, and "true" and "false" for what it is about.
    std::function<std::string(std::string_view)> set;
    std::function<std::string()> show;  ///< the present value
    bool flag_clears = false;           ///< the flag of this toggle means false
};

/// One flag.
struct flag {
    std::string_view name;   ///< "--listen"
    std::string_view value;  ///< "HOST:PORT"; empty for a toggle
    std::string_view help;
    flag_target target;
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

/// The flag's name in a configuration file: `--drain-ms` is `drain_ms`, and `--no-hand-over`, which
/// clears its toggle, is `hand_over`.
std::string key_of(const flag& of);

// Targets for the table. Lifetime: `into` outlives the parse.
flag_target set_text(std::string& into);
flag_target set_switch(bool& into, bool to = true);
flag_target set_choice(std::string& into, std::vector<std::string_view> of);
/// Decimal numbers from `least` to `most`.
flag_target set_number(std::uint64_t& into, std::uint64_t least, std::uint64_t most);
/// Numbers from `least` to `most` that may have a fraction.
flag_target set_real(double& into, double least, double most);
/// Each use adds one; `check` says what is wrong with it, or nothing.
flag_target add_text(std::vector<std::string>& into, std::string (*check)(std::string_view));

}  // namespace drama::cli
