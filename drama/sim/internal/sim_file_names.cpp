// SPDX-License-Identifier: Apache-2.0
// The names of the simulated disk: a sorted map from whole paths to files and directories.
#include "drama/sim/internal/sim_files.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "drama/io/file_results.hpp"
#include "drama/sim/internal/sim_backend.hpp"

namespace drama::inline v0::internal {
namespace {

std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

}  // namespace

// "/a//b/" and "a/b" both become "/a/b": the working directory is the root.
std::string sim_files::normal_path(const char* path) {
    std::string made;
    for (const char* at = path; *at != '\0';) {
        const char* const end = std::strchr(at, '/');
        const std::string_view part(
            at, end != nullptr ? static_cast<std::size_t>(end - at) : std::strlen(at));
        if (!part.empty() && part != ".") {
            made += '/';
            made += part;
        }
        at += part.size() + (end != nullptr ? 1 : 0);
    }
    return made.empty() ? "/" : made;
}

file_node* sim_files::find(const std::string& path) noexcept {
    const auto found = names_.find(path);
    return found == names_.end() ? nullptr : found->second.get();
}

std::int64_t sim_files::check_parent(const std::string& path) noexcept {
    const file_node* const parent = find(parent_of(path));
    return parent == nullptr ? -ENOENT : parent->is_directory ? 0 : -ENOTDIR;
}

std::int64_t sim_files::make(const std::string& path, bool is_directory, mode_t mode) {
    if (path != "/") {
        if (const std::int64_t error = check_parent(path); error != 0) {
            return error;
        }
    }
    auto node = std::make_shared<file_node>();
    node->is_directory = is_directory;
    node->mode = mode & 07777;
    node->number = next_number_++;
    node->changed_ns = network_.scheduler().now_ns();
    names_.emplace(path, std::move(node));
    return 0;
}

std::int64_t sim_files::open(const operation& op) {
    const std::string path = normal_path(op.path);
    file_node* node = find(path);
    if (node == nullptr) {
        if ((op.flags & O_CREAT) == 0) {
            return -ENOENT;
        }
        if (const std::int64_t error = make(path, false, op.mode); error != 0) {
            return error;
        }
        node = find(path);
    } else if ((op.flags & O_CREAT) != 0 && (op.flags & O_EXCL) != 0) {
        return -EEXIST;
    }
    if (node->is_directory && (op.flags & O_ACCMODE) != O_RDONLY) {
        return -EISDIR;
    }
    if (!node->is_directory && (op.flags & O_DIRECTORY) != 0) {
        return -ENOTDIR;
    }
    auto file = std::make_unique<sim_file>(names_.find(path)->second, op.flags);
    const int fd = network_.add_fd(*file);
    if (fd < 0) {
        return fd;
    }
    file.release();
    if ((op.flags & O_TRUNC) != 0 && (op.flags & O_ACCMODE) != O_RDONLY) {
        node->bytes.clear();
    }
    return fd;
}

bool sim_files::is_empty_directory(const std::string& path) const {
    const auto next = names_.upper_bound(path + '/');
    return next == names_.end() || !next->first.starts_with(path + '/');
}

std::int64_t sim_files::rename(const operation& op) {
    const std::string from = normal_path(op.path);
    const std::string to = normal_path(op.path_to);
    file_node* const moved = find(from);
    file_node* const replaced = find(to);
    if (moved == nullptr) {
        return -ENOENT;
    }
    if (const std::int64_t error = check_parent(to); error != 0) {
        return error;
    }
    if (from == to) {
        return 0;
    }
    if (replaced != nullptr) {
        if ((op.flags & RENAME_NOREPLACE) != 0) {
            return -EEXIST;
        }
        if (replaced->is_directory != moved->is_directory) {
            return replaced->is_directory ? -EISDIR : -ENOTDIR;
        }
        if (replaced->is_directory && !is_empty_directory(to)) {
            return -ENOTEMPTY;
        }
    }
    if (moved->is_directory && to.starts_with(from + '/')) {
        return -EINVAL;
    }
    names_[to] = names_[from];
    names_.erase(from);
    for (auto at = names_.upper_bound(from + '/');
         at != names_.end() && at->first.starts_with(from + '/');) {
        names_[to + at->first.substr(from.size())] = at->second;
        at = names_.erase(at);
    }
    return 0;
}

std::int64_t sim_files::unlink(const operation& op) {
    const std::string path = normal_path(op.path);
    const file_node* const node = find(path);
    const bool wants_directory = (op.flags & AT_REMOVEDIR) != 0;
    if (node == nullptr) {
        return -ENOENT;
    }
    if (node->is_directory != wants_directory) {
        return node->is_directory ? -EISDIR : -ENOTDIR;
    }
    if (wants_directory && (path == "/" || !is_empty_directory(path))) {
        return path == "/" ? -EBUSY : -ENOTEMPTY;
    }
    names_.erase(path);
    return 0;
}

std::int64_t sim_files::status(const operation& op) {
    const bool by_fd = op.path == nullptr || op.path[0] == '\0';
    auto* const file = by_fd ? dynamic_cast<sim_file*>(network_.find(op.fd)) : nullptr;
    const file_node* const node =
        by_fd ? (file != nullptr ? &file->node() : nullptr) : find(normal_path(op.path));
    if (node == nullptr) {
        return by_fd ? -EBADF : -ENOENT;
    }
    struct statx& out = *op.status_out;
    out = {};
    out.stx_mask = STATX_BASIC_STATS;
    out.stx_mode =
        static_cast<std::uint16_t>((node->is_directory ? S_IFDIR : S_IFREG) | node->mode);
    out.stx_size = node->bytes.size();
    out.stx_blksize = 4096;
    out.stx_blocks = (node->bytes.size() + 511) / 512;
    out.stx_nlink = 1;
    out.stx_ino = node->number;
    out.stx_mtime.tv_sec = node->changed_ns / 1'000'000'000;
    out.stx_mtime.tv_nsec = static_cast<std::uint32_t>(node->changed_ns % 1'000'000'000);
    return 0;
}

std::int64_t sim_files::list(operation& op) {
    const std::string path = normal_path(op.path);
    const file_node* const node = find(path);
    if (node == nullptr || !node->is_directory) {
        return node == nullptr ? -ENOENT : -ENOTDIR;
    }
    auto& listing = *static_cast<directory_listing*>(op.context);
    listing.items.clear();
    const std::string prefix = path == "/" ? path : path + '/';
    for (auto at = names_.upper_bound(prefix); at != names_.end() && at->first.starts_with(prefix);
         ++at) {
        const std::string_view name = std::string_view(at->first).substr(prefix.size());
        if (name.find('/') != std::string_view::npos) {
            continue;
        }
        if (listing.items.size() == listing.items_max) {
            return -E2BIG;
        }
        const std::uint8_t type = at->second->is_directory ? DT_DIR : DT_REG;
        listing.items.push_back({std::string(name), type});
    }
    return static_cast<std::int64_t>(listing.items.size());
}

}  // namespace drama::inline v0::internal
