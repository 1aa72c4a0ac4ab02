// SPDX-License-Identifier: Apache-2.0
#include "drama/fault/fault_mix.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <span>

namespace drama::inline v0 {
namespace {

using enum fault_kind;

// The other forms of a kind, by value; the usual one is always among them.
std::span<const std::int64_t> other_forms(fault_kind kind) noexcept {
    static constexpr std::array<std::int64_t, 2> connects{ETIMEDOUT, EHOSTUNREACH};
    static constexpr std::array<std::int64_t, 1> accepts{ENFILE};
    static constexpr std::array<std::int64_t, 2> full{EDQUOT, EROFS};
    static constexpr std::array<std::int64_t, 1> interrupted{EAGAIN};
    static constexpr std::array<std::int64_t, 2> zero_to_two{1, 2};
    static constexpr std::array<std::int64_t, 1> zero_or_one{1};
    static constexpr std::array<std::int64_t, 1> one_way{-1'000'000'000};
    switch (kind) {
        case connect_fails:
            return connects;
        case accept_fails:
            return accepts;
        case disk_full:
            return full;
        case disk_interrupted:
            return interrupted;
        case datagram_mangled:
        case unsynced_lost:
            return zero_to_two;
        case tenant_reconfigured:
            return zero_or_one;
        case partition:
            return one_way;
        default:
            return {};
    }
}

std::optional<std::int64_t> draw_form(prng& random, fault_kind kind) {
    const auto forms = other_forms(kind);
    const auto drawn = random.below(forms.size() + 1);
    return drawn == 0 ? std::nullopt : std::optional(forms[drawn - 1]);
}

// Early points more often than late ones: most runs are short.
std::uint64_t draw_k(prng& random) noexcept {
    return 1 + random.below(std::uint64_t{1} << random.below(8));
}

fault_when draw_when(prng& random, const fault_mix& mix) noexcept {
    switch (random.below(mix.may_last ? 4 : 3)) {
        case 0:
        case 1:
            return nth(draw_k(random));
        case 2:
            return probability(mix.often_most * random.unit());
        default:
            return from(draw_k(random));
    }
}

}  // namespace

std::vector<fault_kind> kinds_of(std::string_view family) {
    std::vector<fault_kind> kinds;
    for (std::size_t i = 0; i < fault_kinds; ++i) {
        const auto kind = static_cast<fault_kind>(i);
        if (family_of(kind) == family) {
            kinds.push_back(kind);
        }
    }
    return kinds;
}

std::vector<fault_rule> draw_faults(prng& random, const fault_mix& mix) {
    std::vector<fault_rule> rules;
    for (const fault_kind kind : mix.kinds) {
        if (random.unit() < mix.part) {
            const fault_when when = draw_when(random, mix);
            rules.push_back({.kind = kind,
                             .when = when,
                             .tenant = mix.tenant,
                             .value = draw_form(random, kind)});
        }
    }
    return rules;
}

}  // namespace drama::inline v0
