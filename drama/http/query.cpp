// SPDX-License-Identifier: Apache-2.0
#include "drama/http/query.hpp"

#include <algorithm>
#include <string>

#include "drama/http/internal/grammar.hpp"

namespace drama::inline v0 {
namespace {

class category final : public std::error_category {
  public:
    const char* name() const noexcept override { return "drama.query"; }

    std::string message(int value) const override {
        switch (static_cast<query_errc>(value)) {
            case query_errc::missing:
                return "the value is missing";
            case query_errc::not_a_number:
                return "not a decimal number";
            case query_errc::too_small:
                return "the number is too small";
            case query_errc::too_large:
                return "the number is too large";
            case query_errc::bad_escape:
                return "a % is not followed by two hex digits, or is %00";
        }
        return "unknown query error " + std::to_string(value);
    }

    std::error_condition default_error_condition(int value) const noexcept override {
        switch (static_cast<query_errc>(value)) {
            case query_errc::too_small:
            case query_errc::too_large:
                return std::errc::result_out_of_range;
            default:
                return std::errc::invalid_argument;
        }
    }
};

}  // namespace

const std::error_category& query_category() noexcept {
    static const category instance;
    return instance;
}

std::string_view target_path(std::string_view target) noexcept {
    return target.substr(0, target.find('?'));
}

std::optional<std::string_view> query_value(std::string_view target,
                                            std::string_view key) noexcept {
    const std::size_t mark = target.find('?');
    if (mark == target.npos) {
        return std::nullopt;
    }
    std::string_view rest = target.substr(mark + 1);
    for (;;) {
        const std::size_t end = std::min(rest.find('&'), rest.size());
        const std::string_view pair = rest.substr(0, end);
        const std::size_t equals = std::min(pair.find('='), pair.size());
        // An empty pair ("a=1&&b=2") is no key, not even an empty one.
        if (!pair.empty() && pair.substr(0, equals) == key) {
            return pair.substr(std::min(equals + 1, pair.size()));
        }
        if (end == rest.size()) {
            return std::nullopt;
        }
        rest.remove_prefix(end + 1);
    }
}

result<std::uint64_t> parse_number(std::string_view text, number_range range) noexcept {
    const bool all_digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    if (text.empty() || !all_digits) {
        return fail(query_errc::not_a_number);
    }
    const auto value = internal::parse_decimal(text);
    if (!value || *value > range.max) {
        return fail(query_errc::too_large);
    }
    if (*value < range.min) {
        return fail(query_errc::too_small);
    }
    return *value;
}

result<std::uint64_t> query_number(std::string_view target, std::string_view key,
                                   number_range range) noexcept {
    const auto text = query_value(target, key);
    if (!text) {
        return fail(query_errc::missing);
    }
    return parse_number(*text, range);
}

result<std::uint64_t> query_number_or(std::string_view target, std::string_view key,
                                      std::uint64_t fallback, number_range range) noexcept {
    const auto text = query_value(target, key);
    if (!text) {
        return fallback;
    }
    return parse_number(*text, range);
}

result<std::string_view> percent_decode(std::string_view text, std::span<char> out,
                                        plus_sign plus) noexcept {
    std::size_t size = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            const int high = i + 1 < text.size() ? internal::hex_value(text[i + 1]) : -1;
            const int low = i + 2 < text.size() ? internal::hex_value(text[i + 2]) : -1;
            // An encoded NUL would end the name early in every C interface behind this one.
            if (high < 0 || low < 0 || high + low == 0) {
                return fail(query_errc::bad_escape);
            }
            c = static_cast<char>(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus == plus_sign::blank) {
            c = ' ';
        }
        if (size == out.size()) {
            return fail(std::make_error_code(std::errc::no_buffer_space));
        }
        out[size++] = c;
    }
    return std::string_view(out.data(), size);
}

}  // namespace drama::inline v0
