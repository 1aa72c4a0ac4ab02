// SPDX-License-Identifier: Apache-2.0
#include "drama/net/poll_fd.hpp"

namespace drama::inline v0::internal {

poll_wait::poll_wait(int descriptor, events wanted, std::source_location at) noexcept
    : io_awaiter(op_code::poll, work_class::read, at) {
    io_system& io = current_io();
    const auto copy = io.duplicate(descriptor);
    if (!copy) {
        failed_ = copy.error();
        return;
    }
    copy_ = io_fd(io, *copy);
    op().fd = *copy;
    op().flags = static_cast<short>(wanted);
}

result<events> poll_wait::await_resume() noexcept {
    if (failed_) {
        return fail(failed_);
    }
    const auto finished = finish();
    copy_.reset();
    if (!finished) {
        return fail(net_error(finished.error()));
    }
    return static_cast<events>(*finished);
}

}  // namespace drama::inline v0::internal
