// SPDX-License-Identifier: Apache-2.0
// Counts values in log-linear buckets, as HDR histograms do: 1024 buckets for each power of two, so
// that a value is known to better than 0.1 %. It takes no samples and drops none.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace drama::cli {

/// Values from 0 to `value_max`, each kept to three significant digits; larger ones count as
/// `value_max`.
///
/// Complexity: record() O(1); it allocates only where a value is larger than all before. The memory
///             is 8 bytes for each bucket up to the largest value's, at most 256 KiB.
/// Threads:    one at a time; merge histograms of several threads.
class histogram {
  public:
    /// 73 minutes, where the unit is a nanosecond.
    static constexpr std::uint64_t value_max = (std::uint64_t{1} << 42) - 1;

    void record(std::uint64_t value);
    void merge(const histogram& other);

    std::uint64_t count() const noexcept { return count_; }
    bool is_empty() const noexcept { return count_ == 0; }
    std::uint64_t min() const noexcept { return count_ == 0 ? 0 : min_; }
    std::uint64_t max() const noexcept { return max_; }
    double mean() const noexcept;
    /// The value that `share` of all values do not exceed; the least one for 0, max() for 1; 0 if
    /// nothing was recorded. Complexity: O(buckets).
    std::uint64_t at(double share) const noexcept;

    /// The histogram as numbers, to be sent to another process of this program.
    void write(std::vector<std::uint64_t>& to) const;
    /// Takes from the front of `from` what write() put there; nullopt if that is something else.
    static std::optional<histogram> read(std::span<const std::uint64_t>& from);

  private:
    void count_in(std::size_t bucket, std::uint64_t times);

    std::vector<std::uint64_t> counts_;
    std::uint64_t count_ = 0;
    std::uint64_t sum_ = 0;
    std::uint64_t min_ = UINT64_MAX;
    std::uint64_t max_ = 0;
};

}  // namespace drama::cli
