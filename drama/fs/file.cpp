// SPDX-License-Identifier: Apache-2.0
#include "drama/fs/file.hpp"

#include <cerrno>

#include <fcntl.h>

#include "drama/runtime/blocking.hpp"

namespace drama::inline v0 {
namespace internal {
namespace {

int flags_of(const open_options& options) noexcept {
    static constexpr int accesses[] = {O_RDONLY, O_WRONLY, O_RDWR};
    int flags = accesses[static_cast<std::size_t>(options.access)];
    flags |= options.create ? O_CREAT : 0;
    flags |= options.exclusive ? O_EXCL : 0;
    flags |= options.truncate ? O_TRUNC : 0;
    flags |= options.append ? O_APPEND : 0;
    flags |= options.direct ? O_DIRECT : 0;
    flags |= options.sync ? O_DSYNC : 0;
    flags |= options.non_block ? O_NONBLOCK : 0;
    return flags | O_CLOEXEC | O_NOCTTY;
}

task<result<void>> read_exactly(int fd, std::int64_t offset, std::span<std::byte> into,
                                std::source_location at) {
    while (!into.empty()) {
        auto got = co_await transfer_wait(fd, into, offset, at);
        if (!got) {
            co_return fail(got.error());
        }
        if (*got == 0) {
            co_return fail(errc::end_of_stream);
        }
        into = into.subspan(*got);
        offset += static_cast<std::int64_t>(*got);
    }
    co_return result<void>();
}

task<result<void>> write_all(int fd, std::int64_t offset, std::span<const std::byte> from,
                             std::source_location at) {
    while (!from.empty()) {
        auto written = co_await transfer_wait(fd, from, offset, at);
        if (!written) {
            co_return fail(written.error());
        }
        if (*written == 0) {
            co_return fail(errno_code(EIO));  // it would take nothing the next time either
        }
        from = from.subspan(*written);
        offset += static_cast<std::int64_t>(*written);
    }
    co_return result<void>();
}

void close_now(io_fd* descriptor) noexcept {
    descriptor->reset();
}

task<void> close_elsewhere(io_fd descriptor, std::source_location at) {
    // If no thread can be had, the frame's end closes it here.
    auto closing = blocking(close_now, &descriptor);
    closing.show_at(at);
    auto closed = co_await closing;
    static_cast<void>(closed);
}

}  // namespace

open_wait::open_wait(std::string at_path, const open_options& options,
                     std::source_location at) noexcept
    : disk_awaiter(op_code::open, work_class::read, at, options.create), path_(std::move(at_path)) {
    op().path = path_.c_str();
    op().flags = flags_of(options);
    op().mode = options.permissions;
}

result<file> open_wait::await_resume() noexcept {
    const auto finished = finish();
    if (!finished) {
        return fail(finished.error());
    }
    return file(io_fd(current_io(), static_cast<int>(*finished)));
}

}  // namespace internal

task<result<void>> file::read_exactly_at(std::int64_t offset, std::span<std::byte> into,
                                         std::source_location where) {
    return internal::read_exactly(fd(), offset, into, where);
}

task<result<void>> file::write_all_at(std::int64_t offset, std::span<const std::byte> from,
                                      std::source_location where) {
    return internal::write_all(fd(), offset, from, where);
}

task<void> file::close(std::source_location where) {
    return internal::close_elsewhere(std::move(descriptor_), where);
}

}  // namespace drama::inline v0
