// SPDX-License-Identifier: Apache-2.0
#include "drama/admin/fairness.hpp"

#include <algorithm>
#include <vector>

#include "drama/admin/metrics_holds.hpp"

namespace drama::inline v0 {
namespace {

constexpr double demand_min = 0.001;  // CPUs

}  // namespace

void share_out(std::span<cpu_claim*> claims, double supply) {
    // Who is content with the least for its weight comes first: what it leaves goes to all others.
    std::ranges::sort(claims, [](const cpu_claim* a, const cpu_claim* b) {
        return a->wanted * b->weight < b->wanted * a->weight;
    });
    double weights = 0;
    for (const cpu_claim* const each : claims) {
        weights += each->weight;
    }
    for (cpu_claim* const each : claims) {
        const double part = weights > 0 ? supply * each->weight / weights : 0;
        each->entitled = std::min(each->wanted, part);
        supply -= each->entitled;
        weights -= each->weight;
    }
}

double jain_index(std::span<const double> of) noexcept {
    double sum = 0;
    double squares = 0;
    for (const double each : of) {
        sum += each;
        squares += each * each;
    }
    return squares > 0 ? sum * sum / (static_cast<double>(of.size()) * squares) : 1;
}

double satisfaction_of(const tenant_sums& did) noexcept {
    const double entitled = did[tenant_figure::entitled_ns];
    return entitled > 0 ? did[tenant_figure::cpu_ns] / entitled : 1;
}

bool has_demand(const tenant_sums& did, duration window) noexcept {
    return did[tenant_figure::wanted_ns] > 0 &&
           did[tenant_figure::wanted_ns] >= demand_min * static_cast<double>(window.count());
}

fairness_figures fairness_in(runtime& of, const tenant_window& window) {
    fairness_figures seen;
    seen.window = window.length;
    std::vector<double> all;
    of.tenants().for_each([&](const tenant& each) {
        const tenant_sums did = window.of(each.id());
        if (has_demand(did, window.length)) {
            all.push_back(satisfaction_of(did));
            seen.victims += all.back() < fairness_figures::victim_below ? 1U : 0U;
            if (seen.least_name.empty() || all.back() < seen.least) {
                seen.least = all.back();
                seen.least_name = each.name();
            }
        }
        if (const double lag = lag_seconds(of, each); lag > seen.lag_max) {
            seen.lag_max = lag;
            seen.lag_max_name = each.name();
        }
    });
    seen.tenants = all.size();
    seen.jain = jain_index(all);
    return seen;
}

void write_fairness(json_writer& json, const fairness_figures& seen) {
    json.begin_object("fairness");
    json.number("window_ns", seen.window.count());
    json.number("tenants", seen.tenants);
    json.number("jain", seen.jain);
    json.number("victims", seen.victims);
    json.number("satisfaction_min", seen.least);
    json.text("satisfaction_min_tenant", seen.least_name);
    json.number("lag_max_ns", static_cast<std::int64_t>(seen.lag_max * 1e9));
    json.text("lag_max_tenant", seen.lag_max_name);
    json.end_object();
}

}  // namespace drama::inline v0
