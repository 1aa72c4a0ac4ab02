// SPDX-License-Identifier: Apache-2.0
// A block is [spawn prefix, perhaps][header][frame]. The header sits right before the frame, so
// freeing needs no lookup; its low bits say whether there is a prefix, and whether the coroutine
// only ends and leaves its memory.
#include "drama/coro/frame_pool.hpp"

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <new>
#include <source_location>
#include <utility>

#include "drama/base/assert.hpp"
#include "drama/coro/account.hpp"
#include "drama/coro/internal/thread_state.hpp"
#include "drama/coro/runnable.hpp"

namespace drama::inline v0 {
namespace {

struct frame_header {
    std::uintptr_t pool_and_flags;
    account* payer;
};
static_assert(sizeof(frame_header) == 16);
static_assert((sizeof(frame_header) + internal::spawn_prefix_bytes) % 16 == 0);

constexpr std::uintptr_t prefix_flag = 1;
constexpr std::uintptr_t keep_flag = 2;
static_assert(alignof(frame_pool) > (prefix_flag | keep_flag));

frame_header& header_of(void* frame) noexcept {
    return *reinterpret_cast<frame_header*>(static_cast<std::byte*>(frame) - sizeof(frame_header));
}

// Under AddressSanitizer every frame is its own heap block, so that a use after free is seen.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool pooling = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool pooling = false;
#else
constexpr bool pooling = true;
#endif
#else
constexpr bool pooling = true;
#endif

void charge_frame(internal::thread_state& thread, account* payer, std::int64_t bytes) noexcept {
    if (payer == thread.tallied && payer != nullptr) [[likely]] {
        const std::int64_t sum = thread.tallied_bytes + bytes;
        thread.tallied_bytes = sum;
        if (sum >= frame_tally::tally_bytes_max || sum <= -frame_tally::tally_bytes_max) {
            payer->add_frame_bytes(std::exchange(thread.tallied_bytes, 0));
        }
    } else if (payer != nullptr) {
        payer->add_frame_bytes(bytes);
    }
}

// What a spoiled frame is made of. The first two words stand where coroutine handles find what to
// call: both compilers lay frames out so.
struct spoiled_frame {
    void (*resume)(spoiled_frame*) noexcept;
    void (*destroy)(spoiled_frame*) noexcept;
    std::source_location freed_by;  // where the task that freed it was spawned
    bool is_known;
};
constexpr int spoiled_byte = 0xdb;  // spinlocks know it

[[noreturn]] void stop_use(const spoiled_frame* frame, const char* what) noexcept {
    std::fprintf(stderr, "drama: a coroutine is %s after its frame was freed", what);
    if (frame->is_known) {
        std::fprintf(stderr, ", by a task that was spawned at %s:%u", frame->freed_by.file_name(),
                     static_cast<unsigned>(frame->freed_by.line()));
    }
    std::fputc('\n', stderr);
    internal::assertion_failed("lives", __FILE__, __LINE__, "a frame is used after it was freed");
}

void spoil(std::byte* block, std::byte* frame, std::size_t bytes) noexcept {
    std::memset(block, spoiled_byte, static_cast<std::size_t>(frame - block) + bytes);
    if (bytes >= sizeof(spoiled_frame)) {
        const runnable* const self = internal::this_thread.running;
        new (frame) spoiled_frame{[](spoiled_frame* at) noexcept { stop_use(at, "resumed"); },
                                  [](spoiled_frame* at) noexcept { stop_use(at, "destroyed"); },
                                  self != nullptr ? self->site.where : std::source_location(),
                                  self != nullptr};
    }
}

constexpr std::size_t class_of(std::size_t bytes) noexcept {
    return (bytes + frame_pool::step_bytes - 1) / frame_pool::step_bytes;
}

}  // namespace

void* frame_pool::allocate(std::size_t bytes) {
    const std::size_t index = class_of(bytes);
    if (free_block* const block = free_[index]) [[likely]] {
        free_[index] = block->next;
        __builtin_prefetch(block->next, 1);  // who spawns many would wait for each
        return block;
    }
    return refill(bytes);
}

void* frame_pool::refill(std::size_t bytes) {
    const std::size_t index = class_of(bytes);
    take_remote();
    if (free_block* const block = free_[index]) {
        free_[index] = block->next;
        return block;
    }
    const std::size_t rounded = index * step_bytes;
    if (static_cast<std::size_t>(bump_end_ - bump_) < rounded) {
        while (static_cast<std::size_t>(bump_end_ - bump_) >= step_bytes) {
            const std::size_t rest =
                static_cast<std::size_t>(bump_end_ - bump_) / step_bytes * step_bytes;
            const std::size_t piece = rest < pooled_bytes_max ? rest : pooled_bytes_max;
            free_local(bump_, piece);
            bump_ += piece;
        }
        slabs_.push_back(std::make_unique_for_overwrite<std::byte[]>(slab_bytes));
        bump_ = slabs_.back().get();
        bump_end_ = bump_ + slab_bytes;
    }
    return std::exchange(bump_, bump_ + rounded);
}

void frame_pool::free_local(void* block, std::size_t bytes) noexcept {
    const std::size_t index = class_of(bytes);
    free_[index] = new (block) free_block{free_[index], bytes};
}

void frame_pool::free_later(void* block, std::size_t bytes) noexcept {
    if (held_back_ == nullptr) {
        held_back_.reset(new (std::nothrow) std::array<held_block, held_back_max>);
    }
    if (held_back_ == nullptr) {
        free_local(block, bytes);
        return;
    }
    held_block& oldest = (*held_back_)[next_held_++ % held_back_max];
    const held_block freed = std::exchange(oldest, {block, bytes});
    if (freed.block != nullptr) {
        free_local(freed.block, freed.bytes);
    }
}

void frame_pool::free_remote(void* block, std::size_t bytes) noexcept {
    remote_.push(*new (block) free_block{nullptr, bytes});
}

// A part at a time: all that a large tree of tasks has left would take a tenth of a second.
void frame_pool::take_remote() noexcept {
    for (std::size_t left = taken_back_at_once; left != 0; --left) {
        if (returned_ == nullptr) {
            returned_ = remote_.take_newest_first();
            if (returned_ == nullptr) {
                return;
            }
        }
        free_block* const block = std::exchange(returned_, returned_->next);
        free_local(block, block->bytes);
        ++taken_back_;
    }
}

[[gnu::noinline]] frame_pool_binding::frame_pool_binding(frame_pool& pool) noexcept
    : before_(std::exchange(internal::this_thread.pool, &pool)) {
}

[[gnu::noinline]] frame_pool_binding::~frame_pool_binding() {
    internal::this_thread.pool = before_;
}

[[gnu::noinline]] frame_tally::frame_tally(account& payer) noexcept {
    DRAMA_ASSERT(internal::this_thread.tallied == nullptr, "frame tallies do not nest");
    internal::this_thread.tallied = &payer;
}

[[gnu::noinline]] frame_tally::~frame_tally() {
    internal::thread_state& thread = internal::this_thread;
    account* const payer = std::exchange(thread.tallied, nullptr);
    if (const std::int64_t sum = std::exchange(thread.tallied_bytes, 0); sum != 0) {
        payer->add_frame_bytes(sum);
    }
}

[[gnu::noinline]] allocation_gate* install_allocation_gate(allocation_gate* gate) noexcept {
    return std::exchange(internal::this_thread.gate, gate);
}

[[gnu::noinline]] frame_spoiling::frame_spoiling() noexcept
    : before_(std::exchange(internal::this_thread.spoils, true)) {
}

[[gnu::noinline]] frame_spoiling::~frame_spoiling() {
    internal::this_thread.spoils = before_;
}

namespace internal {
namespace {

account* payer_of(const thread_state& thread) noexcept {
    return thread.payer == nullptr && thread.running != nullptr ? thread.running->payer
                                                                : thread.payer;
}

}  // namespace

[[gnu::noinline]] bool may_allocate(const char* what, std::size_t bytes) noexcept {
    const thread_state& thread = this_thread;
    return thread.gate == nullptr || thread.gate->may_allocate(what, bytes, payer_of(thread));
}

[[gnu::noinline]] void* allocate_frame(std::size_t bytes) {
    thread_state& thread = this_thread;
    const bool prefixed = std::exchange(thread.prefix_wanted, false);
    const std::size_t front = sizeof(frame_header) + (prefixed ? spawn_prefix_bytes : 0);
    const std::size_t total = bytes + front;
    if (thread.gate != nullptr && !may_allocate("frame", total)) [[unlikely]] {
        throw std::bad_alloc();
    }
    frame_pool* pool = nullptr;
    void* memory = nullptr;
    if constexpr (pooling) {
        pool = total <= frame_pool::pooled_bytes_max ? thread.pool : nullptr;
        memory = pool != nullptr ? pool->allocate(total) : nullptr;
    }
    auto* const block = static_cast<std::byte*>(pool != nullptr ? memory : ::operator new(total));
    if (thread.spoils) [[unlikely]] {
        std::memset(block, 0, total);  // what is spoiled is known by its bytes
    }
    account* const payer = payer_of(thread);
    charge_frame(thread, payer, static_cast<std::int64_t>(frame_pool::rounded(total)));
    std::byte* const frame = block + front;
    new (frame - sizeof(frame_header))
        frame_header{reinterpret_cast<std::uintptr_t>(pool) | (prefixed ? prefix_flag : 0), payer};
    if (prefixed) {
        thread.prefixed_frame = frame;
    }
    return frame;
}

[[gnu::noinline]] void free_frame(void* frame, std::size_t bytes) noexcept {
    auto* const at = static_cast<std::byte*>(frame);
    const frame_header header = header_of(frame);
    if ((header.pool_and_flags & keep_flag) != 0) {
        new (frame) std::size_t(bytes);
        return;
    }
    const bool prefixed = (header.pool_and_flags & prefix_flag) != 0;
    auto* const pool = reinterpret_cast<frame_pool*>(header.pool_and_flags & ~prefix_flag);
    const std::size_t front = sizeof(frame_header) + (prefixed ? spawn_prefix_bytes : 0);
    const std::size_t total = bytes + front;
    thread_state& thread = this_thread;
    charge_frame(thread, header.payer, -static_cast<std::int64_t>(frame_pool::rounded(total)));
    if (thread.spoils) [[unlikely]] {
        spoil(at - front, at, bytes);
        if (pool != nullptr && pool == thread.pool) {
            pool->free_later(at - front, total);
            return;
        }
    }
    if (pool == nullptr) {
        ::operator delete(at - front);
    } else if (pool == thread.pool) {
        pool->free_local(at - front, total);
    } else {
        pool->free_remote(at - front, total);
    }
}

[[gnu::noinline]] std::size_t destroy_in_place(std::coroutine_handle<> coroutine) noexcept {
    void* const frame = coroutine.address();
    header_of(frame).pool_and_flags |= keep_flag;
    coroutine.destroy();
    header_of(frame).pool_and_flags &= ~keep_flag;
    return *std::launder(static_cast<std::size_t*>(frame));
}

bool has_prefix(const void* frame) noexcept {
    const auto* const at = static_cast<const std::byte*>(frame) - sizeof(frame_header);
    return (reinterpret_cast<const frame_header*>(at)->pool_and_flags & prefix_flag) != 0;
}

[[gnu::noinline]] spawn_frame_request::spawn_frame_request(account* payer) noexcept
    : payer_before_(std::exchange(this_thread.payer, payer)),
      wanted_before_(std::exchange(this_thread.prefix_wanted, true)),
      frame_before_(std::exchange(this_thread.prefixed_frame, nullptr)) {
}

[[gnu::noinline]] spawn_frame_request::~spawn_frame_request() {
    this_thread.payer = payer_before_;
    this_thread.prefix_wanted = wanted_before_;
    this_thread.prefixed_frame = frame_before_;
}

[[gnu::noinline]] void* spawn_frame_request::prefix_of(void* frame) const noexcept {
    if (frame != this_thread.prefixed_frame || !has_prefix(frame)) {
        return nullptr;
    }
    return static_cast<std::byte*>(frame) - sizeof(frame_header) - spawn_prefix_bytes;
}

}  // namespace internal
}  // namespace drama::inline v0
