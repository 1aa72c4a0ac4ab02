// SPDX-License-Identifier: Apache-2.0
// Names in the file system: rename, remove, make, list, and make such changes durable.
#pragma once

#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "drama/coro/task.hpp"
#include "drama/fs/file_wait.hpp"
#include "drama/io/file_results.hpp"

namespace drama::inline v0 {
namespace internal {

class DRAMA_API listing_wait : public io_awaiter {
  public:
    listing_wait(std::string at_path, std::size_t items_max, std::source_location at) noexcept
        : io_awaiter(op_code::list_directory, work_class::read, at), path_(std::move(at_path)) {
        listing_.items_max = items_max;
        op().path = path_.c_str();
        op().context = &listing_;
    }
    [[nodiscard]] result<std::vector<directory_item>> await_resume() noexcept;

  private:
    std::string path_;
    directory_listing listing_;
};

DRAMA_API path_wait make_remove(std::string path, bool is_directory,
                                std::source_location at) noexcept;
DRAMA_API path_wait make_rename(std::string from, std::string to, bool replace,
                                std::source_location at) noexcept;
DRAMA_API status_wait make_status(std::string path, bool follow, std::source_location at) noexcept;

}  // namespace internal

/// Gives a file or directory another name, atomically. An existing target is replaced unless
/// `replace` is false; it then fails with EEXIST. Errors: ENOENT, EXDEV, ENOTEMPTY ...
[[nodiscard]] inline internal::path_wait rename_file(
    std::string from, std::string to, bool replace = true,
    std::source_location where = std::source_location::current()) noexcept {
    return internal::make_rename(std::move(from), std::move(to), replace, where);
}
/// Removes a name that is no directory. Open files live on. Errors: ENOENT, EISDIR, EACCES ...
[[nodiscard]] inline internal::path_wait remove_file(
    std::string path, std::source_location where = std::source_location::current()) noexcept {
    return internal::make_remove(std::move(path), false, where);
}
/// Removes an empty directory. Errors: ENOTEMPTY, ENOTDIR, ENOENT ...
[[nodiscard]] inline internal::path_wait remove_directory(
    std::string path, std::source_location where = std::source_location::current()) noexcept {
    return internal::make_remove(std::move(path), true, where);
}
/// Makes one directory. Errors: EEXIST, ENOENT - its parent is missing.
[[nodiscard]] inline internal::path_wait make_directory(
    std::string path, mode_t permissions = 0755,
    std::source_location where = std::source_location::current()) noexcept {
    return {op_code::make_directory, std::move(path), static_cast<int>(permissions), where};
}

/// The names in a directory, without "." and "..", in the file system's order.
/// Errors: ENOENT, ENOTDIR; E2BIG - more than `items_max`.
[[nodiscard]] inline internal::listing_wait list_directory(
    std::string path, std::size_t items_max = 1'000'000,
    std::source_location where = std::source_location::current()) noexcept {
    return {std::move(path), items_max, where};
}
/// What stands at a path. `follow`: of a link's target.
[[nodiscard]] inline internal::status_wait file_status_of(
    std::string path, bool follow = true,
    std::source_location where = std::source_location::current()) noexcept {
    return internal::make_status(std::move(path), follow, where);
}

/// Makes the names in a directory durable: new, renamed and removed ones.
DRAMA_API task<result<void>> sync_directory(
    std::string path, std::source_location where = std::source_location::current());

}  // namespace drama::inline v0
