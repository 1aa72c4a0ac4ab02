// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/net/internal/local/local_names.hpp"

#include <cerrno>

#include "drama/sim/disk/internal/sim_files.hpp"
#include "drama/sim/net/internal/sim_socket.hpp"

namespace drama::inline v0::internal {
namespace {

/// "@name" of an abstract name, the path of another; empty if there is none.
std::string name_of(const socket_address& address) {
    std::string name = address.to_string();
    return address.size() <= sizeof(sa_family_t) ? std::string() : name;
}

}  // namespace

result<void> local_names::bind(sim_socket& socket, const socket_address& where) {
    const std::string name = name_of(where);
    const std::size_t node = socket.kind().node;
    if (name.empty()) {
        return fail(errno_code(EINVAL));
    }
    if (name.front() == '@') {
        if (!abstract_.emplace(std::pair(node, name), &socket).second) {
            return fail(errno_code(EADDRINUSE));
        }
        return {};
    }
    const std::int64_t made = disks_.at(node)->tree().make_socket(name);
    if (made < 0) {
        return fail(errno_code(made == -EEXIST ? EADDRINUSE : static_cast<int>(-made)));
    }
    by_file_.emplace(std::pair(node, static_cast<std::uint64_t>(made)), &socket);
    return {};
}

result<sim_socket*> local_names::find(std::size_t node, const socket_address& where) {
    const std::string name = name_of(where);
    if (!name.empty() && name.front() == '@') {
        const auto found = abstract_.find(std::pair(node, name));
        if (found == abstract_.end()) {
            return fail(errno_code(ECONNREFUSED));
        }
        return found->second;
    }
    const std::int64_t number = name.empty() ? -EINVAL : disks_.at(node)->tree().socket_at(name);
    if (number < 0) {
        return fail(errno_code(static_cast<int>(-number)));
    }
    const auto found = by_file_.find(std::pair(node, static_cast<std::uint64_t>(number)));
    if (found == by_file_.end()) {
        return fail(errno_code(ECONNREFUSED));  // left over by a socket that is closed
    }
    return found->second;
}

void local_names::forget(const sim_socket& gone) noexcept {
    const auto is_gone = [&](const auto& each) { return each.second == &gone; };
    std::erase_if(abstract_, is_gone);
    std::erase_if(by_file_, is_gone);
}

}  // namespace drama::inline v0::internal
