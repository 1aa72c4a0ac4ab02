// SPDX-License-Identifier: Apache-2.0
// Marks on rarely taken paths: a search that never reaches one has not tested what lies behind it.
// A mark costs a load and a branch; it stands on cold paths only, and nothing ever reads it but a
// search that reports.
#pragma once

#include <atomic>
#include <span>

#include "drama/base/export.hpp"

namespace drama::inline v0::internal {

/// One place in the source. Threads: any.
struct alignas(16) mark {
    const char* name;
    std::atomic<bool> hit{false};

    bool is_hit() const noexcept { return hit.load(std::memory_order_relaxed); }
    void reach() noexcept {
        if (!is_hit()) {
            hit.store(true, std::memory_order_relaxed);
        }
    }
};
static_assert(sizeof(mark) == 16);

/// All marks that are linked into this program, reached or not.
DRAMA_API std::span<const mark> all_marks() noexcept;

}  // namespace drama::inline v0::internal

/// Notes that this place was reached. `text` is a literal, "module.what". Only in functions that
/// are neither inline nor templates: the linker gathers the marks.
#define DRAMA_MARK(text)                                                              \
    do {                                                                              \
        [[gnu::section("drama_marks"),                                                \
          gnu::used]] static constinit ::drama::internal::mark drama_mark_here{text}; \
        drama_mark_here.reach();                                                      \
    } while (false)
