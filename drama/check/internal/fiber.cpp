// SPDX-License-Identifier: Apache-2.0
#include "drama/check/internal/fiber.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DRAMA_FIBER_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define DRAMA_FIBER_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define DRAMA_FIBER_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define DRAMA_FIBER_TSAN 1
#endif

#if defined(DRAMA_FIBER_ASAN)
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#if defined(DRAMA_FIBER_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

// drama_fiber_switch(save, to): stores the stack pointer in *save, goes on with `to`. A new stack
// holds the same frame, with drama_fiber_begin as the return address.
#if defined(__x86_64__)
asm(R"(
    .text
    .p2align 4
    .globl drama_fiber_switch
    .hidden drama_fiber_switch
    .type drama_fiber_switch, @function
drama_fiber_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size drama_fiber_switch, .-drama_fiber_switch
    .globl drama_fiber_begin
    .hidden drama_fiber_begin
    .type drama_fiber_begin, @function
drama_fiber_begin:
    movq %r12, %rdi
    callq *%r13
    ud2
    .size drama_fiber_begin, .-drama_fiber_begin
    .section .note.GNU-stack,"",@progbits
    .text
)");
#elif defined(__aarch64__)
asm(R"(
    .text
    .p2align 4
    .globl drama_fiber_switch
    .hidden drama_fiber_switch
    .type drama_fiber_switch, @function
drama_fiber_switch:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
    .size drama_fiber_switch, .-drama_fiber_switch
    .globl drama_fiber_begin
    .hidden drama_fiber_begin
    .type drama_fiber_begin, @function
drama_fiber_begin:
    mov x0, x19
    blr x20
    brk #1
    .size drama_fiber_begin, .-drama_fiber_begin
    .section .note.GNU-stack,"",@progbits
    .text
)");
#else
#error "drama/check switches stacks on x86-64 and AArch64 only"
#endif

extern "C" void drama_fiber_switch(void** save, void* to);
extern "C" void drama_fiber_begin();

namespace drama::inline v0::internal {
namespace {

constexpr std::size_t guard_bytes = 4096 * 4;

// The frame that drama_fiber_switch takes off a stack that has not run yet. Returns its lowest
// word.
void* first_frame(void* stack, void (*entry)(void*), void* of) noexcept {
    auto* const end = static_cast<std::uintptr_t*>(stack) +
                      (guard_bytes + fiber::stack_bytes) / sizeof(std::uintptr_t);
    const auto begin = reinterpret_cast<std::uintptr_t>(&drama_fiber_begin);
#if defined(__x86_64__)
    std::uintptr_t* const frame = end - 9;  // drama_fiber_begin starts aligned to 16
    frame[0] = frame[1] = 0;                // r15, r14
    frame[2] = reinterpret_cast<std::uintptr_t>(entry);
    frame[3] = reinterpret_cast<std::uintptr_t>(of);
    frame[4] = frame[5] = 0;  // rbx; rbp: frame pointers end here
    frame[6] = begin;
    frame[7] = frame[8] = 0;
#else
    std::uintptr_t* const frame = end - 20;
    for (int i = 0; i < 20; ++i) {
        frame[i] = 0;
    }
    frame[0] = reinterpret_cast<std::uintptr_t>(of);
    frame[1] = reinterpret_cast<std::uintptr_t>(entry);
    frame[11] = begin;
#endif
    return frame;
}

#if defined(DRAMA_FIBER_ASAN)
// Of the thread's own stack, which only the sanitizer knows.
thread_local const void* own_bottom = nullptr;
thread_local std::size_t own_bytes = 0;
#endif

}  // namespace

fiber::~fiber() {
#if defined(DRAMA_FIBER_TSAN)
    if (stack_ != nullptr && known_as_ != nullptr) {
        __tsan_destroy_fiber(known_as_);
    }
#endif
    if (stack_ != nullptr) {
#if defined(DRAMA_FIBER_ASAN)
        __lsan_unregister_root_region(static_cast<char*>(stack_) + guard_bytes, stack_bytes);
#endif
        ::munmap(stack_, guard_bytes + stack_bytes);
    }
}

void fiber::abandon() noexcept {
#if defined(DRAMA_FIBER_ASAN)
    stack_ = nullptr;
#endif
}

void fiber::prepare(void (*entry)(void*), void* of) {
    if (stack_ == nullptr) {
        void* const stack = ::mmap(nullptr, guard_bytes + stack_bytes, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (stack == MAP_FAILED || ::mprotect(stack, guard_bytes, PROT_NONE) != 0) {
            throw std::bad_alloc();
        }
        stack_ = stack;
#if defined(DRAMA_FIBER_ASAN)
        // What an abandoned stack owns is not lost.
        __lsan_register_root_region(static_cast<char*>(stack_) + guard_bytes, stack_bytes);
#endif
    }
#if defined(DRAMA_FIBER_TSAN)
    if (known_as_ == nullptr) {
        known_as_ = __tsan_create_fiber(0);
    }
#endif
    fake_stack_ = nullptr;
    top_ = first_frame(stack_, entry, of);
}

void fiber::resume(fiber& from) noexcept {
#if defined(DRAMA_FIBER_TSAN)
    if (from.stack_ == nullptr) {
        from.known_as_ = __tsan_get_current_fiber();
    }
    __tsan_switch_to_fiber(known_as_, 0);
#endif
#if defined(DRAMA_FIBER_ASAN)
    const void* const bottom =
        stack_ == nullptr ? own_bottom : static_cast<char*>(stack_) + guard_bytes;
    __sanitizer_start_switch_fiber(&from.fake_stack_, bottom,
                                   stack_ == nullptr ? own_bytes : stack_bytes);
#endif
    drama_fiber_switch(&from.top_, top_);
#if defined(DRAMA_FIBER_ASAN)
    __sanitizer_finish_switch_fiber(from.fake_stack_, nullptr, nullptr);
#endif
}

void fiber::arrived() noexcept {
#if defined(DRAMA_FIBER_ASAN)
    const void* bottom = nullptr;
    std::size_t bytes = 0;
    __sanitizer_finish_switch_fiber(nullptr, &bottom, &bytes);
    if (own_bytes == 0) {
        own_bottom = bottom;  // the first switch comes from the thread's own stack
        own_bytes = bytes;
    }
#endif
}

}  // namespace drama::inline v0::internal
