// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/watch/stack_text.hpp"

#include <cxxabi.h>
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace drama::inline v0::internal {

namespace {

std::string symbol_of(const Dl_info& found) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> readable(
        abi::__cxa_demangle(found.dli_sname, nullptr, nullptr, &status), &std::free);
    return status == 0 ? readable.get() : found.dli_sname;
}

}  // namespace

std::string site_text(const task_site& site) {
    std::string text =
        std::string(site.where.file_name()) + ":" + std::to_string(site.where.line());
    Dl_info found{};
    if (site.function != nullptr && ::dladdr(site.function, &found) != 0) {
        if (found.dli_sname != nullptr) {
            text += ", function " + symbol_of(found);
        } else {
            char line[64];
            std::snprintf(
                line, sizeof line, ", function at +0x%zx",
                static_cast<std::size_t>(reinterpret_cast<std::uintptr_t>(site.function) -
                                         reinterpret_cast<std::uintptr_t>(found.dli_fbase)));
            text += line;
        }
    }
    return text;
}

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
            text += symbol_of(found) + "  ";
        }
        text += found.dli_fname != nullptr ? found.dli_fname : "?";
        text += line;
        text += '\n';
    }
    return text;
}

}  // namespace drama::inline v0::internal
