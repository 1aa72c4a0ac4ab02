// SPDX-License-Identifier: Apache-2.0
#include "drama/net/endpoint.hpp"

#include <charconv>

namespace drama::inline v0 {

result<endpoint> endpoint::parse(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return fail(errc::bad_argument);
    }
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    if (host.starts_with('[')) {
        if (!host.ends_with(']')) {
            return fail(errc::bad_argument);
        }
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
        return fail(errc::bad_argument);  // "::1" has no port; with one it needs brackets
    }
    endpoint made{std::string(host), 0};
    const char* last = digits.data() + digits.size();
    const auto [end, error] = std::from_chars(digits.data(), last, made.port);
    if (error != std::errc{} || end != last) {
        return fail(errc::bad_argument);
    }
    return made;
}

endpoint endpoint::of(const socket_address& address) {
    const std::string text = address.to_string();
    if (address.family() == AF_UNIX) {
        return {text, 0};
    }
    if (auto parsed = parse(text)) {
        return *parsed;
    }
    return {};
}

std::string endpoint::to_string() const {
    const bool needs_brackets = host.find(':') != std::string::npos;
    return (needs_brackets ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

}  // namespace drama::inline v0
