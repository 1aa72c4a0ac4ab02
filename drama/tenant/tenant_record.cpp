// SPDX-License-Identifier: Apache-2.0
#include "drama/tenant/tenant_record.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

#include "drama/coro/frame_pool.hpp"

namespace drama::inline v0 {

tenant_record::tenant_record(std::uint64_t id, std::string name, std::size_t cores,
                             internal::admission_host* gate)
    : drama::account(id),
      more_lanes_(cores > first_cores
                      ? std::make_unique<std::atomic<tenant_lanes*>[]>(cores - first_cores)
                      : nullptr),
      cores_(cores),
      compute_lanes_(share()),
      blocking_lanes_(share()),
      demoted_(*this),
      name_(std::move(name)),
      gate_(gate) {
    for (const auto kind : {internal::gate_kind::spawn, internal::gate_kind::request}) {
        line_at(kind).of = this;
        line_at(kind).kind = kind;
    }
    set(tenant_options{});
}

tenant_record::~tenant_record() {
    for (std::size_t core = 0; core < cores_; ++core) {
        delete lanes_at(core).load(std::memory_order_relaxed);
    }
    delete operations_.load(std::memory_order_relaxed);
    delete disk_.load(std::memory_order_relaxed);
}

tenant_lanes& tenant_record::lanes_on(std::size_t core) {
    std::atomic<tenant_lanes*>& at = lanes_at(core);
    tenant_lanes* lanes = at.load(std::memory_order_relaxed);
    if (lanes == nullptr) [[unlikely]] {
        lanes = new tenant_lanes(*this);
        at.store(lanes, std::memory_order_release);  // pairs with queued()
    }
    return *lanes;
}

tenant_record::depths tenant_record::queued() const noexcept {
    depths seen{.async = demoted_.size.load(std::memory_order_relaxed),
                .compute = compute_lanes_.size(),
                .blocking = blocking_lanes_.size()};
    for (std::size_t core = 0; core < cores_; ++core) {
        const tenant_lanes* const lanes = lanes_at(core).load(std::memory_order_acquire);
        seen.async += lanes != nullptr ? lanes->size() : 0;
    }
    if (const disk_account* const disk = disk_if_any()) {
        seen.disk = disk->lanes.size();
    }
    return seen;
}

disk_account* tenant_record::disk() noexcept {
    disk_account* known = disk_.load(std::memory_order_relaxed);
    if (known == nullptr && internal::may_allocate("tenant", sizeof(disk_account))) [[unlikely]] {
        known = new (std::nothrow) disk_account(share());
        disk_.store(known, std::memory_order_release);  // pairs with disk_if_any()
    }
    return known;
}

void tenant_record::set(const tenant_options& options) noexcept {
    share().set_weight(options.weight);
    share().set_latency(options.latency);
    tasks_max_.store(options.limit.tasks, std::memory_order_relaxed);
    requests_max_.store(options.limit.requests, std::memory_order_relaxed);
    blocking_queue_max_.store(options.limit.blocking_queue, std::memory_order_relaxed);
    queue_delay_ns_.store(options.limit.queue_delay.count(), std::memory_order_relaxed);
}

tenant_limits tenant_record::limits() const noexcept {
    return {.tasks = tasks_max_.load(std::memory_order_relaxed),
            .requests = requests_max_.load(std::memory_order_relaxed),
            .blocking_queue = blocking_queue_max_.load(std::memory_order_relaxed),
            .queue_delay = duration(queue_delay_ns_.load(std::memory_order_relaxed))};
}

void tenant_record::charge_operations(op_code code, const op_count& some) noexcept {
    auto* table = operations_.load(std::memory_order_acquire);
    if (table == nullptr) {
        auto* const made = internal::may_allocate("tenant", sizeof(tenant_usage::op_table))
                               ? new (std::nothrow) tenant_usage::op_table{}
                               : nullptr;
        if (made == nullptr) {
            return;
        }
        if (operations_.compare_exchange_strong(table, made, std::memory_order_acq_rel)) {
            table = made;
        } else {
            delete made;
        }
    }
    op_usage& usage_of_code = (*table)[static_cast<std::size_t>(code)];
    usage_of_code.operations.add(some.operations);
    if (some.errors != 0) {
        usage_of_code.errors.add(some.errors);
    }
    if (some.bytes != 0) {
        usage_of_code.bytes.add(some.bytes);
    }
}

std::uint32_t tenant_record::note_overrun(const task_site& site) noexcept {
    const std::lock_guard guard(sites_lock_);
    if (!sites_) {
        sites_.reset(new (std::nothrow) std::array<site_record, sites_max>{});
        if (!sites_) {
            return 0;
        }
    }
    site_record* found = find_site(site);
    if (found == nullptr) {
        found = &*std::ranges::min_element(*sites_, {}, &site_record::overruns);
        *found = {.site = site};
    }
    if (++found->overruns == overruns_until_demoted) {
        has_demoted_site_.store(true, std::memory_order_relaxed);
    }
    return found->overruns;
}

tenant_record::site_record* tenant_record::find_site(const task_site& site) noexcept {
    for (site_record& each : *sites_) {
        if (each.overruns != 0 && each.site == site) {
            return &each;
        }
    }
    return nullptr;
}

bool tenant_record::find_demoted(const task_site& site) noexcept {
    const std::lock_guard guard(sites_lock_);
    const site_record* const found = find_site(site);
    return found != nullptr && found->is_demoted();
}

void tenant_record::note_demoted_poll(const task_site& site, bool has_overrun) noexcept {
    const std::lock_guard guard(sites_lock_);
    site_record* const found = sites_ != nullptr ? find_site(site) : nullptr;
    if (found == nullptr) {
        return;
    }
    found->calm_polls = has_overrun ? 0 : found->calm_polls + 1;
    if (found->calm_polls == calm_polls_until_forgiven) {
        *found = {};
        has_demoted_site_.store(std::ranges::any_of(*sites_, &site_record::is_demoted),
                                std::memory_order_relaxed);
    }
}

}  // namespace drama::inline v0
