// SPDX-License-Identifier: Apache-2.0
#include "drama/http/internal/respond.hpp"

#include <algorithm>
#include <exception>
#include <utility>

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

}  // namespace

std::expected<http_call, http_reply> prepare_call(http_server_state& server,
                                                  const http_request& request,
                                                  request_permit& permit) {
    auto payer = find_tenant(server, request, this_runtime().tenants());
    if (!payer) {
        return std::unexpected(std::move(payer.error()));
    }
    routed route = find_route(server, request);
    if (route.to == nullptr) {
        return std::unexpected(std::move(route.otherwise));
    }
    // The connection was admitted once; each of its requests meets the gate of its tenant.
    auto admitted = payer->try_admit();
    if (!admitted) {
        server.refused.fetch_add(1, std::memory_order_relaxed);
        return std::unexpected(refused_reply(admitted.error()));
    }
    permit = *std::move(admitted);
    return http_call{
        route.to->handler, {&request, *payer, route.to->context, route.rest}, route.to->computes};
}

http_reply reply_of(internal::spawn_result<http_handler, http_exchange>& handler) {
    if (!handler) {
        return refused_reply(handler.error());
    }
    try {
        auto outcome = handler->take_outcome();
        if (outcome) {
            return std::move(*outcome);
        }
        return failed_reply(outcome.error());
    } catch (const std::exception& thrown) {
        return text_reply(500, thrown.what());
    } catch (...) {
        return text_reply(500, "the handler ended with an exception");
    }
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

result<void> reply_text::write(request_memory& memory, const http_reply& reply,
                               const reply_frame& frame) {
    std::span<char> out = memory.head;
    auto head = write_head(out, reply, frame);
    if (!head && head.error() == std::errc::no_buffer_space) {
        large_.resize(frame_pool::pooled_bytes_max * 4);
        out = large_;
        head = write_head(out, reply, frame);
    }
    if (!head) {
        return fail(head.error());
    }
    std::string_view body = reply.body;
    if (frame.without_body) {
        body = {};
    }
    // A small body is copied: one piece is cheaper to send than two.
    std::size_t first = *head;
    if (body.size() <= out.size() - first) {
        std::copy(body.begin(), body.end(), out.data() + first);
        first += std::exchange(body, {}).size();
    }
    pieces_ = {{{out.data(), first}, {const_cast<char*>(body.data()), body.size()}}};
    message_.msg_iov = pieces_.data();
    message_.msg_iovlen = pieces_.size();
    return {};
}

bool reply_text::sent(std::size_t count) noexcept {
    for (iovec& piece : pieces_) {
        const std::size_t gone = std::min(count, piece.iov_len);
        piece.iov_base = static_cast<char*>(piece.iov_base) + gone;
        piece.iov_len -= gone;
        count -= gone;
    }
    return pieces_[0].iov_len + pieces_[1].iov_len == 0;
}

void reply_text::fill(operation& op, int fd) noexcept {
    op.fd = fd;
    if (pieces_[1].iov_len == 0) {
        op.code = op_code::send;
        op.buffer = pieces_[0].iov_base;
        op.length = pieces_[0].iov_len;
    } else {
        op.code = op_code::send_msg;
        op.message = &message_;
    }
}

task<bool> send_rest(http_server_state* server, tcp_stream* stream, reply_text* text) {
    runnable& self = co_await this_task();
    const deadline_scope limit(self,
                               saturating_add(self.home->now(), server->options.write_deadline));
    for (bool is_sent = false; !is_sent;) {
        io_wait sending(op_code::send, work_class::write, std::source_location::current());
        text->fill(sending.op(), stream->fd());
        auto sent = co_await sending;
        if (!sent) {
            co_return false;
        }
        is_sent = text->sent(static_cast<std::size_t>(*sent));
    }
    co_return true;
}

task<bool> send_reply(http_server_state* server, tcp_stream* stream, request_memory* memory,
                      const http_reply* reply, reply_frame frame) {
    reply_text text;
    if (!text.write(*memory, *reply, frame)) {
        co_return false;
    }
    auto sending = send_rest(server, stream, &text);
    co_return co_await std::move(sending);
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
