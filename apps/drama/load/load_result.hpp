// SPDX-License-Identifier: Apache-2.0
// What became of the requests of one group.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "load/histogram.hpp"

namespace drama::cli {

/// How an exchange can fail without an answer of success.
enum class load_error : std::uint8_t {
    timeout,    ///< no whole answer in time
    closed,     ///< the connection ended before the answer did
    malformed,  ///< what came is no HTTP
};
inline constexpr std::size_t load_errors = 3;

/// Every request that was meant to be sent is in exactly one of answered, bad_status, errors,
/// dropped and unfinished. Units: nanoseconds.
struct load_result {
    std::uint64_t intended = 0;    ///< requests that were meant to be sent
    std::uint64_t answered = 0;    ///< 2xx
    std::uint64_t in_time = 0;     ///< those of them that came before the end of sending
    std::uint64_t dropped = 0;     ///< never sent: too many outstanding
    std::uint64_t unfinished = 0;  ///< under way or waiting when all was stopped
    std::uint64_t errors[load_errors] = {};
    std::uint64_t connects = 0;  ///< connections that opened
    std::uint64_t refused = 0;   ///< connections that were refused
    std::uint64_t unopened = 0;  ///< connections that failed otherwise
    std::uint64_t connect_errno = 0;
    std::uint64_t span_ns = 0;  ///< from the first intended request to the end of sending
    std::map<std::uint64_t, std::uint64_t> bad_status;  ///< answers that are not 2xx, by status
    /// From the intended time to the answer; a request without one counts with its timeout.
    histogram latency_ns;
    histogram late_ns;  ///< from the intended time to when the generator came to it

    std::uint64_t bad_answers() const noexcept;
    std::uint64_t failed() const noexcept;  ///< bad answers and errors
    double per_second() const noexcept;
    void merge(const load_result& other);

    void write(std::vector<std::uint64_t>& to) const;
    static std::optional<load_result> read(std::span<const std::uint64_t>& from);
};

/// Results as bytes, for another process of this program, and back; nullopt if `bytes` are not
/// those of `count` results.
std::string bytes_of(const std::vector<load_result>& results);
std::optional<std::vector<load_result>> results_in(const std::string& bytes, std::size_t count);

}  // namespace drama::cli
