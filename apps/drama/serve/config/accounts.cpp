// SPDX-License-Identifier: Apache-2.0
#include "serve/config/accounts.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

#include "serve/config/bearer.hpp"

namespace drama::cli {

result<void> accounts::apply(const serve_config& wanted) {
    // What can fail comes first; what it leaves behind on failure is a tenant without any use.
    std::vector<tenant> named;
    std::vector<token_table::entry> entries;
    named.reserve(wanted.tenants.size());
    entries.reserve(wanted.tokens());
    for (const tenant_config& each : wanted.tenants) {
        DRAMA_TRY(const tenant owner, tenants_->find_or_create(each.name));
        named.push_back(owner);
        for (const sha256_digest& token : each.tokens) {
            entries.push_back({token, owner});
        }
    }
    DRAMA_TRY(token_table made, token_table::make(entries));
    auto table = std::make_shared<const token_table>(std::move(made));

    for (std::size_t i = 0; i < named.size(); ++i) {
        named[i].set(wanted.tenants[i].options);
    }
    tenants_->unidentified().set(wanted.unidentified);
    {
        const std::lock_guard guard(lock_);
        tokens_.swap(table);
    }
    if (!entries.empty()) {
        is_by_token_.store(true, std::memory_order_release);
    }
    std::ranges::sort(named, {}, &tenant::id);
    for (const tenant before : configured_) {
        if (!std::ranges::binary_search(named, before.id(), {}, &tenant::id)) {
            before.set({});
        }
    }
    configured_ = std::move(named);
    return {};
}

std::expected<tenant, http_reply> accounts::resolve(const http_request& request,
                                                    tenant_registry& tenants) noexcept {
    try {
        return is_by_token() ? tenant_by_token(request)
                             : tenant_by_header(request, tenants, "Drama-Tenant");
    } catch (const std::bad_alloc&) {
        http_reply out_of_memory;
        out_of_memory.status = 503;
        return std::unexpected(std::move(out_of_memory));
    }
}

std::shared_ptr<const token_table> accounts::tokens() const noexcept {
    const std::lock_guard guard(lock_);
    return tokens_;
}

std::expected<tenant, http_reply> accounts::tenant_by_token(const http_request& request) const {
    const auto token = bearer_token_of(request.headers);
    if (!token) {
        http_reply refused = text_reply(token.error().status, token.error().reason);
        if (refused.status == 401) {
            refused.headers.push_back({"WWW-Authenticate", "Bearer"});
        }
        return std::unexpected(std::move(refused));
    }
    if (token->empty()) {
        return tenants_->unidentified();
    }
    const auto owner = tokens()->find(*token);
    if (!owner) {
        return std::unexpected(text_reply(503, owner.error().message()));
    }
    return *owner ? *owner : tenants_->unidentified();
}

}  // namespace drama::cli
