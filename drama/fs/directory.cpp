// SPDX-License-Identifier: Apache-2.0
#include "drama/fs/directory.hpp"

#include <cstdio>

#include <fcntl.h>

#include "drama/fs/file.hpp"

namespace drama::inline v0 {
namespace internal {

result<std::vector<directory_item>> listing_wait::await_resume() noexcept {
    const auto finished = finish();
    if (!finished) {
        return fail(finished.error());
    }
    return std::move(listing_.items);
}

path_wait make_remove(std::string path, bool is_directory, std::source_location at) noexcept {
    return {op_code::unlink, std::move(path), is_directory ? AT_REMOVEDIR : 0, at};
}

path_wait make_rename(std::string from, std::string to, bool replace,
                      std::source_location at) noexcept {
    return {std::move(from), std::move(to), replace ? 0 : static_cast<int>(RENAME_NOREPLACE), at};
}

status_wait make_status(std::string path, bool follow, std::source_location at) noexcept {
    return {-1, std::move(path), follow ? 0 : AT_SYMLINK_NOFOLLOW, at};
}

}  // namespace internal

task<result<void>> sync_directory(std::string path, std::source_location where) {
    const open_options options;
    auto directory = co_await file::open(std::move(path), options, where);
    if (!directory) {
        co_return fail(directory.error());
    }
    co_return co_await directory->sync(where);
}

}  // namespace drama::inline v0
