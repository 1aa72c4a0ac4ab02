// SPDX-License-Identifier: Apache-2.0
// Names of files and of tenants' folders: what a client may ask for, and what stands on the disk.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace drama::cli {

inline constexpr std::size_t file_name_bytes_max = 200;
/// Names that begin so are the server's own: files that are still being written.
inline constexpr std::string_view temporary_prefix = ".drama-put-";

/// The name that a path asks for, percent-decoded once.
/// Errors: one line to show to the client.
[[nodiscard]] std::expected<std::string, std::string_view> file_name_of(std::string_view encoded);

/// The name of a tenant's folder. No two tenants have the same, also where the file system takes
/// upper and lower case for equal; none escapes the folder that it is in, none is too long.
/// Requires: `tenant` has 1 to 255 bytes, any.
[[nodiscard]] std::string folder_name_of(std::string_view tenant);

/// A file that a put has left behind.
[[nodiscard]] bool is_temporary(std::string_view name) noexcept;

}  // namespace drama::cli
