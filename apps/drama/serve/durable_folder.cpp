// SPDX-License-Identifier: Apache-2.0
#include "serve/durable_folder.hpp"

#include <cerrno>
#include <filesystem>
#include <utility>

#include "drama/fs/directory.hpp"

namespace drama::cli {

std::string parent_of(const std::string& folder) {
    std::filesystem::path path(folder);
    if (!path.has_filename()) {
        path = path.parent_path();
    }
    const std::string parent = path.parent_path().string();
    return parent.empty() ? "." : parent;
}

task<result<void>> make_durable_folder(std::string path) {
    auto made = co_await make_directory(path);
    if (!made && made.error() != errno_code(EEXIST)) {
        co_return made;
    }
    auto syncing = sync_directory(parent_of(path));
    co_return co_await std::move(syncing);
}

}  // namespace drama::cli
