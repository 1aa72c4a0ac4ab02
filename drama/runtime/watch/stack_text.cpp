// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/watch/stack_text.hpp"

#include <cxxabi.h>
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace drama::inline v0::internal {

std::string stack_text(std::span<void* const> frames) {
    std::string text;
    for (void* const frame : frames) {
        Dl_info found{};
        char line[64];
        if (::dladdr(frame, &found) == 0) {
            std::snprintf(line, sizeof line, "    %p\n", frame);
            text += line;
            continue;
        }
        const auto offset = reinterpret_cast<std::uintptr_t>(frame) -
                            reinterpret_cast<std::uintptr_t>(found.dli_fbase);
        std::snprintf(line, sizeof line, "+0x%zx", static_cast<std::size_t>(offset));
        text += "    ";
        if (found.dli_sname != nullptr) {
            int status = 0;
            const std::unique_ptr<char, decltype(&std::free)> readable(
                abi::__cxa_demangle(found.dli_sname, nullptr, nullptr, &status), &std::free);
            text += status == 0 ? readable.get() : found.dli_sname;
            text += "  ";
        }
        text += found.dli_fname != nullptr ? found.dli_fname : "?";
        text += line;
        text += '\n';
    }
    return text;
}

}  // namespace drama::inline v0::internal
