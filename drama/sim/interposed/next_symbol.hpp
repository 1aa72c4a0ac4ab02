// SPDX-License-Identifier: Apache-2.0
// The definition that an interposed function stands in front of.
#pragma once

#include <dlfcn.h>

#include <cstdlib>

/// Seen by the shared libraries, and so called by them too.
#define DRAMA_INTERPOSED __attribute__((visibility("default")))

namespace drama::inline v0::internal {

/// The C library's own `name`. With `version`, of that version: some functions have two.
template <class Function>
Function* next_symbol(const char* name, const char* version = nullptr) noexcept {
    void* found = version == nullptr ? nullptr : ::dlvsym(RTLD_NEXT, name, version);
    if (found == nullptr) {
        found = ::dlsym(RTLD_NEXT, name);
    }
    if (found == nullptr) {
        std::abort();  // this libc has no such function, and somebody calls it
    }
    return reinterpret_cast<Function*>(found);
}

}  // namespace drama::inline v0::internal
