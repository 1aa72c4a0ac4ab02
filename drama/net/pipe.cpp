// SPDX-License-Identifier: Apache-2.0
#include "drama/net/pipe.hpp"

namespace drama::inline v0 {

result<pipe_ends> make_pipe() {
    io_system& io = internal::current_io();
    DRAMA_TRY(const auto ends, io.open_pipe());
    return pipe_ends{pipe_reader(io_fd(io, ends[0])), pipe_writer(io_fd(io, ends[1]))};
}

}  // namespace drama::inline v0
