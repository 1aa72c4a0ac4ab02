// SPDX-License-Identifier: Apache-2.0
#include "drama/http/server.hpp"

#include <algorithm>
#include <mutex>
#include <span>
#include <string_view>
#include <utility>

#include "drama/coro/sleep.hpp"
#include "drama/http/internal/server_state.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama::inline v0 {
namespace internal {

void close_http_server::operator()(http_server_state* state) const noexcept {
    delete state;
}

namespace {

constexpr duration sweep_pause_min = std::chrono::milliseconds(200);

/// Lets drain end the accepting, and nothing else of the serving task.
class accept_scope {
  public:
    accept_scope(http_server_state& server, runnable& self) noexcept : server_(&server) {
        self.push_scope(scope_);
        const std::lock_guard guard(server_->accept_lock);
        server_->acceptor = &self;
        server_->accepting = &scope_;
    }
    ~accept_scope() {
        runnable* self = nullptr;
        {
            const std::lock_guard guard(server_->accept_lock);
            self = std::exchange(server_->acceptor, nullptr);
        }
        self->pop_scope(scope_);
    }
    accept_scope(const accept_scope&) = delete;
    accept_scope& operator=(const accept_scope&) = delete;

  private:
    http_server_state* server_;
    stop_scope scope_;
};

// The gate let nobody in: say so, if that can be said without waiting, and close.
task<void> refuse_connection(tcp_stream stream) {
    constexpr std::string_view answer =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 11\r\nContent-Type: text/plain\r\n"
        "Retry-After: 1\r\nConnection: close\r\n\r\noverloaded\n";
    auto sent = co_await stream.write_some(std::as_bytes(std::span(answer)));
    static_cast<void>(sent);  // a client that is gone needs no answer
}

// A connection begins on the account of nobody known; its requests say who pays.
task<result<void>> accept_connections(http_server_state* server) {
    runnable& self = co_await this_task();
    const accept_scope stoppable(*server, self);
    const tenant opener = this_runtime().tenants().unidentified();
    while (!server->draining.load(std::memory_order_acquire)) {
        auto accepted = co_await server->listener.accept();
        if (!accepted) {
            co_return fail(accepted.error());
        }
        server->opened.fetch_add(1, std::memory_order_relaxed);
        auto child = scope_handle(server->connections)
                         .spawn(opener, serve_connection, server, std::move(*accepted));
        if (!child) {
            server->refused.fetch_add(1, std::memory_order_relaxed);
            auto refusing = refuse_connection(std::move(*accepted));
            co_await std::move(refusing);
        }
    }
    co_return result<void>();
}

// Sleeps until the connection that is idle for longest is due; one that begins now is due later.
task<void> sweep_idle(http_server_state* server) {
    runnable& self = co_await this_task();
    const duration longest = server->options.idle_deadline;
    for (;;) {
        const instant now = self.home->now();
        const std::size_t ended = server->idle.end_older_than(now - longest);
        server->idle_closed.fetch_add(ended, std::memory_order_relaxed);
        const instant due = saturating_add(std::min(server->idle.oldest(), now), longest);
        auto slept = co_await sleep_for(std::max(due - now, sweep_pause_min));
        if (!slept) {
            co_return;
        }
    }
}

task<result<void>> join_connections(http_server_state* server) {
    co_await server->connections.join();
    co_return result<void>();
}

}  // namespace
}  // namespace internal

http_server::http_server(std::vector<http_route> routes, http_server_options options)
    : state_(new internal::http_server_state) {
    state_->routes = std::move(routes);
    state_->options = std::move(options);
}

http_server::http_server(http_server&&) noexcept = default;
http_server& http_server::operator=(http_server&&) noexcept = default;
http_server::~http_server() = default;

task<result<void>> http_server::bind(endpoint where) {
    internal::http_server_state* const server = state_.get();
    auto binding = tcp_listener::bind(std::move(where), server->options.listen);
    auto listener = co_await std::move(binding);
    if (!listener) {
        co_return fail(listener.error());
    }
    server->listener = std::move(*listener);
    co_return result<void>();
}

task<result<void>> http_server::adopt(int fd) {
    auto listener = tcp_listener::adopt(fd, state_->options.listen);
    if (!listener) {
        co_return fail(listener.error());
    }
    state_->listener = std::move(*listener);
    co_return result<void>();
}

endpoint http_server::local() const {
    const auto address = state_->listener.local();
    return address ? endpoint::of(*address) : endpoint{};
}

task<result<void>> http_server::serve() {
    internal::http_server_state* const server = state_.get();
    runnable& self = co_await this_task();
    server->connections.set_owner(self);
    scope_state helpers;
    helpers.set_owner(self);
    auto sweeper = scope_handle(helpers).spawn(internal::sweep_idle, server);
    if (!sweeper) {
        co_return fail(sweeper.error());
    }
    auto accepting = internal::accept_connections(server);
    auto accepted = co_await std::move(accepting);
    server->listener.close();
    const bool drained = server->draining.load(std::memory_order_acquire) && !self.is_stopping();
    if (!drained) {
        server->connections.stop(errc::stop_requested);
    }
    const duration grace = duration(server->grace_ns.load(std::memory_order_relaxed));
    // At the deadline the connections are asked to stop; the join waits for them all the same.
    auto joining =
        with_deadline(drained ? grace : duration::zero(), internal::join_connections(server));
    auto joined = co_await std::move(joining);
    static_cast<void>(joined);
    helpers.stop(errc::stop_requested);
    co_await helpers.join();
    if (drained) {
        co_return result<void>();
    }
    co_return accepted;
}

void http_server::drain(duration grace) noexcept {
    state_->grace_ns.store(grace.count(), std::memory_order_relaxed);
    state_->draining.store(true, std::memory_order_release);
    {
        const std::lock_guard guard(state_->accept_lock);
        if (state_->acceptor != nullptr) {
            // Under the lock: the acceptor leaves its scope only after it took the lock.
            state_->acceptor->request_stop(*state_->accepting, errc::closed);
        }
    }
    state_->idle.end_older_than(never);
}

http_server_counts http_server::counts() const noexcept {
    const auto read = [](const std::atomic<std::uint64_t>& counter) {
        return counter.load(std::memory_order_relaxed);
    };
    return {.connections = read(state_->opened),
            .requests = state_->requests.read(),
            .refused = read(state_->refused),
            .bad = read(state_->bad),
            .idle_closed = read(state_->idle_closed),
            .cut_off = read(state_->cut_off)};
}

}  // namespace drama::inline v0
