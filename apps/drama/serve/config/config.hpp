// SPDX-License-Identifier: Apache-2.0
// The configuration file of `drama serve`: settings, tenants and their tokens, in TOML. It is read
// whole or not at all, and what is wrong with it is told with the place where it is wrong.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "drama/tenant/tenant_options.hpp"
#include "serve/config/token_digest.hpp"
#include "serve/serve_options.hpp"

namespace drama::cli {

struct tenant_config {
    std::string name;
    tenant_options options;
    std::vector<sha256_digest> tokens;  ///< SHA-256 of each
};

struct serve_config {
    serve_options options;
    tenant_options unidentified;  ///< of who shows no token, or one that nobody has
    std::vector<tenant_config> tenants;

    std::size_t tokens() const noexcept;
};

/// The weight of `unidentified` where there are tokens, if the file says nothing else.
inline constexpr double unidentified_weight = 0.1;

inline constexpr std::size_t config_errors_max = 20;
inline constexpr std::size_t config_bytes_max = 64 * 1024 * 1024;

/// Lines that each say what is wrong, `FILE:LINE:COLUMN: message` where it is in the file: at most
/// `config_errors_max`, and then how many more.
using config_errors = std::vector<std::string>;

/// Reads `text`; `file` only names it in messages.
std::expected<serve_config, config_errors> parse_config(std::string_view text,
                                                        const std::string& file);

/// Reads a file.
std::expected<serve_config, config_errors> read_config(const std::string& file);

/// What the command line says, over what its --config says, over the defaults.
/// Requires: parse_flags has accepted the arguments.
std::expected<serve_config, config_errors> read_settings(std::span<char* const> arguments);

}  // namespace drama::cli
