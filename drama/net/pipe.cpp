// SPDX-License-Identifier: Apache-2.0
#include "drama/net/pipe.hpp"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace drama::inline v0 {

result<pipe_ends> make_pipe() {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
        return fail(errno_code(errno));
    }
    io_system& io = internal::current_io();
    return pipe_ends{pipe_reader(io_fd(io, ends[0])), pipe_writer(io_fd(io, ends[1]))};
}

}  // namespace drama::inline v0
