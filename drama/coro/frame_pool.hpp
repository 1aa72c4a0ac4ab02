// SPDX-License-Identifier: Apache-2.0
// Where coroutine frames come from: per-thread free lists by size, charged to the tenant that pays.
// Frames freed on another thread go back to their pool through a lock-free stack.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "drama/base/export.hpp"
#include "drama/base/mpsc_stack.hpp"

namespace drama::inline v0 {

class account;

/// Free lists of one thread. Units: 16-byte steps up to 4 KiB; larger frames go to the heap.
///
/// Complexity: O(1): what others have freed is taken back a few blocks at a time.
/// Threads:    allocate by the thread that installed it; free_remote by any.
/// Lifetime:   outlives every frame taken from it. Memory goes back when the pool is destroyed.
class DRAMA_API frame_pool {
  public:
    static constexpr std::size_t step_bytes = 16;
    static constexpr std::size_t pooled_bytes_max = 4096;
    static constexpr std::size_t taken_back_at_once = 64;
    static constexpr std::size_t held_back_max = 64;

    struct free_block {
        free_block* next;
        std::size_t bytes;
    };
    static_assert(sizeof(free_block) <= step_bytes);

    /// What a block of `bytes` takes.
    static constexpr std::size_t rounded(std::size_t bytes) noexcept {
        return bytes <= pooled_bytes_max ? (bytes + step_bytes - 1) / step_bytes * step_bytes
                                         : bytes;
    }

    /// Errors: throws std::bad_alloc.
    void* allocate(std::size_t bytes);
    void free_local(void* block, std::size_t bytes) noexcept;
    void free_remote(void* block, std::size_t bytes) noexcept;
    /// As free_local, but the block is given out again only after `held_back_max` others. Threads:
    /// as allocate.
    void free_later(void* block, std::size_t bytes) noexcept;
    /// Memory taken from the heap so far; the pool keeps it. Threads: as allocate.
    std::size_t held_bytes() const noexcept { return slabs_.size() * slab_bytes; }

    /// Blocks that others freed and that may be given out again. Threads: as allocate.
    std::uint64_t taken_back() const noexcept { return taken_back_; }

  private:
    void* refill(std::size_t bytes);
    void take_remote() noexcept;

    static constexpr std::size_t slab_bytes = 64 * 1024;
    std::array<free_block*, pooled_bytes_max / step_bytes + 1> free_{};
    std::byte* bump_ = nullptr;
    std::byte* bump_end_ = nullptr;
    std::vector<std::unique_ptr<std::byte[]>> slabs_;
    mpsc_stack<free_block, &free_block::next> remote_;
    free_block* returned_ = nullptr;  // taken from remote_, on the way to free_
    std::uint64_t taken_back_ = 0;
    struct held_block {
        void* block = nullptr;
        std::size_t bytes = 0;
    };
    std::unique_ptr<std::array<held_block, held_back_max>> held_back_;  // null: none was ever
    std::size_t next_held_ = 0;
};

/// Uses `pool` for the frames of this thread until destroyed. Threads: the calling one.
class DRAMA_API frame_pool_binding {
  public:
    explicit frame_pool_binding(frame_pool& pool) noexcept;
    ~frame_pool_binding();
    frame_pool_binding(const frame_pool_binding&) = delete;
    frame_pool_binding& operator=(const frame_pool_binding&) = delete;

  private:
    frame_pool* before_;
};

/// While it stands, the frames that this thread takes and frees for `payer` are counted here and
/// charged in one sum: at its end, and whenever they come to `tally_bytes_max`. Threads: the
/// calling one. Does not nest.
class DRAMA_API frame_tally {
  public:
    static constexpr std::int64_t tally_bytes_max = 64 * 1024;

    explicit frame_tally(account& payer) noexcept;
    ~frame_tally();
    frame_tally(const frame_tally&) = delete;
    frame_tally& operator=(const frame_tally&) = delete;
};

/// Asked before memory is given out, on threads of worlds that let allocations fail.
class DRAMA_API allocation_gate {
  public:
    /// False: the allocation fails. `what`: "frame", "buffer", "job", "tenant" or "thread".
    virtual bool may_allocate(const char* what, std::size_t bytes,
                              const account* payer) noexcept = 0;

  protected:
    ~allocation_gate() = default;
};

/// The gate of the calling thread from now on; null: none. Yields the one before.
DRAMA_API allocation_gate* install_allocation_gate(allocation_gate* gate) noexcept;

/// While it stands, the frames that this thread frees are overwritten and kept for a while, so that
/// whoever still uses one is stopped: a resumption, a lock in it, a task that ended. Threads: the
/// calling one.
class DRAMA_API frame_spoiling {
  public:
    frame_spoiling() noexcept;
    ~frame_spoiling();
    frame_spoiling(const frame_spoiling&) = delete;
    frame_spoiling& operator=(const frame_spoiling&) = delete;

  private:
    bool before_;
};

namespace internal {

/// What the gate of the calling thread says; true where there is none.
[[nodiscard]] DRAMA_API bool may_allocate(const char* what, std::size_t bytes) noexcept;

/// Room in front of a spawned task's frame for its control block: one allocation a spawn.
inline constexpr std::size_t spawn_prefix_bytes = 176;

/// Memory for a coroutine frame, charged to the running task's account. Errors: std::bad_alloc.
DRAMA_API void* allocate_frame(std::size_t bytes);
DRAMA_API void free_frame(void* frame, std::size_t bytes) noexcept;
/// Ends a suspended coroutine, parameters and all, but keeps the memory of its frame until
/// free_frame. Returns the frame's size.
DRAMA_API std::size_t destroy_in_place(std::coroutine_handle<> coroutine) noexcept;
/// The spawn prefix stands in front of `frame`.
DRAMA_API bool has_prefix(const void* frame) noexcept;

/// While it stands, frames are charged to `payer`, and the first one carries the spawn prefix.
class DRAMA_API spawn_frame_request {
  public:
    explicit spawn_frame_request(account* payer) noexcept;
    ~spawn_frame_request();
    spawn_frame_request(const spawn_frame_request&) = delete;
    spawn_frame_request& operator=(const spawn_frame_request&) = delete;

    /// The prefix of `frame`, or nullptr if another frame got it (then the block comes from the
    /// heap).
    void* prefix_of(void* frame) const noexcept;

  private:
    account* payer_before_;
    bool wanted_before_;
    void* frame_before_;
};

}  // namespace internal
}  // namespace drama::inline v0
