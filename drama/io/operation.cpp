// SPDX-License-Identifier: Apache-2.0
#include "drama/io/operation.hpp"

#include <sys/socket.h>

namespace drama::inline v0 {

const char* name_of(op_code code) noexcept {
    static constexpr const char* names[] = {
        "accept",    "connect",   "recv",   "send",           "recv_msg",       "send_msg",
        "read",      "write",     "poll",   "open",           "read_at",        "write_at",
        "readv_at",  "writev_at", "fsync",  "fdatasync",      "rename",         "truncate",
        "fallocate", "stat",      "unlink", "make_directory", "list_directory", "resolve",
    };
    static_assert(sizeof names / sizeof names[0] == op_codes);
    const auto index = static_cast<std::size_t>(code);
    return index < op_codes ? names[index] : "unknown";
}

bool does_not_wait(const operation& op) noexcept {
    return op.code >= op_code::recv && op.code <= op_code::send_msg &&
           (op.flags & MSG_DONTWAIT) != 0;
}

}  // namespace drama::inline v0
