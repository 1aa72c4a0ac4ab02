// SPDX-License-Identifier: Apache-2.0
// Generalised processor sharing: what each tenant would have got of a queue's servers if service
// were infinitely divisible. The lag of a tenant is measured against it.
#pragma once

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "drama/base/clock.hpp"

namespace drama::cli {

/// Units: nanoseconds of one server.
class fluid {
  public:
    fluid(std::uint32_t servers, std::vector<double> weights);

    /// `tenant` always has work from now on, or no longer.
    void set_backlogged(std::uint32_t tenant, bool is_backlogged, instant now);
    /// Work of `cost` comes. Requires: the tenant is not always backlogged.
    void arrive(std::uint32_t tenant, duration cost, instant now);

    void advance(instant now);
    /// What the tenant has got up to the last advance().
    double service(std::uint32_t tenant) const;
    /// What a second brings it now, if it has work. Requires: somebody has work.
    double rate(std::uint32_t tenant) const;

  private:
    struct tenant_state {
        double weight = 1;
        double got = 0;    ///< before `since`
        double since = 0;  ///< virtual time
        double ends = 0;   ///< virtual time at which its work is done
        bool is_active = false;
        bool is_backlogged = false;
    };

    void activate(tenant_state& of);
    void end(std::uint32_t tenant, double at);

    std::uint32_t servers_;
    std::vector<tenant_state> tenants_;
    std::set<std::pair<double, std::uint32_t>> ends_;
    double virtual_now_ = 0;
    double weight_ = 0;
    instant last_ = long_ago;
};

}  // namespace drama::cli
