// SPDX-License-Identifier: Apache-2.0
#include "drama/http/internal/respond.hpp"

#include <algorithm>
#include <array>
#include <exception>

#include <sys/socket.h>
#include <sys/uio.h>

#include "drama/coro/context.hpp"
#include "drama/http/response_writer.hpp"
#include "drama/runtime/io_await.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama::inline v0::internal {
namespace {

// Seconds, rounded up: the header knows nothing finer.
std::uint32_t seconds_of(duration hint) noexcept {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(hint).count();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 1, 3600));
}

http_reply refused_reply(const refusal& why) {
    switch (why.reason) {
        case refusal_reason::tenant_tasks_max:
        case refusal_reason::tenant_queue_delay:
        case refusal_reason::tenant_requests_max: {
            http_reply made = text_reply(429, name_of(why.reason));
            made.retry_after_s = seconds_of(why.retry_after);
            return made;
        }
        default: {
            http_reply made = text_reply(503, name_of(why.reason));
            made.retry_after_s = seconds_of(why.retry_after);
            return made;
        }
    }
}

http_reply failed_reply(std::error_code error) {
    if (error == errc::deadline_exceeded) {
        return text_reply(504, error.message());
    }
    const bool is_load = error == errc::stop_requested || error == errc::shutting_down ||
                         error == errc::queue_full || error == errc::admission_rejected ||
                         error == errc::thread_unavailable;
    http_reply made = text_reply(is_load ? 503 : 500, error.message());
    if (is_load) {
        made.retry_after_s = 1;
    }
    return made;
}

/// The route, or what to answer without one.
struct routed {
    const http_route* to = nullptr;
    http_reply otherwise;
    std::string_view rest = {};
};

// `/files/*` takes `/files/a` and not `/files/`: the rest of a path is never empty.
bool matches(std::string_view pattern, std::string_view path) noexcept {
    if (!pattern.ends_with('*')) {
        return pattern == path;
    }
    pattern.remove_suffix(1);
    return path.size() > pattern.size() && path.starts_with(pattern);
}

std::string_view rest_of(std::string_view pattern, std::string_view path) noexcept {
    return pattern.ends_with('*') ? path.substr(pattern.size() - 1) : std::string_view();
}

routed find_route(const http_server_state& server, const http_request& request) {
    const std::string_view method = request.method == "HEAD" ? "GET" : request.method;
    std::string allowed;
    for (const http_route& each : server.routes) {
        if (!matches(each.path, request.path)) {
            continue;
        }
        if (each.method == method) {
            return {&each, {}, rest_of(each.path, request.path)};
        }
        allowed.append(allowed.empty() ? "" : ", ").append(each.method);
    }
    routed found;
    if (allowed.empty()) {
        found.otherwise = text_reply(404, "no such path");
        return found;
    }
    found.otherwise = text_reply(405, "this path has no such method");
    found.otherwise.headers.push_back({"Allow", std::move(allowed)});
    return found;
}

std::expected<tenant, http_reply> find_tenant(const http_server_state& server,
                                              const http_request& request,
                                              tenant_registry& tenants) {
    if (server.options.tenants != nullptr) {
        return server.options.tenants->resolve(request, tenants);
    }
    return tenant_by_header(request, tenants, server.options.tenant_header);
}

// A scope of its own: the join ends only when the handler has, also when the connection is stopped,
// because the handler looks at the connection's memory.
task<http_reply> run_handler(http_handler handler, http_exchange exchange) {
    runnable& self = co_await this_task();
    scope_state children;
    children.set_owner(self);
    auto spawned = scope_handle(children).spawn(handler, exchange);
    if (!spawned) {
        co_return refused_reply(spawned.error());
    }
    co_await children.join();
    try {
        auto outcome = co_await spawned->join();
        if (outcome) {
            co_return std::move(*outcome);
        }
        co_return failed_reply(outcome.error());
    } catch (const std::exception& thrown) {
        co_return text_reply(500, thrown.what());
    } catch (...) {
        co_return text_reply(500, "the handler ended with an exception");
    }
}

}  // namespace

task<http_reply> make_reply(http_server_state* server, const http_request* request,
                            request_permit* permit) {
    runnable& self = co_await this_task();
    auto payer = find_tenant(*server, *request, this_runtime().tenants());
    if (!payer) {
        co_return std::move(payer.error());
    }
    routed route = find_route(*server, *request);
    if (route.to == nullptr) {
        co_return std::move(route.otherwise);
    }
    // The connection was admitted once; each of its requests meets the gate of its tenant.
    auto admitted = payer->try_admit();
    if (!admitted) {
        server->refused.fetch_add(1, std::memory_order_relaxed);
        co_return refused_reply(admitted.error());
    }
    *permit = *std::move(admitted);
    self.input_complete = true;
    co_await switch_account_awaiter(*payer);
    const http_exchange exchange{request, *payer, route.to->context, route.rest};
    auto running = run_handler(route.to->handler, exchange);
    co_return co_await std::move(running);
}

namespace {

result<std::size_t> write_head(std::span<char> out, const http_reply& reply,
                               const reply_frame& frame) {
    std::vector<header_field> extra;
    extra.reserve(reply.headers.size());
    for (const http_header& each : reply.headers) {
        extra.push_back({each.name, each.value});
    }
    response_head head;
    head.status = reply.status;
    head.content_type = reply.content_type;
    head.content_length = reply.body.size();
    head.keep_alive = frame.keep_alive;
    head.version_1_0 = frame.version_1_0;
    head.retry_after_s = reply.retry_after_s;
    head.extra = extra;
    return write_response_head(out, head);
}

}  // namespace

task<result<void>> send_reply(tcp_stream* stream, request_memory* memory, const http_reply* reply,
                              reply_frame frame) {
    std::string large;
    std::span<char> head = memory->head;
    auto written = write_head(head, *reply, frame);
    if (!written && written.error() == std::errc::no_buffer_space) {
        large.resize(frame_pool::pooled_bytes_max * 4);
        head = large;
        written = write_head(head, *reply, frame);
    }
    if (!written) {
        co_return fail(written.error());
    }
    const std::size_t body = frame.without_body ? 0 : reply->body.size();
    std::array<iovec, 2> pieces{
        {{head.data(), *written}, {const_cast<char*>(reply->body.data()), body}}};
    std::size_t left = *written + body;
    runnable& self = co_await this_task();
    const deadline_scope limit(self, saturating_add(self.home->now(), frame.deadline));
    for (;;) {
        msghdr message{};
        message.msg_iov = pieces.data();
        message.msg_iovlen = pieces.size();
        io_wait sending(op_code::send_msg, work_class::write, std::source_location::current());
        sending.op().fd = stream->fd();
        sending.op().message = &message;
        auto sent = co_await sending;
        if (!sent) {
            co_return fail(sent.error());
        }
        auto count = static_cast<std::size_t>(*sent);
        left -= count;
        if (left == 0) {
            co_return result<void>();
        }
        for (iovec& piece : pieces) {
            const std::size_t gone = std::min(count, piece.iov_len);
            piece.iov_base = static_cast<char*>(piece.iov_base) + gone;
            piece.iov_len -= gone;
            count -= gone;
        }
    }
}

}  // namespace drama::inline v0::internal

namespace drama::inline v0 {

// The registry's rules: no name is empty or too long; past its limit all share one tenant.
std::expected<tenant, http_reply> tenant_by_header(const http_request& request,
                                                   tenant_registry& tenants,
                                                   std::string_view header) {
    const auto name = request.headers.find(header);
    if (!name) {
        return tenants.unidentified();
    }
    const auto found = tenants.find_or_create(*name);
    if (found && *found == tenants.system()) {
        return std::unexpected(text_reply(400, "the tenant's name is the runtime's own"));
    }
    if (found) {
        return *found;
    }
    if (found.error() == errc::tenant_limit) {
        return tenants.shared();
    }
    return std::unexpected(text_reply(400, "the tenant's name is empty or too long"));
}

}  // namespace drama::inline v0
