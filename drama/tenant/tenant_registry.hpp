// SPDX-License-Identifier: Apache-2.0
// All tenants of one runtime, by name and by id.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "drama/base/result.hpp"
#include "drama/tenant/tenant_record.hpp"

namespace drama::inline v0 {

/// Threads: all from any thread. Complexity: a hash lookup under a shared lock.
class DRAMA_API tenant_registry {
  public:
    /// Requires: cores > 0. `tenants_max` bounds what create makes; `system`, `unidentified` and
    /// `shared` exist always. `gate` admits their requests; null: all are admitted.
    tenant_registry(std::size_t cores, std::size_t tenants_max,
                    internal::admission_host* gate = nullptr);

    /// Finds or makes the tenant called `name`.
    /// Errors: errc::tenant_limit - `tenants_max` exist; errc::bad_argument - empty or over
    ///         `name_bytes_max` bytes.
    [[nodiscard]] result<tenant> find_or_create(std::string_view name);
    /// The same, but at the limit everybody else shares one tenant, `shared`.
    tenant get_or_create(std::string_view name);
    /// A false tenant if there is none.
    tenant find(std::string_view name) const;
    tenant find(std::uint64_t id) const;

    /// The runtime's own work; connections before their tenant is known; tenants beyond the limit.
    tenant system() const noexcept { return own_[0]; }
    tenant unidentified() const noexcept { return own_[1]; }
    tenant shared() const noexcept { return own_[2]; }

    std::size_t size() const;
    /// Calls `visit` for each tenant, oldest first. The registry is locked for reading meanwhile.
    void for_each(const std::function<void(tenant)>& visit) const;

    static constexpr std::size_t name_bytes_max = 255;

  private:
    tenant create_locked(std::string_view name);

    const std::size_t cores_;
    const std::size_t tenants_max_;
    internal::admission_host* const gate_;
    mutable std::shared_mutex mutex_;                      // guards both containers
    std::vector<std::unique_ptr<tenant_record>> records_;  // index = id
    std::unordered_map<std::string_view, tenant_record*> by_name_;
    std::array<tenant, 3> own_;  // constant: read without the lock
};

}  // namespace drama::inline v0
