// SPDX-License-Identifier: Apache-2.0
#include "drama/admin/tenant_history.hpp"

#include <algorithm>
#include <utility>

#include "drama/admin/fairness.hpp"

namespace drama::inline v0 {
namespace {

using totals = std::array<std::uint64_t, tenant_counters>;

// Of a second: what counts as one ready task all the time.
constexpr double always = 0.95;

void add_bytes(totals& to, const tenant_record& of) {
    const auto* const operations = of.operations();
    for (std::size_t i = 0; operations != nullptr && i < op_codes; ++i) {
        const auto code = static_cast<op_code>(i);
        const std::uint64_t bytes = (*operations)[i].bytes.read();
        to[static_cast<std::size_t>(tenant_figure::io_bytes)] += bytes;
        if (is_file_operation(code)) {
            to[static_cast<std::size_t>(tenant_figure::disk_bytes)] += bytes;
        }
    }
}

// Holds that last are asked of the queues, whose locks that takes: only where something waits.
std::uint64_t throttled_ns(const runtime& in, const tenant& of) {
    const auto [async, compute, blocking, disk] = of.record().queued();
    if (async + compute + blocking + disk == 0) {
        return of.record().throttled_ns();
    }
    std::uint64_t sum = of.record().held_at_gates().throttled_ns();
    for (const queue_id each :
         {queue_id::async, queue_id::compute, queue_id::blocking, queue_id::disk}) {
        sum += in.held_in(of, each).throttled_ns();
    }
    return sum;
}

totals totals_of(const runtime& in, const tenant& of) {
    const tenant_usage& usage = of.usage();
    totals made{usage.cpu_ns.read(),
                usage.burned_ns.read(),
                usage.queue_wait_ns.read() + usage.pool_wait_ns.read(),
                throttled_ns(in, of),
                usage.blocking_ns.read(),
                0,
                0,
                usage.tasks_ended.read(),
                usage.refused.read()};
    add_bytes(made, of.record());
    return made;
}

}  // namespace

std::string_view name_of(tenant_figure figure) noexcept {
    constexpr std::array<std::string_view, tenant_figures> names{
        "cpu_ns",   "burned_ns",   "wait_ns", "throttled_ns", "blocking_ns", "disk_bytes",
        "io_bytes", "tasks_ended", "refused", "wanted_ns",    "entitled_ns"};
    return names[static_cast<std::size_t>(figure)];
}

// What a tenant wanted: what it had; and if on average at least one of its tasks and functions was
// ready all the time, as much more as if none of them had had to wait. Who is always served soon is
// not in want, however often it waits for a moment.
tenant_history::row tenant_history::advance(const runtime& in, const tenant& of, duration since) {
    const totals seen = totals_of(in, of);
    const auto queued = of.record().queued();
    const std::uint64_t async_wait = of.usage().queue_wait_ns.read();
    tenant_state& old = states_[of.id()];
    row made{.tenant = static_cast<std::uint32_t>(of.id())};
    for (std::size_t i = 0; i != tenant_counters; ++i) {
        // An estimate of a hold that lasts may have been too long: it does not count twice.
        made.changed[i] = static_cast<float>(std::max(seen[i], old.totals[i]) - old.totals[i]);
        old.totals[i] = std::max(seen[i], old.totals[i]);
    }
    const auto span = static_cast<double>(since.count());
    const auto standing = [span](std::uint32_t& before, std::size_t now) {
        const auto then = std::exchange(before, static_cast<std::uint32_t>(now));
        return span * static_cast<double>(std::min<std::size_t>(then, now));
    };
    // A wait is counted where it ends, so what stood in the queue all the time is in no counter.
    const auto ended = static_cast<double>(async_wait - old.async_wait_ns);
    const double waited = std::max(ended, standing(old.queued_async, queued.async)) +
                          standing(old.queued_compute, queued.compute);
    old.async_wait_ns = async_wait;
    const double had = static_cast<double>(made[tenant_figure::cpu_ns]);
    made[tenant_figure::wanted_ns] =
        static_cast<float>(had + waited >= always * span ? had + waited : had);
    return made;
}

void tenant_history::share_cpu(std::vector<row>& rows, std::vector<cpu_claim>& claims) {
    double supply = 0;
    std::vector<cpu_claim*> order;
    for (std::size_t i = 0; i != rows.size(); ++i) {
        supply += static_cast<double>(rows[i][tenant_figure::cpu_ns]);
        claims[i].wanted = static_cast<double>(rows[i][tenant_figure::wanted_ns]);
        order.push_back(&claims[i]);
    }
    share_out(order, supply);
    for (std::size_t i = 0; i != rows.size(); ++i) {
        rows[i][tenant_figure::entitled_ns] = static_cast<float>(claims[i].entitled);
    }
}

void tenant_history::sample(runtime& of, instant now) {
    const std::lock_guard guard(mutex_);
    const bool is_first = sampled_at_ == long_ago;
    if (!is_first && now - sampled_at_ < gap_min) {
        return;
    }
    slice made{.began = sampled_at_, .ended = now, .rows = {}};
    std::vector<cpu_claim> claims;
    of.tenants().for_each([&](const tenant& each) {
        if (states_.size() <= each.id()) {
            states_.resize(each.id() + 1);
        }
        const row changed = advance(of, each, now - sampled_at_);
        if (std::ranges::any_of(changed.changed, [](float figure) { return figure > 0; })) {
            made.rows.push_back(changed);
            claims.push_back({.weight = static_cast<double>(each.record().share().weight())});
        }
    });
    sampled_at_ = now;
    if (is_first) {
        return;  // what happened before is in no window
    }
    share_cpu(made.rows, claims);
    rows_ += made.rows.size();
    slices_.push_back(std::move(made));
    forget_old(now);
}

void tenant_history::forget_old(instant now) {
    while (slices_.size() > 1 &&
           (rows_ * sizeof(row) > bytes_max || now - slices_[1].began >= length_max)) {
        rows_ -= slices_.front().rows.size();
        slices_.pop_front();
    }
}

tenant_window tenant_history::last(duration length) const {
    const std::lock_guard guard(mutex_);
    tenant_window made;
    for (auto each = slices_.rbegin(); each != slices_.rend() && made.length < length; ++each) {
        made.length = sampled_at_ - each->began;
        for (const row& changed : each->rows) {
            tenant_sums& sums = made.tenants[changed.tenant];
            for (std::size_t i = 0; i != tenant_figures; ++i) {
                sums.of[i] += static_cast<double>(changed.changed[i]);
            }
        }
    }
    return made;
}

}  // namespace drama::inline v0
