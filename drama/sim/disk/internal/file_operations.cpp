// SPDX-License-Identifier: Apache-2.0
// What each operation does to the files of a simulated disk, at the moment in which it takes
// effect.
#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "drama/sim/disk/internal/sim_files.hpp"
#include "drama/sim/internal/sim_scheduler.hpp"
#include "drama/sim/sim_network.hpp"

namespace drama::inline v0::internal {
namespace {

constexpr std::int64_t file_bytes_max = std::int64_t{1} << 32;

}  // namespace

std::int64_t sim_files::perform(const request& served) {
    operation& op = *served.op;
    switch (op.code) {
        case op_code::open:
            return open(op);
        case op_code::rename:
            return tree_.rename(op.path, op.path_to, op.flags);
        case op_code::unlink:
            return tree_.unlink(op.path, op.flags);
        case op_code::make_directory:
            return tree_.make_directory(op.path, op.mode);
        case op_code::stat:
            return status(op);
        case op_code::list_directory:
            return tree_.list(op.path, *static_cast<directory_listing*>(op.context));
        case op_code::resolve:
            return network_.resolve(op);
        default:
            break;
    }
    auto* const file = dynamic_cast<sim_file*>(network_.find(op.fd));
    if (file == nullptr || &file->disk() != this || file->is_dead()) {
        return file == nullptr ? -EBADF : -EIO;
    }
    return perform_on_fd(served, *file);
}

std::int64_t sim_files::perform_on_fd(const request& served, sim_file& file) {
    switch (served.op->code) {
        case op_code::fsync:
        case op_code::fdatasync:
            return sync(served, file);
        case op_code::truncate:
        case op_code::fallocate:
            return resize(*served.op, file);
        default:
            return file.node().is_directory ? -EISDIR : transfer(*served.op, file);
    }
}

std::int64_t sim_files::open(const operation& op) {
    std::shared_ptr<file_node> node;
    if (const std::int64_t error = tree_.open(op.path, op.flags, op.mode, node); error != 0) {
        return error;
    }
    auto file = std::make_unique<sim_file>(*this, std::move(node), op.flags);
    const int fd = network_.add_fd(*file);
    if (fd >= 0) {
        file.release();
    }
    return fd;
}

std::int64_t sim_files::status(const operation& op) {
    if (op.path != nullptr && op.path[0] != '\0') {
        const auto node = tree_.find(op.path);
        if (node == nullptr) {
            return -ENOENT;
        }
        file_tree::describe(*node, *op.status_out);
        return 0;
    }
    auto* const file = dynamic_cast<sim_file*>(network_.find(op.fd));
    if (file == nullptr) {
        return -EBADF;
    }
    file_tree::describe(file->node(), *op.status_out);
    return 0;
}

std::int64_t sim_files::sync(const request& served, sim_file& file) {
    file_node& node = file.node();
    if (options_.lies_about_syncs) {
        return 0;
    }
    if (node.is_directory) {
        tree_.journal().sync(node, served.promised);
    } else {
        node.content.sync(served.promised);
    }
    return 0;
}

std::int64_t sim_files::room_bytes() const {
    // Most disks have room for more than any run can write: nothing to count then.
    return options_.capacity_bytes >= disk_options().capacity_bytes
               ? file_bytes_max
               : std::max(options_.capacity_bytes - tree_.used_bytes(), std::int64_t{0});
}

std::int64_t sim_files::resize(const operation& op, sim_file& file) {
    file_content& content = file.node().content;
    const auto size = static_cast<std::int64_t>(content.size());
    const bool truncates = op.code == op_code::truncate;
    if (!file.can_write() || op.offset < 0) {
        return file.can_write() ? -EINVAL : -EBADF;
    }
    const std::int64_t end =
        truncates ? op.offset : std::max(size, op.offset + static_cast<std::int64_t>(op.length));
    if (end > file_bytes_max) {
        return -EFBIG;
    }
    if (end - size > room_bytes()) {
        return -ENOSPC;
    }
    content.resize(static_cast<std::size_t>(end));
    file.has_written = true;
    return 0;
}

std::int64_t sim_files::transfer(const operation& op, sim_file& file) {
    const bool has_vector = op.code == op_code::readv_at || op.code == op_code::writev_at;
    const bool writes =
        op.code == op_code::write_at || op.code == op_code::writev_at || op.code == op_code::write;
    const bool at_position = op.code == op_code::read || op.code == op_code::write;
    if (writes ? !file.can_write() : !file.can_read()) {
        return -EBADF;
    }
    std::int64_t at = at_position ? file.position : op.offset;
    if (writes && (file.flags() & O_APPEND) != 0) {
        at = static_cast<std::int64_t>(file.node().content.size());
    }
    if (at < 0) {
        return -EINVAL;
    }
    const iovec single{has_vector ? nullptr : op.buffer, has_vector ? 0 : op.length};
    const std::span<const iovec> parts =
        has_vector ? std::span(op.vector, op.length) : std::span(&single, 1);
    std::int64_t total = 0;
    for (const iovec& part : parts) {
        const std::int64_t moved =
            writes ? write(file.node(), at + total, part) : read(file.node(), at + total, part);
        if (moved < 0) {
            return total != 0 ? total : moved;
        }
        total += moved;
        if (static_cast<std::size_t>(moved) < part.iov_len) {
            break;
        }
    }
    if (at_position) {
        file.position = at + total;
    }
    if (writes) {
        file.has_written = true;
        if ((file.flags() & O_DSYNC) != 0) {
            file.node().content.sync(file.node().content.changes());
        }
    }
    return total;
}

std::int64_t sim_files::read(const file_node& node, std::int64_t at, const iovec& part) {
    const auto from = static_cast<std::size_t>(at);
    const auto& bytes = node.content.seen();
    if (from >= bytes.size()) {
        return 0;
    }
    const std::size_t count = std::min(part.iov_len, bytes.size() - from);
    std::copy_n(bytes.data() + from, count, static_cast<std::byte*>(part.iov_base));
    return static_cast<std::int64_t>(count);
}

std::int64_t sim_files::write(file_node& node, std::int64_t at, const iovec& part) {
    const auto wanted = static_cast<std::int64_t>(part.iov_len);
    if (at + wanted > file_bytes_max) {
        return -EFBIG;
    }
    const auto size = static_cast<std::int64_t>(node.content.size());
    const std::int64_t grows = std::max(at + wanted - size, std::int64_t{0});
    const std::int64_t lacks = grows == 0 ? 0 : std::max(grows - room_bytes(), std::int64_t{0});
    const std::int64_t count = std::max(wanted - lacks, std::int64_t{0});
    if (count == 0 && wanted != 0) {
        return -ENOSPC;
    }
    node.content.write(static_cast<std::size_t>(at), {static_cast<const std::byte*>(part.iov_base),
                                                      static_cast<std::size_t>(count)});
    node.changed_ns = scheduler_.now_ns();
    return count;
}

void sim_files::on_close(sim_file&) noexcept {
}

}  // namespace drama::inline v0::internal
