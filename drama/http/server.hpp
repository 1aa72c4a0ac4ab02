// SPDX-License-Identifier: Apache-2.0
// An HTTP/1.1 server: keep-alive, pipelining in order, bounded everything. Each request is a task
// of its own on its tenant's account; a connection that waits for one holds a coroutine, no buffer.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string_view>
#include <vector>

#include "drama/base/export.hpp"
#include "drama/http/exchange.hpp"
#include "drama/http/message.hpp"
#include "drama/net/endpoint.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/tenant/tenant_registry.hpp"

namespace drama::inline v0 {

namespace internal {
struct http_server_state;
struct close_http_server {
    void operator()(http_server_state* state) const noexcept;
};
}  // namespace internal

/// Says who pays for a request, in place of a header field.
///
/// Threads:  many at a time, on workers: soon done, and never suspends.
/// Lifetime: outlives the servers that ask it.
class http_tenant_resolver {
  public:
    virtual ~http_tenant_resolver() = default;
    /// The tenant, or what to answer instead of serving. Called once for each request.
    virtual std::expected<tenant, http_reply> resolve(const http_request& request,
                                                      tenant_registry& tenants) noexcept = 0;
};

/// The tenant that the field `header` names, made when it is first named; `unidentified` without
/// the field. The reply to a bad name, and to `system`, is a 400. Threads: any.
DRAMA_API std::expected<tenant, http_reply> tenant_by_header(const http_request& request,
                                                             tenant_registry& tenants,
                                                             std::string_view header);

struct http_server_options {
    parser_limits limits;
    duration header_deadline = std::chrono::seconds(10);  ///< first byte to end of headers, or 408
    duration body_deadline = std::chrono::seconds(30);    ///< end of headers to end of body, or 408
    duration write_deadline = std::chrono::seconds(30);   ///< for one response
    duration idle_deadline = std::chrono::seconds(60);    ///< between requests; up to 0.2 s more
    listen_options listen;
    std::string_view tenant_header = "Drama-Tenant";  ///< names who pays; absent: `unidentified`
    http_tenant_resolver* tenants = nullptr;          ///< says who pays, in place of the header
};

/// What a server has done so far. Threads: as a value.
struct http_server_counts {
    std::uint64_t connections = 0;
    std::uint64_t requests = 0;
    std::uint64_t refused = 0;      ///< requests and connections that a gate turned away
    std::uint64_t bad = 0;          ///< messages that were no valid request, or came too slowly
    std::uint64_t idle_closed = 0;  ///< connections closed at the idle deadline
    std::uint64_t cut_off = 0;      ///< requests under way that were asked to stop
};

/// Serves routes on one listener.
///
/// Order:    bind or adopt, then serve as a task of `system`; drain from any thread ends it
/// gracefully, a
///           stop of the serving task at once.
/// Lifetime: stays until serve has ended; the runtime outlives it.
class DRAMA_API http_server {
  public:
    /// Lifetime: what the routes point to outlives the server.
    explicit http_server(std::vector<http_route> routes, http_server_options options = {});
    http_server(http_server&&) noexcept;
    http_server& operator=(http_server&&) noexcept;
    ~http_server();

    /// Listens; port 0 takes a free one. Errors: as tcp_listener::bind.
    [[nodiscard]] task<result<void>> bind(endpoint where);
    /// Listens with a socket that listens already. Errors: as tcp_listener::adopt.
    [[nodiscard]] task<result<void>> adopt(int fd);
    /// The address that it listens at. Requires: bind or adopt succeeded.
    [[nodiscard]] endpoint local() const;

    /// Accepts until drained or stopped, then waits for all connections.
    /// Errors: errc::stop_requested; what broke the listener. Requires: bind or adopt succeeded.
    [[nodiscard]] task<result<void>> serve();

    /// Accepts no more, closes idle connections, lets requests in flight be answered; after `grace`
    /// they are asked to stop. Threads: any.
    void drain(duration grace) noexcept;

    [[nodiscard]] http_server_counts counts() const noexcept;

  private:
    std::unique_ptr<internal::http_server_state, internal::close_http_server> state_;
};

}  // namespace drama::inline v0
