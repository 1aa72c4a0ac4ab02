// SPDX-License-Identifier: Apache-2.0
// Shows a runtime to its operator over HTTP, from a second, one-worker runtime of its own: no
// worker of the observed one serves a scrape.
#pragma once

#include <atomic>
#include <memory>

#include "drama/admin/tenant_history.hpp"
#include "drama/base/export.hpp"
#include "drama/http/server.hpp"
#include "drama/net/endpoint.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama::inline v0 {

namespace internal {
/// What the admin side shows, and what it remembers of it.
struct admin_view {
    runtime* observed = nullptr;
    runtime* own = nullptr;  ///< on which it looks
    tenant_history history{};
    std::atomic<instant> asked_at{long_ago};
    std::atomic<bool> is_sampling{false};
};
}  // namespace internal

/// GET /debug/tenants and /debug/runtime as JSON, /metrics for Prometheus, /healthz; loopback
/// addresses only.
///
/// Threads:  start, stop and the destructor by one thread that is no runtime's.
/// Lifetime: the observed runtime outlives it.
class DRAMA_API admin_server {
  public:
    explicit admin_server(runtime& observed);
    /// Stops if that was not done.
    ~admin_server();
    admin_server(const admin_server&) = delete;
    admin_server& operator=(const admin_server&) = delete;

    /// Errors: errc::bad_argument - `where` is no loopback address; those of bind and of threads.
    [[nodiscard]] result<void> start(endpoint where);
    /// The same with a socket that listens already. Errors: as start, and those of
    /// tcp_listener::adopt.
    [[nodiscard]] result<void> start_adopted(int fd);
    /// From now on /healthz answers 503 and "draining". Threads: any.
    void announce_drain() noexcept { is_draining_.store(true, std::memory_order_relaxed); }
    /// Where it listens. Requires: started.
    [[nodiscard]] endpoint local() const { return server_.local(); }
    void stop() noexcept;

  private:
    result<void> serve_bound();

    std::atomic<bool> is_draining_{false};
    internal::admin_view view_;
    runtime own_;
    http_server server_;
    join_handle<result<void>> serving_;
    bool is_running_ = false;
};

}  // namespace drama::inline v0
