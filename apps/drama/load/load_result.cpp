// SPDX-License-Identifier: Apache-2.0
#include "load/load_result.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace drama::cli {
namespace {

using counter = std::uint64_t load_result::*;

constexpr std::array<counter, 8> summed{&load_result::intended,   &load_result::answered,
                                        &load_result::in_time,    &load_result::dropped,
                                        &load_result::unfinished, &load_result::connects,
                                        &load_result::refused,    &load_result::unopened};
constexpr std::array<counter, 2> largest{&load_result::connect_errno, &load_result::span_ns};
constexpr std::size_t head_words = summed.size() + largest.size() + load_errors + 1;

}  // namespace

std::uint64_t load_result::bad_answers() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& [status, count] : bad_status) {
        sum += count;
    }
    return sum;
}

std::uint64_t load_result::failed() const noexcept {
    std::uint64_t sum = bad_answers();
    for (const std::uint64_t each : errors) {
        sum += each;
    }
    return sum;
}

double load_result::per_second() const noexcept {
    return span_ns == 0 ? 0 : static_cast<double>(in_time) * 1e9 / static_cast<double>(span_ns);
}

void load_result::merge(const load_result& other) {
    for (const counter each : summed) {
        this->*each += other.*each;
    }
    for (const counter each : largest) {
        this->*each = std::max(this->*each, other.*each);
    }
    for (std::size_t i = 0; i < load_errors; ++i) {
        errors[i] += other.errors[i];
    }
    for (const auto& [status, count] : other.bad_status) {
        bad_status[status] += count;
    }
    latency_ns.merge(other.latency_ns);
    late_ns.merge(other.late_ns);
}

void load_result::write(std::vector<std::uint64_t>& to) const {
    for (const counter each : summed) {
        to.push_back(this->*each);
    }
    for (const counter each : largest) {
        to.push_back(this->*each);
    }
    to.insert(to.end(), std::begin(errors), std::end(errors));
    to.push_back(bad_status.size());
    for (const auto& [status, count] : bad_status) {
        to.insert(to.end(), {status, count});
    }
    latency_ns.write(to);
    late_ns.write(to);
}

std::optional<load_result> load_result::read(std::span<const std::uint64_t>& from) {
    if (from.size() < head_words || (from.size() - head_words) / 2 < from[head_words - 1]) {
        return std::nullopt;
    }
    load_result made;
    std::size_t at = 0;
    for (const counter each : summed) {
        made.*each = from[at++];
    }
    for (const counter each : largest) {
        made.*each = from[at++];
    }
    for (std::uint64_t& each : made.errors) {
        each = from[at++];
    }
    for (std::uint64_t left = from[at++]; left > 0; --left, at += 2) {
        made.bad_status[from[at]] = from[at + 1];
    }
    from = from.subspan(at);
    auto latency = histogram::read(from);
    auto late = latency ? histogram::read(from) : std::nullopt;
    if (!late) {
        return std::nullopt;
    }
    made.latency_ns = *std::move(latency);
    made.late_ns = *std::move(late);
    return made;
}

std::string bytes_of(const std::vector<load_result>& results) {
    std::vector<std::uint64_t> words;
    for (const load_result& each : results) {
        each.write(words);
    }
    return {reinterpret_cast<const char*>(words.data()), words.size() * sizeof words[0]};
}

std::optional<std::vector<load_result>> results_in(const std::string& bytes, std::size_t count) {
    std::vector<std::uint64_t> words(bytes.size() / sizeof(std::uint64_t));
    if (!words.empty()) {
        std::memcpy(words.data(), bytes.data(), words.size() * sizeof words[0]);
    }
    std::span<const std::uint64_t> rest = words;
    std::vector<load_result> results;
    while (results.size() < count) {
        auto next = load_result::read(rest);
        if (!next) {
            return std::nullopt;
        }
        results.push_back(*std::move(next));
    }
    return rest.empty() ? std::optional(std::move(results)) : std::nullopt;
}

}  // namespace drama::cli
