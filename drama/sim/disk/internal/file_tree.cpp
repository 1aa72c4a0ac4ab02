// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/disk/internal/file_tree.hpp"

#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

namespace drama::inline v0::internal {
namespace {

/// Takes the next part off the front: "/a//b/" has the parts "a" and "b". Empty: there is none.
std::string_view take_part(std::string_view& path) {
    for (;;) {
        const auto begin = path.find_first_not_of('/');
        if (begin == std::string_view::npos) {
            path = {};
            return {};
        }
        const auto end = path.find('/', begin);
        const std::string_view part = path.substr(begin, end - begin);
        path = end == std::string_view::npos ? std::string_view() : path.substr(end);
        if (part != ".") {
            return part;
        }
    }
}

crash_law drawn(crash_law law, prng& random) noexcept {
    constexpr crash_law choices[] = {crash_law::nothing, crash_law::everything, crash_law::in_order,
                                     crash_law::out_of_order};
    return law == crash_law::by_seed ? choices[random.below(4)] : law;
}

bool is_below(const file_node& node, const file_node& above) {
    for (const auto& [name, each] : above.names) {
        if (each.get() == &node || (each->is_directory && is_below(node, *each))) {
            return true;
        }
    }
    return false;
}

}  // namespace

file_tree::file_tree(const std::int64_t* now_ns)
    : now_ns_(now_ns), root_(std::make_shared<file_node>()) {
    root_->is_directory = true;
    root_->mode = 0755;
    root_->number = next_number_++;
    make_directory("/tmp", 01777);
    sync_all();
}

file_tree::~file_tree() = default;

std::shared_ptr<file_node> file_tree::find(std::string_view path) const {
    std::shared_ptr<file_node> at = root_;
    for (std::string_view part = take_part(path); !part.empty(); part = take_part(path)) {
        const auto found = at->names.find(part);
        if (found == at->names.end()) {
            return nullptr;
        }
        at = found->second;
    }
    return at;
}

file_tree::place file_tree::place_of(std::string_view path) const {
    place found{root_, {}, 0};
    for (std::string_view part = take_part(path); !part.empty(); part = take_part(path)) {
        if (!found.name.empty()) {
            const auto next = found.in->names.find(found.name);
            if (next == found.in->names.end()) {
                return {nullptr, {}, -ENOENT};
            }
            found.in = next->second;
        }
        if (!found.in->is_directory) {
            return {nullptr, {}, -ENOTDIR};
        }
        found.name = part;
    }
    return found;
}

std::shared_ptr<file_node> file_tree::make(const place& at, bool is_directory, mode_t mode) {
    auto node = std::make_shared<file_node>();
    node->is_directory = is_directory;
    node->mode = mode & 07777;
    node->number = next_number_++;
    node->changed_ns = *now_ns_;
    journal_.change({{at.in, at.name, node}});
    return node;
}

std::int64_t file_tree::open(std::string_view path, int flags, mode_t mode,
                             std::shared_ptr<file_node>& out) {
    out = find(path);
    if (out == nullptr) {
        const place at = place_of(path);
        if (at.in == nullptr) {
            return at.error;
        }
        if ((flags & O_CREAT) == 0) {
            return -ENOENT;
        }
        out = make(at, false, mode);
    } else if ((flags & O_CREAT) != 0 && (flags & O_EXCL) != 0) {
        return -EEXIST;
    }
    const bool writes = (flags & O_ACCMODE) != O_RDONLY;
    if (out->is_socket) {
        return -ENXIO;
    }
    if (out->is_directory && writes) {
        return -EISDIR;
    }
    if (!out->is_directory && (flags & O_DIRECTORY) != 0) {
        return -ENOTDIR;
    }
    if ((flags & O_TRUNC) != 0 && writes) {
        out->content.resize(0);
    }
    return 0;
}

std::int64_t file_tree::make_directory(std::string_view path, mode_t mode) {
    if (find(path) != nullptr) {
        return -EEXIST;
    }
    const place at = place_of(path);
    if (at.in == nullptr) {
        return at.error;
    }
    make(at, true, mode);
    return 0;
}

std::int64_t file_tree::make_socket(std::string_view path) {
    if (find(path) != nullptr) {
        return -EEXIST;
    }
    const place at = place_of(path);
    if (at.in == nullptr) {
        return at.error;
    }
    const std::shared_ptr<file_node> made = make(at, false, 0755);
    made->is_socket = true;
    return static_cast<std::int64_t>(made->number);
}

std::int64_t file_tree::socket_at(std::string_view path) const {
    const std::shared_ptr<file_node> found = find(path);
    if (found == nullptr) {
        return -ENOENT;
    }
    return found->is_socket ? static_cast<std::int64_t>(found->number) : -ECONNREFUSED;
}

std::int64_t file_tree::rename(std::string_view from, std::string_view to, int flags) {
    const std::shared_ptr<file_node> moved = find(from);
    const std::shared_ptr<file_node> replaced = find(to);
    const place source = place_of(from);
    const place target = place_of(to);
    if (moved == nullptr) {
        return source.in == nullptr ? source.error : -ENOENT;
    }
    if (target.in == nullptr) {
        return target.error;
    }
    if (source.name.empty() || target.name.empty()) {
        return -EBUSY;
    }
    if (moved == replaced) {
        return 0;
    }
    if (replaced != nullptr) {
        if ((flags & RENAME_NOREPLACE) != 0) {
            return -EEXIST;
        }
        if (replaced->is_directory != moved->is_directory) {
            return replaced->is_directory ? -EISDIR : -ENOTDIR;
        }
        if (!replaced->names.empty()) {
            return -ENOTEMPTY;
        }
    }
    if (moved->is_directory && (target.in == moved || is_below(*target.in, *moved))) {
        return -EINVAL;
    }
    journal_.change({{source.in, source.name, nullptr}, {target.in, target.name, moved}});
    return 0;
}

std::int64_t file_tree::unlink(std::string_view path, int flags) {
    const std::shared_ptr<file_node> node = find(path);
    const bool wants_directory = (flags & AT_REMOVEDIR) != 0;
    const place at = place_of(path);
    if (node == nullptr) {
        return at.in == nullptr ? at.error : -ENOENT;
    }
    if (node->is_directory != wants_directory) {
        return node->is_directory ? -EISDIR : -ENOTDIR;
    }
    if (at.name.empty()) {
        return -EBUSY;
    }
    if (!node->names.empty()) {
        return -ENOTEMPTY;
    }
    journal_.change({{at.in, at.name, nullptr}});
    return 0;
}

std::int64_t file_tree::list(std::string_view path, directory_listing& into) const {
    const std::shared_ptr<file_node> node = find(path);
    if (node == nullptr || !node->is_directory) {
        return node == nullptr ? -ENOENT : -ENOTDIR;
    }
    into.items.clear();
    for (const auto& [name, each] : node->names) {
        if (into.items.size() == into.items_max) {
            return -E2BIG;
        }
        const std::uint8_t type = each->is_directory ? DT_DIR : each->is_socket ? DT_SOCK : DT_REG;
        into.items.push_back({name, type});
    }
    return static_cast<std::int64_t>(into.items.size());
}

void file_tree::describe(const file_node& node, struct statx& out) noexcept {
    out = {};
    out.stx_mask = STATX_BASIC_STATS;
    out.stx_mode = static_cast<std::uint16_t>((node.is_directory ? S_IFDIR
                                               : node.is_socket  ? S_IFSOCK
                                                                 : S_IFREG) |
                                              node.mode);
    out.stx_size = node.content.size();
    out.stx_blksize = 4096;
    out.stx_blocks = (node.content.size() + 511) / 512;
    out.stx_nlink = 1;
    out.stx_ino = node.number;
    out.stx_mtime.tv_sec = node.changed_ns / 1'000'000'000;
    out.stx_mtime.tv_nsec = static_cast<std::uint32_t>(node.changed_ns % 1'000'000'000);
}

template <class Visit>
void file_tree::visit(file_node& from, Visit& each) {
    each(from);
    for (const auto& [name, node] : from.names) {
        visit(*node, each);
    }
}

void file_tree::crash(const std::function<crash_law(const file_node*)>& law, prng& random) {
    journal_.crash(drawn(law(nullptr), random), random);
    const auto leave = [&](file_node& each) {
        each.names = each.durable_names;
        each.never_syncs = false;  // the device starts anew too
        const bool is_synced = each.content.is_synced();
        each.content.crash(is_synced ? crash_law::nothing : drawn(law(&each), random), random);
    };
    visit(*root_, leave);
}

void file_tree::sync_all() {
    const auto sync = [&](file_node& each) {
        if (each.is_directory) {
            journal_.sync(each, journal_.steps());
        }
        each.content.sync(each.content.changes());
    };
    visit(*root_, sync);
}

std::int64_t file_tree::used_bytes() const {
    std::int64_t sum = 0;
    const auto add = [&](const file_node& each) {
        sum += static_cast<std::int64_t>(each.content.size());
    };
    visit(*root_, add);
    return sum;
}

}  // namespace drama::inline v0::internal
