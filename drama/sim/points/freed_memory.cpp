// SPDX-License-Identifier: Apache-2.0
// The heap of a program whose accesses are points: what simulated code frees is overwritten and
// held back until the run ends, so that who still uses it is caught (access_points.hpp). In
// every program that searches, what a run does not give back is told (heap_watch.hpp). For others
// that get these operators from the archive they are malloc and free.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include <malloc.h>
#include <string.h>

#include "drama/base/assert.hpp"
#include "drama/sim/points/access_points.hpp"
#include "drama/sim/points/heap_watch.hpp"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define DRAMA_HAS_OWN_HEAP 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer) || \
    __has_feature(memory_sanitizer)
#define DRAMA_HAS_OWN_HEAP 1
#endif
#endif

namespace drama::inline v0::internal {

#ifdef DRAMA_HAS_OWN_HEAP

void hold_freed_memory_back() noexcept {
}

bool use_watched_heap() noexcept {
    return false;
}

#else

namespace {

// Beyond either bound the oldest goes.
constexpr std::size_t blocks_max = 8192;
constexpr std::size_t bytes_max = std::size_t{8} << 20;
constexpr std::size_t block_bytes_max = bytes_max / 16;

// Only one thread of a simulation runs at a time.
constinit std::array<void*, blocks_max> held{};
constinit std::size_t first = 0;
constinit std::size_t count = 0;
constinit std::size_t bytes = 0;
constinit bool is_wanted = false;

void let_go_of_oldest() noexcept {
    void* const oldest = held[first];
    const std::size_t size = ::malloc_usable_size(oldest);
    bytes -= size;
    --count;
    first = (first + 1) % blocks_max;
    ::explicit_bzero(oldest, size);
    std::free(oldest);
}

void let_go_of_all() noexcept {
    while (count != 0) {
        let_go_of_oldest();
    }
}

void* take(std::size_t size, std::size_t alignment, const void* caller) {
    for (;;) {
        void* const got =
            alignment <= alignof(std::max_align_t)
                ? std::malloc(size == 0 ? 1 : size)
                : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
        if (got != nullptr) {
            note_heap_block(got, size, caller);
            return got;
        }
        const std::new_handler handler = std::get_new_handler();
        if (handler == nullptr) {
            throw std::bad_alloc();
        }
        handler();
    }
}

// No block goes back to the heap with what marks freed memory in it: freed frames have it too. A
// compiler may leave out a memset before free.
void give_back(void* block) noexcept {
    note_heap_block_given(block);
    if (block == nullptr || !is_wanted) {
        std::free(block);
        return;
    }
    const std::size_t size = ::malloc_usable_size(block);
    if (accesses_counted_for() == nullptr || size > block_bytes_max) {
        ::explicit_bzero(block, size);
        std::free(block);
        return;
    }
    if (count == blocks_max) {
        let_go_of_oldest();
    }
    while (count != 0 && bytes + size > bytes_max) {
        let_go_of_oldest();
    }
    std::memset(block, freed_byte, size);
    held[(first + count) % blocks_max] = block;
    ++count;
    bytes += size;
}

}  // namespace

void hold_freed_memory_back() noexcept {
    is_wanted = true;
    set_release_of_freed_memory(&let_go_of_all);
}

bool use_watched_heap() noexcept {
    return true;
}

#endif

}  // namespace drama::inline v0::internal

#ifndef DRAMA_HAS_OWN_HEAP

void* operator new(std::size_t size) {
    return drama::internal::take(size, 0, __builtin_return_address(0));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    return drama::internal::take(size, static_cast<std::size_t>(alignment),
                                 __builtin_return_address(0));
}
void* operator new[](std::size_t size) {
    return drama::internal::take(size, 0, __builtin_return_address(0));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
    return drama::internal::take(size, static_cast<std::size_t>(alignment),
                                 __builtin_return_address(0));
}
void operator delete(void* block) noexcept {
    drama::internal::give_back(block);
}
void operator delete(void* block, std::size_t) noexcept {
    drama::internal::give_back(block);
}
void operator delete(void* block, std::align_val_t) noexcept {
    drama::internal::give_back(block);
}
void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
    drama::internal::give_back(block);
}
void operator delete[](void* block) noexcept {
    drama::internal::give_back(block);
}
void operator delete[](void* block, std::size_t) noexcept {
    drama::internal::give_back(block);
}
void operator delete[](void* block, std::align_val_t) noexcept {
    drama::internal::give_back(block);
}
void operator delete[](void* block, std::size_t, std::align_val_t) noexcept {
    drama::internal::give_back(block);
}

#endif
