// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/disk/internal/sim_file.hpp"

#include <cerrno>

#include <fcntl.h>
#include <poll.h>

#include "drama/sim/disk/internal/sim_files.hpp"

namespace drama::inline v0::internal {

sim_file::sim_file(sim_files& disk, std::shared_ptr<file_node> node, int flags) noexcept
    : failures_told(node->failed_write_backs),
      disk_(&disk),
      node_(std::move(node)),
      flags_(flags),
      life_(disk.life()) {
}

submission sim_file::start(operation& op, sim_backend& on) noexcept {
    if (op.code == op_code::read || op.code == op_code::write) {
        return disk_->start(op, on);
    }
    return sim_descriptor::start(op, on);
}

void sim_file::on_close() noexcept {
    if (!is_dead()) {
        disk_->on_close(*this);
    }
    delete this;
}

bool sim_file::can_read() const noexcept {
    return (flags_ & O_ACCMODE) != O_WRONLY;
}

bool sim_file::can_write() const noexcept {
    return (flags_ & O_ACCMODE) != O_RDONLY;
}

bool sim_file::is_dead() const noexcept {
    return life_ != disk_->life();
}

std::int64_t sim_file::attempt(operation&, bool) noexcept {
    return -ENOTSOCK;
}

int sim_file::events() noexcept {
    return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

}  // namespace drama::inline v0::internal
