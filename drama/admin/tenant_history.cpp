// SPDX-License-Identifier: Apache-2.0
#include "drama/admin/tenant_history.hpp"

#include <algorithm>
#include <utility>

namespace drama::inline v0 {
namespace {

using totals = std::array<std::uint64_t, tenant_figures>;

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
        "cpu_ns",     "burned_ns", "wait_ns",     "throttled_ns", "blocking_ns",
        "disk_bytes", "io_bytes",  "tasks_ended", "refused"};
    return names[static_cast<std::size_t>(figure)];
}

void tenant_history::sample(runtime& of, instant now) {
    const std::lock_guard guard(mutex_);
    const bool is_first = sampled_at_ == long_ago;
    if (!is_first && now - sampled_at_ < gap_min) {
        return;
    }
    slice made{.began = sampled_at_, .ended = now, .rows = {}};
    of.tenants().for_each([&](const tenant& each) {
        const totals seen = totals_of(of, each);
        if (totals_.size() <= each.id()) {
            totals_.resize(each.id() + 1);
        }
        row changed{.tenant = static_cast<std::uint32_t>(each.id())};
        bool has_changed = false;
        for (std::size_t i = 0; i != tenant_figures; ++i) {
            // An estimate of a hold that lasts may have been too long: it does not count twice.
            std::uint64_t& old = totals_[each.id()][i];
            changed.changed[i] = static_cast<float>(std::max(seen[i], old) - old);
            has_changed |= seen[i] > old;
            old = std::max(seen[i], old);
        }
        if (has_changed) {
            made.rows.push_back(changed);
        }
    });
    sampled_at_ = now;
    if (is_first) {
        return;  // what happened before is in no window
    }
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
