// SPDX-License-Identifier: Apache-2.0
#include "drama/tenant/tenant_registry.hpp"

#include <mutex>

namespace drama::inline v0 {

tenant_registry::tenant_registry(std::size_t cores, std::size_t tenants_max,
                                 internal::admission_host* gate)
    : cores_(cores), tenants_max_(tenants_max), gate_(gate) {
    own_ = {create_locked("system"), create_locked("unidentified"), create_locked("shared")};
}

tenant tenant_registry::create_locked(std::string_view name) {
    auto made = std::make_unique<tenant_record>(records_.size(), std::string(name), cores_, gate_);
    tenant_record& record = *made;
    records_.push_back(std::move(made));
    by_name_.emplace(record.name(), &record);
    return tenant(record);
}

result<tenant> tenant_registry::find_or_create(std::string_view name) {
    if (const tenant found = find(name)) {
        return found;
    }
    if (name.empty() || name.size() > name_bytes_max) {
        return fail(errc::bad_argument);
    }
    const std::unique_lock lock(mutex_);
    if (const auto found = by_name_.find(name); found != by_name_.end()) {
        return tenant(*found->second);
    }
    if (records_.size() >= tenants_max_ + 3) {
        return fail(errc::tenant_limit);
    }
    return create_locked(name);
}

tenant tenant_registry::get_or_create(std::string_view name) {
    const auto made = find_or_create(name);
    return made ? *made : shared();
}

tenant tenant_registry::find(std::string_view name) const {
    const std::shared_lock lock(mutex_);
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? tenant() : tenant(*found->second);
}

tenant tenant_registry::find(std::uint64_t id) const {
    const std::shared_lock lock(mutex_);
    return id < records_.size() ? tenant(*records_[id]) : tenant();
}

std::size_t tenant_registry::size() const {
    const std::shared_lock lock(mutex_);
    return records_.size();
}

void tenant_registry::for_each(const std::function<void(tenant)>& visit) const {
    const std::shared_lock lock(mutex_);
    for (const auto& record : records_) {
        visit(tenant(*record));
    }
}

}  // namespace drama::inline v0
