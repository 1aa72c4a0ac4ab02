// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/internal/sim_files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <span>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "drama/io/file_results.hpp"
#include "drama/sim/internal/sim_backend.hpp"

namespace drama::inline v0::internal {
namespace {

constexpr std::int64_t file_bytes_max = std::int64_t{1} << 32;

}  // namespace

submission sim_file::start(operation& op, sim_backend& on) noexcept {
    if (op.code == op_code::read || op.code == op_code::write) {
        return on.network().files().start(op, on);
    }
    return sim_descriptor::start(op, on);
}

std::int64_t sim_file::attempt(operation&, bool) noexcept {
    return -ENOTSOCK;
}

int sim_file::events() noexcept {
    return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

sim_files::sim_files(sim_network& network, std::uint64_t seed)
    : network_(network), random_(seed ^ 0x66696c65u) {
    make("/", true, 0755);
    make("/tmp", true, 01777);
}

sim_files::~sim_files() {
    for (const auto& each : requests_) {
        network_.scheduler().cancel(*each);
    }
}

sim_files::request& sim_files::take_request() {
    if (idle_requests_.empty()) {
        requests_.push_back(std::make_unique<request>());
        requests_.back()->of = this;
        requests_.back()->fire = &on_served;
        idle_requests_.reserve(requests_.size());
        return *requests_.back();
    }
    request& taken = *idle_requests_.back();
    idle_requests_.pop_back();
    return taken;
}

std::int64_t sim_files::latency_ns(const operation& op) noexcept {
    const network_options& options = network_.options();
    switch (op.code) {
        case op_code::fsync:
        case op_code::fdatasync:
            return options.sync.draw_ns(random_);
        case op_code::resolve:
            return options.latency.draw_ns(random_);
        default:
            return options.disk.draw_ns(random_);
    }
}

submission sim_files::start(operation& op, sim_backend& on) noexcept {
    request& made = take_request();
    made.op = &op;
    made.on = &on;
    made.is_cancelled = false;
    on.accepted(op, op_stage::offloaded, &made);
    sim_scheduler& scheduler = network_.scheduler();
    scheduler.schedule(made, scheduler.now_ns() + latency_ns(op));
    return submission::pending;
}

void sim_files::cancel(operation& op) noexcept {
    static_cast<request*>(op.owner)->is_cancelled = random_.below(2) == 0;
}

void sim_files::abandon(sim_backend& home) noexcept {
    for (const auto& each : requests_) {
        if (each->is_scheduled() && each->on == &home) {
            network_.scheduler().cancel(*each);
            idle_requests_.push_back(each.get());
            home.finish(*each->op, -ECANCELED);
        }
    }
}

void sim_files::on_served(timed_event& event) noexcept {
    auto& served = static_cast<request&>(event);
    sim_files& self = *served.of;
    operation& op = *served.op;
    std::int64_t outcome = -ECANCELED;
    if (!served.is_cancelled) {
        try {
            outcome = self.perform(op);
        } catch (const std::exception&) {
            outcome = -ENOMEM;
        }
    }
    self.network_.scheduler().note(sim_event::disk, static_cast<std::uint64_t>(op.code));
    self.idle_requests_.push_back(&served);
    served.on->finish(op, outcome);
}

std::int64_t sim_files::perform(operation& op) {
    switch (op.code) {
        case op_code::open:
            return open(op);
        case op_code::rename:
            return rename(op);
        case op_code::unlink:
            return unlink(op);
        case op_code::make_directory:
            return find(normal_path(op.path)) != nullptr
                       ? -EEXIST
                       : make(normal_path(op.path), true, op.mode);
        case op_code::stat:
            return status(op);
        case op_code::list_directory:
            return list(op);
        case op_code::resolve:
            return network_.resolve(op);
        default:
            return perform_on_fd(op);
    }
}

std::int64_t sim_files::perform_on_fd(operation& op) {
    auto* const file = dynamic_cast<sim_file*>(network_.find(op.fd));
    if (file == nullptr) {
        return -EBADF;
    }
    file_node& node = file->node();
    const bool writes = (file->flags() & O_ACCMODE) != O_RDONLY;
    switch (op.code) {
        case op_code::fsync:
        case op_code::fdatasync:
            return 0;
        case op_code::truncate:
        case op_code::fallocate: {
            const std::int64_t end = op.code == op_code::truncate
                                         ? op.offset
                                         : op.offset + static_cast<std::int64_t>(op.length);
            if (!writes || op.offset < 0) {
                return writes ? -EINVAL : -EBADF;
            }
            if (end > file_bytes_max) {
                return -EFBIG;
            }
            if (op.code == op_code::truncate || static_cast<std::size_t>(end) > node.bytes.size()) {
                node.bytes.resize(static_cast<std::size_t>(end));
            }
            return 0;
        }
        default:
            return node.is_directory ? -EISDIR : transfer(op, *file);
    }
}

std::int64_t sim_files::transfer(operation& op, sim_file& file) {
    const bool has_vector = op.code == op_code::readv_at || op.code == op_code::writev_at;
    const bool writes =
        op.code == op_code::write_at || op.code == op_code::writev_at || op.code == op_code::write;
    const bool at_position = op.code == op_code::read || op.code == op_code::write;
    const int access = file.flags() & O_ACCMODE;
    if (access == (writes ? O_RDONLY : O_WRONLY)) {
        return -EBADF;
    }
    std::int64_t at = at_position ? file.position : op.offset;
    if (writes && (file.flags() & O_APPEND) != 0) {
        at = static_cast<std::int64_t>(file.node().bytes.size());
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
    return total;
}

std::int64_t sim_files::read(const file_node& node, std::int64_t at, const iovec& part) {
    const auto from = static_cast<std::size_t>(at);
    if (from >= node.bytes.size()) {
        return 0;
    }
    const std::size_t count = std::min(part.iov_len, node.bytes.size() - from);
    std::copy_n(node.bytes.data() + from, count, static_cast<std::byte*>(part.iov_base));
    return static_cast<std::int64_t>(count);
}

std::int64_t sim_files::write(file_node& node, std::int64_t at, const iovec& part) {
    if (at + static_cast<std::int64_t>(part.iov_len) > file_bytes_max) {
        return -EFBIG;
    }
    const std::size_t end = static_cast<std::size_t>(at) + part.iov_len;
    if (end > node.bytes.size()) {
        node.bytes.resize(end);
    }
    std::copy_n(static_cast<const std::byte*>(part.iov_base), part.iov_len, node.bytes.data() + at);
    node.changed_ns = network_.scheduler().now_ns();
    return static_cast<std::int64_t>(part.iov_len);
}

}  // namespace drama::inline v0::internal
