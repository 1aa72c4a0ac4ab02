// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/disk/unsynced_files.hpp"

#include <new>

namespace drama::inline v0 {

void unsynced_files::add(int fd, tenant_record& payer, std::uint64_t bytes, instant now) noexcept {
    payer.disk()->unsynced.add(bytes, now);
    try {
        entry& file = files_[fd];
        if (file.payer != &payer) {
            file = {.payer = &payer, .bytes = {}};
        }
        file.bytes.add(bytes, now);
    } catch (const std::bad_alloc&) {
        return;  // the bytes stay on the account until they have aged
    }
}

std::uint64_t unsynced_files::of_file(int fd, instant now) noexcept {
    const auto found = files_.find(fd);
    return found == files_.end() ? 0 : found->second.bytes.total(now);
}

std::uint64_t unsynced_files::take(int fd, instant now) noexcept {
    const auto found = files_.find(fd);
    if (found == files_.end()) {
        return 0;
    }
    const std::uint64_t bytes = found->second.bytes.total(now);
    found->second.payer->disk()->unsynced.take(found->second.bytes, now);
    files_.erase(found);
    return bytes;
}

}  // namespace drama::inline v0
