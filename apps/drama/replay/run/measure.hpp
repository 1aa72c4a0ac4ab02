// SPDX-License-Identifier: Apache-2.0
// What a replay measures of a tenant: service, lag behind the fluid, waits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "drama/base/clock.hpp"
#include "load/histogram.hpp"

namespace drama::cli {

/// Mean, deviation and range of a series. Threads: one at a time.
class series {
  public:
    void add(double value) noexcept {
        ++count_;
        const double before = value - mean_;
        mean_ += before / static_cast<double>(count_);
        squares_ += before * (value - mean_);
        least_ = std::min(least_, value);
        most_ = std::max(most_, value);
    }
    void merge(const series& other) noexcept {
        if (other.count_ == 0) {
            return;
        }
        const auto mine = static_cast<double>(count_);
        const auto its = static_cast<double>(other.count_);
        const double apart = other.mean_ - mean_;
        mean_ += apart * its / (mine + its);
        squares_ += other.squares_ + apart * apart * mine * its / (mine + its);
        count_ += other.count_;
        least_ = std::min(least_, other.least_);
        most_ = std::max(most_, other.most_);
    }
    std::uint64_t count() const noexcept { return count_; }
    double mean() const noexcept { return mean_; }
    double sigma() const noexcept {
        return count_ == 0 ? 0 : std::sqrt(squares_ / static_cast<double>(count_));
    }
    double least() const noexcept { return count_ == 0 ? 0 : least_; }
    double most() const noexcept { return count_ == 0 ? 0 : most_; }

  private:
    std::uint64_t count_ = 0;
    double mean_ = 0;
    double squares_ = 0;
    double least_ = std::numeric_limits<double>::infinity();
    double most_ = -std::numeric_limits<double>::infinity();
};

/// Service of one tenant by one queue's servers. Units: nanoseconds.
struct service_count {
    std::int64_t done = 0;         ///< of items that ended
    std::int64_t running = 0;      ///< items that run
    std::int64_t started_sum = 0;  ///< over these

    std::int64_t at(instant now) const noexcept {
        return done + running * now.time_since_epoch().count() - started_sum;
    }
};

/// One tenant, or all of one line of the workload.
struct replay_figures {
    std::uint64_t arrived = 0;
    std::uint64_t finished = 0;
    double service_ns = 0;  ///< after the warm-up, in all queues
    double dominant = 0;    ///< the largest part of any queue that it had
    series lag_fair_s;      ///< service behind the fluid, in seconds of a fair share
    series lag_ns;          ///< the same in the servers' time, not divided by the share
    histogram wait_ns;      ///< queued to started, of each stage
    histogram response_ns;  ///< arrived to finished
    std::uint64_t unfinished = 0;
};

}  // namespace drama::cli
