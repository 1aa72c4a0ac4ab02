// SPDX-License-Identifier: Apache-2.0
// One open file: reads and writes at offsets, never on a worker's time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <span>
#include <string>
#include <utility>

#include "drama/coro/task.hpp"
#include "drama/fs/file_wait.hpp"
#include "drama/io/io_fd.hpp"

namespace drama::inline v0 {

enum class file_access : std::uint8_t { read_only, write_only, read_write };

struct open_options {
    file_access access = file_access::read_only;
    bool create = false;
    bool exclusive = false;  ///< with create: fails with EEXIST if it exists
    bool truncate = false;
    bool append = false;     ///< write_at goes to the end, whatever the offset
    bool direct = false;     ///< O_DIRECT: see aligned_buffer
    bool sync = false;       ///< a write has ended when it is on the device
    bool non_block = false;  ///< for FIFOs, whose open waits for the other end otherwise
    mode_t permissions = 0644;
};

class file;

namespace internal {
class DRAMA_API open_wait : public disk_awaiter {
  public:
    open_wait(std::string at_path, const open_options& options, std::source_location at) noexcept;
    [[nodiscard]] result<file> await_resume() noexcept;

  private:
    std::string path_;
};
}  // namespace internal

/// An open file; closed when destroyed.
///
/// Errors of all operations: the kernel's errno (ENOSPC, EIO, EINVAL for unaligned direct IO ...);
///           errc::stop_requested, errc::deadline_exceeded. A read or write that has begun is
///           awaited to its end; a stop that comes meanwhile does not hide its outcome.
/// Threads:  operations from several tasks at once; close, move and destroy only without any.
/// Lifetime: the file and the bytes given to an operation stay until the operation has ended; the
///           runtime outlives the file.
class DRAMA_API file {
  public:
    file() noexcept = default;
    explicit file(io_fd descriptor) noexcept : descriptor_(std::move(descriptor)) {}

    /// Errors: ENOENT, EEXIST, EACCES, EISDIR, EMFILE ...
    [[nodiscard]] static internal::open_wait open(
        std::string path, const open_options& options = {},
        std::source_location where = std::source_location::current()) noexcept {
        return {std::move(path), options, where};
    }

    /// Reads up to `into.size()` bytes; yields fewer at the end of the file, 0 beyond it.
    [[nodiscard]] internal::transfer_wait read_at(
        std::int64_t offset, std::span<std::byte> into,
        std::source_location where = std::source_location::current()) noexcept {
        return {fd(), into, offset, where};
    }
    /// Writes some bytes, usually all. Errors: ENOSPC, EFBIG, EDQUOT if not even one fits.
    [[nodiscard]] internal::transfer_wait write_at(
        std::int64_t offset, std::span<const std::byte> from,
        std::source_location where = std::source_location::current()) noexcept {
        return {fd(), from, offset, where};
    }
    /// The same over several pieces of memory. Lifetime: `parts` stays too.
    [[nodiscard]] internal::transfer_wait readv_at(
        std::int64_t offset, std::span<const iovec> parts,
        std::source_location where = std::source_location::current()) noexcept {
        return {op_code::readv_at, fd(), parts, offset, where};
    }
    [[nodiscard]] internal::transfer_wait writev_at(
        std::int64_t offset, std::span<const iovec> parts,
        std::source_location where = std::source_location::current()) noexcept {
        return {op_code::writev_at, fd(), parts, offset, where};
    }
    /// Fills all of `into`. Errors: errc::end_of_stream - the file ends before.
    [[nodiscard]] task<result<void>> read_exactly_at(
        std::int64_t offset, std::span<std::byte> into,
        std::source_location where = std::source_location::current());
    /// Writes all of `from`. Errors: EIO - the file takes no more and does not say why.
    [[nodiscard]] task<result<void>> write_all_at(
        std::int64_t offset, std::span<const std::byte> from,
        std::source_location where = std::source_location::current());

    /// Makes content and metadata durable. A new name needs sync_directory as well.
    [[nodiscard]] internal::done_wait sync(
        std::source_location where = std::source_location::current()) noexcept {
        return {op_code::fsync, fd(), where};
    }
    /// The same for what is needed to read the content back.
    [[nodiscard]] internal::done_wait sync_data(
        std::source_location where = std::source_location::current()) noexcept {
        return {op_code::fdatasync, fd(), where};
    }
    /// Sets the size; new bytes are zero.
    [[nodiscard]] internal::done_wait truncate(
        std::int64_t size, std::source_location where = std::source_location::current()) noexcept {
        return {op_code::truncate, fd(), size, 0, where};
    }
    /// Reserves room on the device; the file grows if needed. Errors: ENOSPC; EOPNOTSUPP.
    [[nodiscard]] internal::done_wait allocate(
        std::int64_t offset, std::size_t bytes,
        std::source_location where = std::source_location::current()) noexcept {
        return {op_code::fallocate, fd(), offset, bytes, where};
    }
    [[nodiscard]] internal::status_wait status(
        std::source_location where = std::source_location::current()) noexcept {
        return {fd(), std::string(), 0, where};
    }

    bool is_open() const noexcept { return static_cast<bool>(descriptor_); }
    int fd() const noexcept { return descriptor_.get(); }
    /// Closes on a blocking thread: the last close of a removed or remote file can take long. The
    /// destructor closes on the spot.
    [[nodiscard]] task<void> close(std::source_location where = std::source_location::current());
    io_fd release() noexcept { return std::move(descriptor_); }

  private:
    io_fd descriptor_;
};

}  // namespace drama::inline v0
