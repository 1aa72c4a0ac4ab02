// SPDX-License-Identifier: Apache-2.0
// Which Unix socket is bound to which name: a path of the simulated disk, or an abstract name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "drama/base/result.hpp"
#include "drama/io/socket_address.hpp"

namespace drama::inline v0::internal {

class sim_files;
class sim_socket;

/// Threads: as the network.
class local_names {
  public:
    /// Where the paths of a machine's sockets are.
    void set_disk(std::size_t node, sim_files& files) { disks_[node] = &files; }

    /// Errors: EADDRINUSE, EINVAL - it has no name; what the disk says of the path.
    result<void> bind(sim_socket& socket, const socket_address& where);
    /// Who is bound there, on the machine `node`. Errors: ENOENT - no such path; ECONNREFUSED -
    /// nobody is.
    result<sim_socket*> find(std::size_t node, const socket_address& where);
    void forget(const sim_socket& gone) noexcept;

  private:
    std::map<std::pair<std::size_t, std::string>, sim_socket*> abstract_;
    // By machine and number of the file that is its name.
    std::map<std::pair<std::size_t, std::uint64_t>, sim_socket*> by_file_;
    std::map<std::size_t, sim_files*> disks_;
};

}  // namespace drama::inline v0::internal
