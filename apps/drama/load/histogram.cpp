// SPDX-License-Identifier: Apache-2.0
#include "load/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace drama::cli {
namespace {

constexpr unsigned digits = 10;  // binary ones: 2^10 > 1000
constexpr std::uint64_t half = std::uint64_t{1} << digits;
constexpr std::size_t growth = 1024;

// Values below 2 * half have a bucket each; above, every power of two has `half` of them.
constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    const unsigned shift = width > digits + 1 ? width - (digits + 1) : 0;
    return shift * half + (value >> shift);
}

constexpr std::uint64_t last_value_of(std::size_t bucket) noexcept {
    if (bucket < 2 * half) {
        return bucket;
    }
    const std::uint64_t shift = bucket / half - 1;
    const std::uint64_t within = bucket - shift * half;
    return ((within + 1) << shift) - 1;
}

constexpr std::size_t buckets_max = bucket_of(histogram::value_max) + 1;
static_assert(last_value_of(buckets_max - 1) == histogram::value_max);

}  // namespace

void histogram::record(std::uint64_t value) {
    value = std::min(value, value_max);
    count_in(bucket_of(value), 1);
    sum_ += value;
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
}

void histogram::count_in(std::size_t bucket, std::uint64_t times) {
    if (bucket >= counts_.size()) {
        counts_.resize(std::min(buckets_max, (bucket / growth + 1) * growth));
    }
    counts_[bucket] += times;
    count_ += times;
}

void histogram::merge(const histogram& other) {
    for (std::size_t i = 0; i < other.counts_.size(); ++i) {
        if (other.counts_[i] != 0) {
            count_in(i, other.counts_[i]);
        }
    }
    sum_ += other.sum_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
}

double histogram::mean() const noexcept {
    return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

std::uint64_t histogram::at(double share) const noexcept {
    if (count_ == 0 || share <= 0) {
        return min();
    }
    const double wanted = std::ceil(share * static_cast<double>(count_));
    const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
    std::uint64_t passed = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        passed += counts_[i];
        if (passed >= rank) {
            return std::clamp(last_value_of(i), min_, max_);
        }
    }
    return max_;
}

void histogram::write(std::vector<std::uint64_t>& to) const {
    const auto used = static_cast<std::uint64_t>(std::count_if(
        counts_.begin(), counts_.end(), [](std::uint64_t each) { return each != 0; }));
    to.insert(to.end(), {used, sum_, min_, max_});
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        if (counts_[i] != 0) {
            to.insert(to.end(), {i, counts_[i]});
        }
    }
}

std::optional<histogram> histogram::read(std::span<const std::uint64_t>& from) {
    if (from.size() < 4 || from[0] > buckets_max || (from.size() - 4) / 2 < from[0]) {
        return std::nullopt;
    }
    histogram made;
    made.sum_ = from[1];
    made.min_ = from[2];
    made.max_ = from[3];
    for (std::size_t i = 0; i < from[0]; ++i) {
        const std::uint64_t bucket = from[4 + 2 * i];
        if (bucket >= buckets_max) {
            return std::nullopt;
        }
        made.count_in(bucket, from[5 + 2 * i]);
    }
    from = from.subspan(4 + 2 * from[0]);
    return made;
}

}  // namespace drama::cli
