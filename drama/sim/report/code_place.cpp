// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/report/code_place.hpp"

#include <dlfcn.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <unordered_map>

namespace drama::inline v0::internal {
namespace {

bool is_of_the_system(const char* library) noexcept {
    return std::strstr(library, "/libc.so") != nullptr ||
           std::strstr(library, "/libstdc++.so") != nullptr;
}

std::vector<std::string> look_up(const void* address) {
    std::vector<std::string> lines;
    Dl_info found{};
    if (::dladdr(address, &found) == 0 || is_of_the_system(found.dli_fname)) {
        return lines;
    }
    std::array<char, 512> text{};
    const auto offset = static_cast<std::size_t>(reinterpret_cast<std::uintptr_t>(address) -
                                                 reinterpret_cast<std::uintptr_t>(found.dli_fbase));
    std::snprintf(text.data(), text.size(), "addr2line -Cpfie '%s' 0x%zx 2>/dev/null",
                  found.dli_fname, offset - 1);
    if (FILE* const tool = ::popen(text.data(), "r")) {
        while (std::fgets(text.data(), text.size(), tool) != nullptr) {
            lines.emplace_back(text.data(), std::strcspn(text.data(), "\n"));
        }
        ::pclose(tool);
    }
    if (lines.empty()) {
        std::snprintf(text.data(), text.size(), "%s+0x%zx", found.dli_fname, offset);
        lines.emplace_back(text.data());
    }
    return lines;
}

}  // namespace

const std::vector<std::string>& code_places(const void* address) {
    static std::unordered_map<const void*, std::vector<std::string>> known;
    const auto at = known.find(address);
    return at != known.end() ? at->second : known.emplace(address, look_up(address)).first->second;
}

}  // namespace drama::inline v0::internal
