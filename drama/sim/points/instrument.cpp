// SPDX-License-Identifier: Apache-2.0
// What the compiler calls before each access in code that is built with -fsanitize=thread: here a
// point of the simulation instead of a race detector. A program gets this file from the archive
// when it has such code and is not linked with the sanitizer's own runtime.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "drama/sim/points/access_points.hpp"

#if defined(__SANITIZE_THREAD__)
#define DRAMA_HAS_OWN_RUNTIME 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DRAMA_HAS_OWN_RUNTIME 1
#endif
#endif

#ifndef DRAMA_HAS_OWN_RUNTIME

namespace drama::inline v0::internal {
namespace {

// Whoever is built for points gets the heap beside this file as well.
[[maybe_unused]] const bool is_prepared = [] {
    hold_freed_memory_back();
    return true;
}();

}  // namespace
}  // namespace drama::inline v0::internal

// The names are the compilers'.
// NOLINTBEGIN
#define DRAMA_POINT(at) ::drama::internal::note_access(at)
#define DRAMA_ENTRY extern "C" [[gnu::visibility("default")]]

#define DRAMA_PLAIN(size)                                    \
    DRAMA_ENTRY void __tsan_read##size(void* at) {           \
        DRAMA_POINT(at);                                     \
    }                                                        \
    DRAMA_ENTRY void __tsan_write##size(void* at) {          \
        DRAMA_POINT(at);                                     \
    }                                                        \
    DRAMA_ENTRY void __tsan_read_write##size(void* at) {     \
        DRAMA_POINT(at);                                     \
    }                                                        \
    DRAMA_ENTRY void __tsan_volatile_read##size(void* at) {  \
        DRAMA_POINT(at);                                     \
    }                                                        \
    DRAMA_ENTRY void __tsan_volatile_write##size(void* at) { \
        DRAMA_POINT(at);                                     \
    }
#define DRAMA_UNALIGNED(size)                                          \
    DRAMA_ENTRY void __tsan_unaligned_read##size(void* at) {           \
        DRAMA_POINT(at);                                               \
    }                                                                  \
    DRAMA_ENTRY void __tsan_unaligned_write##size(void* at) {          \
        DRAMA_POINT(at);                                               \
    }                                                                  \
    DRAMA_ENTRY void __tsan_unaligned_read_write##size(void* at) {     \
        DRAMA_POINT(at);                                               \
    }                                                                  \
    DRAMA_ENTRY void __tsan_unaligned_volatile_read##size(void* at) {  \
        DRAMA_POINT(at);                                               \
    }                                                                  \
    DRAMA_ENTRY void __tsan_unaligned_volatile_write##size(void* at) { \
        DRAMA_POINT(at);                                               \
    }

DRAMA_PLAIN(1)
DRAMA_PLAIN(2)
DRAMA_PLAIN(4)
DRAMA_PLAIN(8)
DRAMA_PLAIN(16)
DRAMA_UNALIGNED(2)
DRAMA_UNALIGNED(4)
DRAMA_UNALIGNED(8)
DRAMA_UNALIGNED(16)

DRAMA_ENTRY void __tsan_init() {
}
DRAMA_ENTRY void __tsan_func_entry(void*) {
}
DRAMA_ENTRY void __tsan_func_exit() {
}
DRAMA_ENTRY void __tsan_ignore_thread_begin() {
}
DRAMA_ENTRY void __tsan_ignore_thread_end() {
}
DRAMA_ENTRY void __tsan_vptr_update(void**, void*) {
}
DRAMA_ENTRY void __tsan_vptr_read(void**) {
}
DRAMA_ENTRY void __tsan_read_range(void* at, std::size_t) {
    DRAMA_POINT(at);
}
DRAMA_ENTRY void __tsan_write_range(void* at, std::size_t) {
    DRAMA_POINT(at);
}
DRAMA_ENTRY void* __tsan_memcpy(void* to, const void* from, std::size_t size) {
    DRAMA_POINT(from);
    DRAMA_POINT(to);
    return std::memcpy(to, from, size);
}
DRAMA_ENTRY void* __tsan_memmove(void* to, const void* from, std::size_t size) {
    DRAMA_POINT(from);
    DRAMA_POINT(to);
    return std::memmove(to, from, size);
}
DRAMA_ENTRY void* __tsan_memset(void* at, int value, std::size_t size) {
    DRAMA_POINT(at);
    return std::memset(at, value, size);
}
DRAMA_ENTRY void __tsan_atomic_thread_fence(int) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
DRAMA_ENTRY void __tsan_atomic_signal_fence(int) {
}

// Whatever order was asked for: the machine beneath may be real, where the code is not simulated.
#define DRAMA_CHANGE(bits, name, builtin)                                                          \
    DRAMA_ENTRY std::uint##bits##_t __tsan_atomic##bits##_##name(volatile std::uint##bits##_t* at, \
                                                                 std::uint##bits##_t value, int) { \
        DRAMA_POINT(at);                                                                           \
        return builtin(at, value, __ATOMIC_SEQ_CST);                                               \
    }
#define DRAMA_ATOMIC(bits)                                                                         \
    DRAMA_ENTRY std::uint##bits##_t __tsan_atomic##bits##_load(                                    \
        const volatile std::uint##bits##_t* at, int) {                                             \
        DRAMA_POINT(at);                                                                           \
        return __atomic_load_n(at, __ATOMIC_SEQ_CST);                                              \
    }                                                                                              \
    DRAMA_ENTRY void __tsan_atomic##bits##_store(volatile std::uint##bits##_t* at,                 \
                                                 std::uint##bits##_t value, int) {                 \
        DRAMA_POINT(at);                                                                           \
        __atomic_store_n(at, value, __ATOMIC_SEQ_CST);                                             \
    }                                                                                              \
    DRAMA_CHANGE(bits, exchange, __atomic_exchange_n)                                              \
    DRAMA_CHANGE(bits, fetch_add, __atomic_fetch_add)                                              \
    DRAMA_CHANGE(bits, fetch_sub, __atomic_fetch_sub)                                              \
    DRAMA_CHANGE(bits, fetch_and, __atomic_fetch_and)                                              \
    DRAMA_CHANGE(bits, fetch_or, __atomic_fetch_or)                                                \
    DRAMA_CHANGE(bits, fetch_xor, __atomic_fetch_xor)                                              \
    DRAMA_CHANGE(bits, fetch_nand, __atomic_fetch_nand)                                            \
    DRAMA_ENTRY int __tsan_atomic##bits##_compare_exchange_strong(                                 \
        volatile std::uint##bits##_t* at, std::uint##bits##_t* expected, std::uint##bits##_t to,   \
        int, int) {                                                                                \
        DRAMA_POINT(at);                                                                           \
        return __atomic_compare_exchange_n(at, expected, to, false, __ATOMIC_SEQ_CST,              \
                                           __ATOMIC_SEQ_CST);                                      \
    }                                                                                              \
    DRAMA_ENTRY int __tsan_atomic##bits##_compare_exchange_weak(                                   \
        volatile std::uint##bits##_t* at, std::uint##bits##_t* expected, std::uint##bits##_t to,   \
        int, int) {                                                                                \
        DRAMA_POINT(at);                                                                           \
        return __atomic_compare_exchange_n(at, expected, to, false, __ATOMIC_SEQ_CST,              \
                                           __ATOMIC_SEQ_CST);                                      \
    }                                                                                              \
    DRAMA_ENTRY std::uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                    \
        volatile std::uint##bits##_t* at, std::uint##bits##_t expected, std::uint##bits##_t to,    \
        int, int) {                                                                                \
        DRAMA_POINT(at);                                                                           \
        __atomic_compare_exchange_n(at, &expected, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
        return expected;                                                                           \
    }

DRAMA_ATOMIC(8)
DRAMA_ATOMIC(16)
DRAMA_ATOMIC(32)
DRAMA_ATOMIC(64)
// NOLINTEND

#endif
