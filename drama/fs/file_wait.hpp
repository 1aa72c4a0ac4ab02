// SPDX-License-Identifier: Apache-2.0
// The leaf awaiters of files: one operation each, no allocation beyond the path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <span>
#include <string>
#include <utility>

#include <sys/stat.h>
#include <sys/uio.h>

#include "drama/runtime/io_await.hpp"

namespace drama::inline v0 {

enum class file_kind : std::uint8_t { regular, directory, link, other };

struct file_status {
    std::int64_t size = 0;  ///< Units: bytes
    file_kind kind = file_kind::other;
    std::uint32_t permissions = 0;  ///< the low 12 bits of st_mode
    std::int64_t modified_ns = 0;   ///< Units: nanoseconds since 1970
    std::int64_t allocated = 0;     ///< Units: bytes on the device
};

namespace internal {

/// Awaits a number of bytes, read or written at an offset.
class transfer_wait : public disk_awaiter {
  public:
    transfer_wait(int descriptor, std::span<std::byte> into, std::int64_t at_offset,
                  std::source_location at) noexcept
        : disk_awaiter(op_code::read_at, work_class::read, at) {
        fill(descriptor, into.size(), at_offset);
        op().buffer = into.data();
    }
    transfer_wait(int descriptor, std::span<const std::byte> from, std::int64_t at_offset,
                  std::source_location at) noexcept
        : disk_awaiter(op_code::write_at, work_class::write, at) {
        fill(descriptor, from.size(), at_offset);
        op().buffer = const_cast<std::byte*>(from.data());
    }
    transfer_wait(op_code what, int descriptor, std::span<const iovec> parts,
                  std::int64_t at_offset, std::source_location at) noexcept
        : disk_awaiter(what, what == op_code::readv_at ? work_class::read : work_class::write, at) {
        fill(descriptor, parts.size(), at_offset);
        op().vector = parts.data();
    }
    [[nodiscard]] result<std::size_t> await_resume() noexcept {
        const auto finished = finish();
        if (!finished) {
            return fail(finished.error());
        }
        return static_cast<std::size_t>(*finished);
    }

  private:
    void fill(int descriptor, std::size_t count, std::int64_t at_offset) noexcept {
        op().fd = descriptor;
        op().length = count;
        op().offset = at_offset;
    }
};

/// Awaits an operation that yields nothing but success.
class done_wait : public disk_awaiter {
  public:
    done_wait(op_code what, int descriptor, std::source_location at) noexcept
        : disk_awaiter(what, work_class::write, at) {
        op().fd = descriptor;
    }
    /// Of a length: truncate (offset), allocate (offset and length).
    done_wait(op_code what, int descriptor, std::int64_t at_offset, std::size_t count,
              std::source_location at) noexcept
        : done_wait(what, descriptor, at) {
        op().offset = at_offset;
        op().length = count;
    }
    [[nodiscard]] result<void> await_resume() noexcept {
        const auto finished = finish();
        if (!finished) {
            return fail(finished.error());
        }
        return {};
    }
};

/// The same for operations on paths, which it keeps.
class path_wait : public done_wait {
  public:
    /// `number`: the flags, of make_directory the permissions.
    path_wait(op_code what, std::string at_path, int number, std::source_location at) noexcept
        : done_wait(what, -1, at), path_(std::move(at_path)) {
        op().path = path_.c_str();
        if (what == op_code::make_directory) {
            op().mode = static_cast<mode_t>(number);
        } else {
            op().flags = number;
        }
    }
    path_wait(std::string from, std::string to, int number, std::source_location at) noexcept
        : path_wait(op_code::rename, std::move(from), number, at) {
        to_ = std::move(to);
        op().path_to = to_.c_str();
    }

  private:
    std::string path_;
    std::string to_;
};

/// Awaits the status of a path or, with an empty path, of a descriptor.
class DRAMA_API status_wait : public io_awaiter {
  public:
    status_wait(int descriptor, std::string at_path, int at_flags, std::source_location at) noexcept
        : io_awaiter(op_code::stat, work_class::read, at), path_(std::move(at_path)) {
        op().fd = descriptor;
        op().path = path_.c_str();
        op().flags = at_flags;
        op().status_out = &status_;
    }
    [[nodiscard]] result<file_status> await_resume() noexcept;

  private:
    std::string path_;
    struct statx status_{};
};

}  // namespace internal
}  // namespace drama::inline v0
