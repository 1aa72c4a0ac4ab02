// SPDX-License-Identifier: Apache-2.0
#include "drama/base/coverage/mark.hpp"

// The linker names the ends of the section; weak, for programs without a mark.
extern "C" {
[[gnu::weak, gnu::visibility("hidden")]] extern drama::internal::mark __start_drama_marks[];
[[gnu::weak, gnu::visibility("hidden")]] extern drama::internal::mark __stop_drama_marks[];
}

namespace drama::inline v0::internal {

std::span<const mark> all_marks() noexcept {
    return {__start_drama_marks, __stop_drama_marks};
}

}  // namespace drama::inline v0::internal
