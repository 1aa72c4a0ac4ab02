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
#include "drama/sim/internal/sim_backend.hpp"
#include "drama/sim/internal/sim_scheduler.hpp"
#include "drama/sim/net/sim_network.hpp"

namespace drama::inline v0::internal {
namespace {

constexpr std::int64_t file_bytes_max = std::int64_t{1} << 32;

}  // namespace

std::int64_t sim_files::perform(const request& served) {
    operation& op = *served.op;
    if (op.code != op_code::resolve) {
        if (const std::int64_t refused = faults_.refusal(op); refused != 0) {
            return refused;
        }
    }
    switch (op.code) {
        case op_code::open:
            return open(served);
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

std::int64_t sim_files::open(const request& served) {
    const operation& op = *served.op;
    std::shared_ptr<file_node> node;
    if (const std::int64_t error = tree_.open(op.path, op.flags, op.mode, node); error != 0) {
        return error;
    }
    auto file = std::make_unique<sim_file>(*this, std::move(node), op.flags);
    const int fd = network_.add_fd(*file, served.on->process());
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
    const auto failed = faults_.sync_failure_of(*served.op, options_.after_failed_sync);
    if (failed) {
        lose_unsynced(node, failed->how);
        file.failures_told = node.failed_write_backs;
        return failed->outcome;
    }
    if (node.never_syncs || file.failures_told != node.failed_write_backs) {
        file.failures_told = node.failed_write_backs;
        return -EIO;
    }
    if (node.is_directory) {
        tree_.journal().sync(node, served.promised);
    } else {
        node.content.sync(served.promised, !faults_.is_quiet());
    }
    file.has_written = false;
    return 0;
}

void sim_files::lose_unsynced(file_node& node, sync_failure how) {
    if (how == sync_failure::for_ever) {
        node.never_syncs = true;
        return;
    }
    node.failed_write_backs += how == sync_failure::told_open_descriptors ? 1 : 0;
    // Names are in a file system's journal: it may fail, but it takes nothing for written.
    node.content.lose_unsynced(crash_random_);
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
    if (!file.can_write() || op.offset < 0 || (!truncates && op.length == 0)) {
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

sim_files::transfer_faults sim_files::faults_of(const operation& op, bool writes) noexcept {
    transfer_faults found;
    if (const auto bytes = faults_.ask(fault_kind::disk_short_transfer, op)) {
        found.bytes_left = std::max(*bytes, std::int64_t{0});
    }
    found.beside = faults_.ask(fault_kind::misdirected, op).value_or(0);
    found.flips = faults_.ask(fault_kind::bit_flip, op).value_or(-1);
    found.is_stale = !writes && faults_.ask(fault_kind::stale_read, op).has_value();
    return found;
}

std::int64_t sim_files::transfer(const operation& op, sim_file& file) {
    const bool has_vector = op.code == op_code::readv_at || op.code == op_code::writev_at;
    const bool writes =
        op.code == op_code::write_at || op.code == op_code::writev_at || op.code == op_code::write;
    const bool at_position = op.code == op_code::read || op.code == op_code::write;
    if (writes ? !file.can_write() : !file.can_read()) {
        return -EBADF;
    }
    const transfer_faults faults = faults_of(op, writes);
    std::int64_t at = at_position ? file.position : op.offset;
    if (writes && (file.flags() & O_APPEND) != 0) {
        at = static_cast<std::int64_t>(file.node().content.size());
    }
    if (at < 0) {
        return -EINVAL;
    }
    const std::int64_t goes_to = std::max(at + faults.beside, std::int64_t{0});
    const iovec single{has_vector ? nullptr : op.buffer, has_vector ? 0 : op.length};
    const std::span<const iovec> parts =
        has_vector ? std::span(op.vector, op.length) : std::span(&single, 1);
    std::int64_t total = 0;
    for (const iovec& whole : parts) {
        const auto left = static_cast<std::size_t>(faults.bytes_left - total);
        const iovec part{whole.iov_base, std::min(whole.iov_len, left)};
        const std::int64_t moved = writes
                                       ? write(file.node(), goes_to + total, part)
                                       : read(file.node(), goes_to + total, part, faults.is_stale);
        if (moved < 0) {
            return total != 0 ? total : moved;
        }
        const std::int64_t bit = faults.flips - total * 8;
        if (bit >= 0 && bit < moved * 8 && writes) {
            write_flipped(file.node(), goes_to + total + bit / 8, bit % 8);
        } else if (bit >= 0 && bit < moved * 8) {
            static_cast<std::byte*>(part.iov_base)[bit / 8] ^= std::byte{1} << (bit % 8);
        }
        total += moved;
        if (static_cast<std::size_t>(moved) < whole.iov_len) {
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

std::int64_t sim_files::read(const file_node& node, std::int64_t at, const iovec& part,
                             bool is_stale) {
    const auto from = static_cast<std::size_t>(at);
    const auto& bytes = node.content.seen();
    if (from >= bytes.size()) {
        return 0;
    }
    const std::size_t count = std::min(part.iov_len, bytes.size() - from);
    auto* const into = static_cast<std::byte*>(part.iov_base);
    if (is_stale) {
        // As long as the file is now: only what it held is old.
        const auto& old = node.content.stale();
        const std::size_t begin = std::min(from, old.size());
        const std::size_t known = std::min(count, old.size() - begin);
        std::copy_n(old.data() + begin, known, into);
        std::fill_n(into + known, count - known, std::byte{0});
    } else {
        std::copy_n(bytes.data() + from, count, into);
    }
    return static_cast<std::int64_t>(count);
}

// A bit that the medium has wrong from the start: no sync makes it right.
void sim_files::write_flipped(file_node& node, std::int64_t at, std::int64_t bit) {
    std::byte wrong = node.content.seen()[static_cast<std::size_t>(at)];
    wrong ^= std::byte{1} << bit;
    node.content.write(static_cast<std::size_t>(at), {&wrong, 1});
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

// Closing a file may begin to write it back; nobody hears how that ends.
void sim_files::on_close(sim_file& closed) noexcept {
    file_node& node = closed.node();
    if (!closed.has_written || node.content.is_synced()) {
        return;
    }
    switch (faults_.on_close()) {
        case disk_faults::close_failure::none:
            break;
        case disk_faults::close_failure::unheard:
            lose_unsynced(node, sync_failure::pages_clean);
            break;
        case disk_faults::close_failure::told_open_descriptors:
            lose_unsynced(node, sync_failure::told_open_descriptors);
            break;
    }
}

}  // namespace drama::inline v0::internal
