// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/net/internal/sim_io_system.hpp"

#include <cerrno>

#include <sys/socket.h>

#include "drama/sim/disk/internal/sim_files.hpp"
#include "drama/sim/internal/descriptor_table.hpp"
#include "drama/sim/internal/sim_backend.hpp"
#include "drama/sim/net/internal/local/local_names.hpp"
#include "drama/sim/net/internal/sim_socket.hpp"

namespace drama::inline v0::internal {

sim_io_system::sim_io_system(std::shared_ptr<sim_network> network, sim_disk& disk,
                             sim_process& process, const child_programs& programs) noexcept
    : network_(std::move(network)),
      disk_(disk),
      life_(disk.files().life()),
      process_(process),
      processes_(*network_, process, programs) {
    network_->locals().set_disk(process.node, disk.files());
}

result<std::unique_ptr<io_backend>> sim_io_system::make_backend(std::size_t) {
    return std::make_unique<sim_backend>(network_, disk_, life_, process_);
}

result<sim_socket*> sim_io_system::socket_of(int fd) noexcept {
    if (process_.is_dead) {
        return fail(errno_code(ECANCELED));
    }
    sim_socket* const found = network_->find_socket(fd);
    if (found == nullptr) {
        return fail(errno_code(network_->find(fd) == nullptr ? EBADF : ENOTSOCK));
    }
    return found;
}

result<int> sim_io_system::open_socket(int family, int type, int) {
    if (process_.is_dead) {
        return fail(errno_code(ECANCELED));
    }
    return network_->open_socket(process_, family, type);
}

result<std::array<int, 2>> sim_io_system::open_pair(int type) {
    if (process_.is_dead) {
        return fail(errno_code(ECANCELED));
    }
    return network_->open_pair(process_, type);
}

result<std::array<int, 2>> sim_io_system::open_pipe() {
    if (process_.is_dead) {
        return fail(errno_code(ECANCELED));
    }
    return network_->open_pipe(process_);
}

result<int> sim_io_system::duplicate(int fd) {
    sim_descriptor* const what = process_.is_dead ? nullptr : network_->find(fd);
    const int made = what == nullptr ? -EBADF : network_->add_fd(*what, process_);
    if (made < 0) {
        return fail(errno_code(-made));
    }
    return made;
}

result<void> sim_io_system::bind(int fd, const socket_address& where) {
    DRAMA_TRY(sim_socket* const socket, socket_of(fd));
    return network_->bind(*socket, where);
}

result<void> sim_io_system::listen(int fd, int backlog) {
    DRAMA_TRY(sim_socket* const socket, socket_of(fd));
    return socket->listen(backlog);
}

result<socket_address> sim_io_system::local_address(int fd) {
    DRAMA_TRY(sim_socket* const socket, socket_of(fd));
    return socket->local();
}

result<socket_address> sim_io_system::peer_address(int fd) {
    DRAMA_TRY(sim_socket* const socket, socket_of(fd));
    if (!socket->is_connected()) {
        return fail(errno_code(ENOTCONN));
    }
    return socket->peer();
}

result<void> sim_io_system::set_option(int fd, int level, int option, int value) {
    DRAMA_TRY(sim_socket* const socket, socket_of(fd));
    socket->set_option(level, option, value);
    return {};
}

result<int> sim_io_system::get_option(int fd, int level, int option) {
    DRAMA_TRY(sim_socket* const socket, socket_of(fd));
    if (level == SOL_SOCKET && option == SO_ERROR) {
        return socket->take_error();
    }
    if (level == SOL_SOCKET && option == SO_TYPE) {
        return socket->kind().type;
    }
    if (level == SOL_SOCKET && option == SO_ACCEPTCONN) {
        return socket->is_listening() ? 1 : 0;
    }
    return socket->option(level, option);
}

result<void> sim_io_system::shutdown(int fd, int how) {
    DRAMA_TRY(sim_socket* const socket, socket_of(fd));
    return socket->shutdown(how);
}

void sim_io_system::close(int fd) noexcept {
    if (!process_.is_dead) {  // else the number may be another's by now
        network_->table().close(fd);
    }
}

void sim_io_system::forget(int fd) noexcept {
    if (!process_.is_dead) {
        network_->table().forget(fd);
    }
}

}  // namespace drama::inline v0::internal
