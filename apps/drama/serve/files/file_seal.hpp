// SPDX-License-Identifier: Apache-2.0
// What a stored file ends with: a digest that tells whether the content is whole and is the one
// that was put under this name. Disks flip bits, and write and read beside the place.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "drama/base/result.hpp"
#include "drama/coro/task.hpp"

namespace drama::cli {

inline constexpr std::size_t seal_bytes = 32;

/// Where a file is found: part of its digest.
struct sealed_place {
    std::string folder;
    std::string name;
};

/// Appends the seal. Errors: throws std::bad_alloc. Complexity: a SHA-256 of the content.
void add_seal(std::string& content, const sealed_place& at);
/// Takes the seal off; false: it is not that of this content at this place.
[[nodiscard]] bool take_seal(std::string& content, const sealed_place& at);

/// The same as tasks, which compute the digests of long contents where they keep no worker.
/// Lifetime: both stay until the task has ended.
[[nodiscard]] task<result<void>> seal(std::string* content, const sealed_place* at);
/// Errors: EBADMSG - the seal is not that of this content at this place.
[[nodiscard]] task<result<void>> unseal(std::string* content, const sealed_place* at);

}  // namespace drama::cli
