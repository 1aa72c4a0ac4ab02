// SPDX-License-Identifier: Apache-2.0
#include "drama/http/message.hpp"

#include "drama/http/internal/grammar.hpp"

namespace drama::inline v0 {

std::optional<std::string_view> header_list::find(std::string_view name) const noexcept {
    for (const header_field field : *this) {
        if (internal::equals_ignore_case(field.name, name)) {
            return field.value;
        }
    }
    return std::nullopt;
}

}  // namespace drama::inline v0
