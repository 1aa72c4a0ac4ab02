// SPDX-License-Identifier: Apache-2.0
#include "replay/run/fluid.hpp"

#include <algorithm>

namespace drama::cli {

fluid::fluid(std::uint32_t servers, std::vector<double> weights) : servers_(servers) {
    for (const double weight : weights) {
        tenants_.push_back({.weight = weight});
    }
}

void fluid::activate(tenant_state& of) {
    of.is_active = true;
    of.since = virtual_now_;
    weight_ += of.weight;
}

void fluid::end(std::uint32_t tenant, double at) {
    tenant_state& of = tenants_[tenant];
    of.got += (at - of.since) * of.weight;
    of.is_active = false;
    weight_ = std::max(0.0, weight_ - of.weight);
}

void fluid::set_backlogged(std::uint32_t tenant, bool is_backlogged, instant now) {
    advance(now);
    tenant_state& of = tenants_[tenant];
    if (of.is_active) {
        ends_.erase({of.ends, tenant});
        end(tenant, virtual_now_);
    }
    of.is_backlogged = is_backlogged;
    if (is_backlogged) {
        activate(of);
    }
}

void fluid::arrive(std::uint32_t tenant, duration cost, instant now) {
    advance(now);
    tenant_state& of = tenants_[tenant];
    if (of.is_active) {
        ends_.erase({of.ends, tenant});
    } else {
        activate(of);
        of.ends = virtual_now_;
    }
    of.ends += static_cast<double>(cost.count()) / of.weight;
    ends_.emplace(of.ends, tenant);
}

void fluid::advance(instant now) {
    auto left = static_cast<double>((now - last_).count());
    last_ = now;
    while (left > 0 && weight_ > 0) {
        const double pace = servers_ / weight_;
        const double reaches = virtual_now_ + left * pace;
        if (ends_.empty() || ends_.begin()->first > reaches) {
            virtual_now_ = reaches;
            return;
        }
        const auto [at, tenant] = *ends_.begin();
        ends_.erase(ends_.begin());
        left -= std::max(0.0, at - virtual_now_) / pace;
        virtual_now_ = std::max(virtual_now_, at);
        end(tenant, virtual_now_);
    }
}

double fluid::service(std::uint32_t tenant) const {
    const tenant_state& of = tenants_[tenant];
    return of.got + (of.is_active ? (virtual_now_ - of.since) * of.weight : 0);
}

double fluid::rate(std::uint32_t tenant) const {
    const tenant_state& of = tenants_[tenant];
    const double all = weight_ + (of.is_active ? 0 : of.weight);
    return servers_ * of.weight / all;
}

}  // namespace drama::cli
