// SPDX-License-Identifier: Apache-2.0
// Who pays for a request to `drama serve`: whom its bearer token names, or its Drama-Tenant header
// where there are no tokens. A new configuration takes the place of the old one between two
// requests.
#pragma once

#include <atomic>
#include <expected>
#include <memory>
#include <vector>

#include "drama/base/spinlock.hpp"
#include "drama/http/server.hpp"
#include "serve/config/config.hpp"
#include "serve/config/token_digest.hpp"

namespace drama::cli {

/// Tenants and tokens of one runtime, as its configuration has them.
///
/// A request takes a reference to the table of tokens that counts when it comes; `apply` puts
/// another in its place, and the last reference frees the old one. Whoever was admitted goes on.
///
/// With tokens, Drama-Tenant counts no more, and who shows no token, or one that nobody has, is
/// `unidentified`. That stays so when a later configuration has no tokens: a file that lost them
/// does not let everybody claim to be anybody.
///
/// Lifetime: the registry outlives it.
class accounts final : public http_tenant_resolver {
  public:
    explicit accounts(tenant_registry& tenants) noexcept : tenants_(&tenants) {}

    /// Makes the tenants of `wanted`, and what it says of them and of tokens, count, all or
    /// nothing. Tenants that were in the last one and are not in `wanted` get the defaults back.
    /// Errors: errc::tenant_limit; those of token_table::make. Threads: one at a time.
    result<void> apply(const serve_config& wanted);

    /// Threads: any. Errors: 400 and 401 with a line that says why.
    std::expected<tenant, http_reply> resolve(const http_request& request,
                                              tenant_registry& tenants) noexcept override;

    /// Tokens say who pays. Once true, it stays so. Threads: any.
    bool is_by_token() const noexcept { return is_by_token_.load(std::memory_order_acquire); }

  private:
    std::shared_ptr<const token_table> tokens() const noexcept;
    std::expected<tenant, http_reply> tenant_by_token(const http_request& request) const;

    tenant_registry* tenants_;
    std::vector<tenant> configured_;        // by the last apply, in order of id; its own
    std::atomic<bool> is_by_token_{false};  // pairs with itself: seen true, tokens_ is set
    mutable spinlock lock_;                 // guards tokens_
    std::shared_ptr<const token_table> tokens_;
};

}  // namespace drama::cli
