// SPDX-License-Identifier: Apache-2.0
// The leaf awaiters of sockets and pipes: one operation each, no allocation.
#pragma once

#include <cerrno>
#include <cstddef>
#include <source_location>
#include <span>

#include <poll.h>

#include "drama/io/io_fd.hpp"
#include "drama/runtime/io_await.hpp"

namespace drama::inline v0 {

/// What poll_fd and wait_readable ask for and yield: bits of <poll.h>.
enum class events : short {
    none = 0,
    readable = POLLIN,
    writable = POLLOUT,
    urgent = POLLPRI,
    failed = POLLERR,   ///< yielded only
    hung_up = POLLHUP,  ///< yielded only
    peer_closed = POLLRDHUP,
};
constexpr events operator|(events a, events b) noexcept {
    return static_cast<events>(static_cast<short>(a) | static_cast<short>(b));
}
/// True if `all` has any bit of `some`.
constexpr bool has(events all, events some) noexcept {
    return (static_cast<short>(all) & static_cast<short>(some)) != 0;
}

namespace internal {

/// An operation that was cancelled although its task was not: the descriptor was closed under it.
inline std::error_code net_error(std::error_code from) noexcept {
    return from == errno_code(ECANCELED) ? make_error_code(errc::closed) : from;
}

/// Awaits a number of bytes, read into or written from a span.
class bytes_wait : public io_awaiter {
  public:
    bytes_wait(op_code what, int descriptor, std::span<std::byte> into,
               std::source_location at) noexcept
        : io_awaiter(what, work_class::read, at) {
        fill(descriptor, into.data(), into.size());
    }
    bytes_wait(op_code what, int descriptor, std::span<const std::byte> from,
               std::source_location at) noexcept
        : io_awaiter(what, work_class::write, at) {
        fill(descriptor, const_cast<std::byte*>(from.data()), from.size());
    }
    [[nodiscard]] result<std::size_t> await_resume() noexcept {
        const auto finished = finish();
        if (!finished) {
            return fail(net_error(finished.error()));
        }
        return static_cast<std::size_t>(*finished);
    }

  private:
    void fill(int descriptor, void* bytes, std::size_t count) noexcept {
        op().fd = descriptor;
        op().buffer = bytes;
        op().length = count;
    }
};

/// Awaits events of a descriptor.
class events_wait : public io_awaiter {
  public:
    events_wait(int descriptor, events wanted, std::source_location at) noexcept
        : io_awaiter(op_code::poll, work_class::read, at) {
        op().fd = descriptor;
        op().flags = static_cast<short>(wanted);
    }
    [[nodiscard]] result<events> await_resume() noexcept {
        const auto finished = finish();
        if (!finished) {
            return fail(net_error(finished.error()));
        }
        return static_cast<events>(*finished);
    }
};

class accept_gate;
struct close_gate {
    DRAMA_API void operator()(accept_gate* gate) const noexcept;
};

/// Sends all of `bytes`, by op_code::send or op_code::write. Lifetime: `descriptor` stays open and
/// the bytes stay until it has ended.
DRAMA_API task<result<void>> write_everything(op_code code, int descriptor,
                                              std::span<const std::byte> bytes,
                                              std::source_location at);

}  // namespace internal
}  // namespace drama::inline v0
