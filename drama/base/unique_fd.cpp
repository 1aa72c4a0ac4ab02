// SPDX-License-Identifier: Apache-2.0
#include "drama/base/unique_fd.hpp"

#include <unistd.h>

namespace drama::inline v0 {

void unique_fd::reset(int fd) noexcept {
    if (fd_ >= 0) {
        // Linux frees the number even when close reports EINTR: never retry.
        ::close(fd_);
    }
    fd_ = fd;
}

}  // namespace drama::inline v0
