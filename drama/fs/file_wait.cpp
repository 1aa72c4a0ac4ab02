// SPDX-License-Identifier: Apache-2.0
#include "drama/fs/file_wait.hpp"

namespace drama::inline v0::internal {
namespace {

file_kind kind_of(unsigned mode) noexcept {
    if (S_ISREG(mode)) {
        return file_kind::regular;
    }
    if (S_ISDIR(mode)) {
        return file_kind::directory;
    }
    return S_ISLNK(mode) ? file_kind::link : file_kind::other;
}

}  // namespace

result<file_status> status_wait::await_resume() noexcept {
    const auto finished = finish();
    if (!finished) {
        return fail(finished.error());
    }
    file_status found;
    found.size = static_cast<std::int64_t>(status_.stx_size);
    found.kind = kind_of(status_.stx_mode);
    found.permissions = status_.stx_mode & 07777U;
    found.modified_ns = status_.stx_mtime.tv_sec * 1'000'000'000 + status_.stx_mtime.tv_nsec;
    found.allocated = static_cast<std::int64_t>(status_.stx_blocks) * 512;
    return found;
}

}  // namespace drama::inline v0::internal
