// SPDX-License-Identifier: Apache-2.0
// What a runtime knows about its file descriptors: one small entry each, found by index, shared by
// all cores. Entries never move, so a pointer to one stays good for the life of the table.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "drama/base/spinlock.hpp"
#include "drama/io/epoll/op_stage.hpp"

namespace drama::inline v0 {

class epoll_backend;

namespace internal {

/// How read and write on a descriptor are kept from blocking; found out at first use.
enum class fd_kind : std::uint8_t {
    unknown,
    nonblocking,  ///< O_NONBLOCK is set
    blocking,     ///< it is not, and it is not ours to set: RWF_NOWAIT
    ask_first,    ///< the same, and the file knows no RWF_NOWAIT (a tty): poll, then read
    file,         ///< regular file, directory or block device: always "ready", so never inline
};

/// Whether a short read tells that there is no more; found out at the first one.
enum class fd_shape : std::uint8_t { unknown, stream, messages };

/// One descriptor. `lock` guards the rest. It is held across the descriptor's own non-blocking
/// calls: an attempt and the queueing that follows its EAGAIN are one step against the home core's
/// reap, so no edge is lost, and only users of this one descriptor ever wait for it.
struct alignas(64) fd_entry {
    spinlock lock;
    fd_kind kind = fd_kind::unknown;
    fd_shape shape = fd_shape::unknown;
    bool is_registered : 1 = false;  ///< in the epoll of `home`
    bool is_drained : 1 = false;     ///< nothing to read until the next event of the epoll
    bool has_hung_up : 1 = false;    ///< the peer's end was reported; no event tells it again
    std::uint32_t generation = 0;    ///< of the number: events of an earlier owner are dropped
    epoll_backend* home = nullptr;   ///< the core that waits for it and completes its operations
    op_queue readers;
    op_queue writers;
    op_queue polls;

    op_queue& queue_of(op_code code) noexcept {
        switch (code) {
            case op_code::poll:
                return polls;
            case op_code::connect:
            case op_code::send:
            case op_code::send_msg:
            case op_code::write:
                return writers;
            default:
                return readers;
        }
    }
};
static_assert(sizeof(fd_entry) == 64, "an idle connection pays for this");

/// Complexity: O(1) to find; grows in chunks of 64 KiB. Threads: any.
class fd_table {
  public:
    static constexpr int fds_max = 1 << 22;

    fd_table();
    fd_table(const fd_table&) = delete;
    fd_table& operator=(const fd_table&) = delete;
    ~fd_table();

    /// The entry of `fd`, made if there is none; nullptr if out of memory or range.
    fd_entry* entry_of(int fd) noexcept;
    /// The entry of `fd`, or nullptr if it never had one.
    fd_entry* find(int fd) noexcept;

    /// Forgets what is known about `fd`: its pending operations finish with -ECANCELED, and events
    /// still under way for it are dropped.
    void retire(int fd) noexcept;

    /// Takes every operation from the entries whose home is `home`, which is going away.
    void abandon(epoll_backend& home) noexcept;

  private:
    static constexpr std::size_t chunk_bits = 10;
    static constexpr std::size_t chunk_entries = std::size_t{1} << chunk_bits;
    static constexpr std::size_t chunks_max = std::size_t{fds_max} >> chunk_bits;

    struct chunk {
        fd_entry entries[chunk_entries];
    };

    // Set once, with release, paired with the acquire of find.
    std::unique_ptr<std::atomic<chunk*>[]> chunks_;
};

}  // namespace internal
}  // namespace drama::inline v0
