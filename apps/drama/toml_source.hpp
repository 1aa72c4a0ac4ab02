// SPDX-License-Identifier: Apache-2.0
// A TOML document whose readers collect complaints, each with its place, instead of stopping at the
// first one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

#include "flags.hpp"

namespace drama::cli {

/// Complaints about one document.
class toml_complaints {
  public:
    explicit toml_complaints(std::string file) : file_(std::move(file)) {}

    void add(const toml::source_position& at, std::string what);
    void add(const toml::node& about, std::string what) { add(about.source().begin, what); }
    bool is_empty() const noexcept { return all_.empty(); }
    /// One line each in the order of the document; of more than `most`, how many more.
    std::vector<std::string> lines(std::size_t most);

  private:
    struct complaint {
        toml::source_position at;
        std::string what;
    };
    std::string file_;
    std::vector<complaint> all_;
};

/// What `node` is, with its article.
std::string kind_of(const toml::node& node);

// Readers: nullopt, and a complaint, if the node has another type or is out of range. `what` names
// the key.

std::optional<std::int64_t> read_integer(toml_complaints& to, const toml::node& from,
                                         std::string_view what);
std::optional<std::string> read_text(toml_complaints& to, const toml::node& from,
                                     std::string_view what);
std::optional<bool> read_boolean(toml_complaints& to, const toml::node& from,
                                 std::string_view what);
/// An integer or a float from `least` to `most`.
std::optional<double> read_real(toml_complaints& to, const toml::node& from, std::string_view what,
                                std::pair<double, double> range);
const toml::table* read_table(toml_complaints& to, const toml::node& from, std::string_view what);
const toml::array* read_array(toml_complaints& to, const toml::node& from, std::string_view what);

/// Complains about each key of `table` that is none of `known`.
void refuse_others(toml_complaints& to, const toml::table& table,
                   const std::vector<std::string>& known);

/// Hands the value of a key to the flag of that name; complains if it does not take it. A flag that
/// may stand several times takes an array, too.
void read_setting(toml_complaints& to, const flag& of, const toml::node& from);

/// The whole file, or one line that says why not. Errors: more than `bytes_max` are too many.
std::expected<std::string, std::string> text_of_file(const std::string& file,
                                                     std::size_t bytes_max);

}  // namespace drama::cli
