// SPDX-License-Identifier: Apache-2.0
// One connection: waits idle without a buffer, reads a request, has its handler run as a child task
// on the tenant's account, answers, and goes on with what has come in meanwhile.
#include <memory>
#include <utility>

#include "drama/coro/context.hpp"
#include "drama/http/internal/request_memory.hpp"
#include "drama/http/internal/respond.hpp"
#include "drama/http/internal/server_state.hpp"
#include "drama/runtime/gate/begin_gate.hpp"

namespace drama::inline v0::internal {
namespace {

/// How reading a request ended.
struct read_outcome {
    enum class kind : std::uint8_t { complete, partial, refused, gone } is = kind::gone;
    parse_result parsed;
};

read_outcome outcome_of(const parse_result& parsed) noexcept {
    switch (parsed.status) {
        case parse_status::complete:
            return {read_outcome::kind::complete, parsed};
        case parse_status::need_more:
            return {read_outcome::kind::partial, parsed};
        default:
            return {read_outcome::kind::refused, parsed};
    }
}

task<result<std::size_t>> read_until(tcp_stream* stream, request_memory* memory, instant until) {
    runnable& self = co_await this_task();
    const deadline_scope limit(self, until);
    auto got = co_await stream->read_some(memory->free_space());
    co_return got;
}

// The request came in pieces: the rest has a deadline, first for the headers, then for the body.
task<read_outcome> read_rest(http_server_state* server, tcp_stream* stream,
                             request_memory* memory) {
    constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    runnable& self = co_await this_task();
    instant until = saturating_add(self.home->now(), server->options.header_deadline);
    bool in_body = false;
    for (;;) {
        if (!in_body && memory->parser.is_head_complete()) {
            in_body = true;
            until = saturating_add(self.home->now(), server->options.body_deadline);
            if (memory->parser.expects_continue()) {
                auto told = co_await stream->write_all(std::as_bytes(std::span(go_on)));
                if (!told) {
                    co_return read_outcome{};
                }
            }
        }
        auto reading = read_until(stream, memory, until);
        auto got = co_await std::move(reading);
        if (!got && got.error() == errc::deadline_exceeded) {
            read_outcome late{read_outcome::kind::refused, {}};
            late.parsed.http_status = 408;
            late.parsed.reason = in_body ? "the body came too slowly" : "the head came too slowly";
            co_return late;
        }
        if (!got || *got == 0) {
            co_return read_outcome{};
        }
        memory->received(*got);
        const read_outcome read = outcome_of(memory->parse());
        if (read.is != read_outcome::kind::partial) {
            co_return read;
        }
    }
}

/// Answers one request; false: the connection ends.
task<bool> answer(http_server_state* server, tcp_stream* stream, request_memory* memory,
                  bool* computes) {
    runnable& self = co_await this_task();
    const http_request& request = memory->parser.request();
    request_permit permit;
    http_reply reply;
    auto call = prepare_call(*server, request, permit);
    *computes = call && call->computes;
    if (call) {
        self.input_complete = true;
        co_await switch_account_awaiter(call->exchange.tenant);
        // A scope of its own: the join ends only when the handler has, also when the connection is
        // stopped, because the handler looks at the connection's memory.
        scope_state children;
        children.set_owner(self);
        auto handler = scope_handle(children).spawn(call->handler, call->exchange);
        co_await children.join();
        reply = reply_of(handler);
    } else {
        reply = std::move(call.error());
    }
    if (self.is_stopping()) {
        server->cut_off.fetch_add(1, std::memory_order_relaxed);
    }
    const bool keep = request.keep_alive && !server->draining.load(std::memory_order_relaxed);
    reply_text text;
    if (!text.write(*memory, reply,
                    {.keep_alive = keep,
                     .without_body = request.method == "HEAD",
                     .version_1_0 = request.version_minor == 0})) {
        co_return false;
    }
    // What finds room in the socket goes at once; only what has to wait needs a deadline.
    io_wait trying(op_code::send, work_class::write, std::source_location::current());
    text.fill(trying.op(), stream->fd());
    trying.op().flags = MSG_DONTWAIT;
    auto tried = co_await trying;
    if (!tried && tried.error() != std::errc::resource_unavailable_try_again) {
        co_return false;
    }
    if (text.sent(static_cast<std::size_t>(tried.value_or(0)))) {
        co_return keep;
    }
    auto sending = send_rest(server, stream, &text);
    auto sent = co_await std::move(sending);
    co_return sent&& keep;
}

// Closing with unread input makes the kernel reset the connection, and the client may lose the
// answer; so read on for a moment.
task<void> linger(tcp_stream* stream, request_memory* memory) {
    constexpr std::size_t bytes_max = 1024 * 1024;
    runnable& self = co_await this_task();
    const deadline_scope limit(self, saturating_add(self.home->now(), std::chrono::seconds(1)));
    if (!stream->shutdown_write()) {
        co_return;
    }
    for (std::size_t seen = 0; seen < bytes_max;) {
        auto got = co_await stream->read_some(std::as_writable_bytes(std::span(memory->head)));
        if (!got || *got == 0) {
            co_return;
        }
        seen += *got;
    }
}

task<void> refuse_message(http_server_state* server, tcp_stream* stream, request_memory* memory,
                          parse_result why) {
    server->bad.fetch_add(1, std::memory_order_relaxed);
    const http_reply reply = text_reply(why.http_status, why.reason);
    auto sending = send_reply(server, stream, memory, &reply, {.keep_alive = false});
    auto sent = co_await std::move(sending);
    if (sent) {
        auto waiting = linger(stream, memory);
        co_await std::move(waiting);
    }
}

/// Reads and answers what has come in; true: the connection is idle again. `computes`: the last of
/// its requests did.
task<bool> serve_readable(http_server_state* server, tcp_stream* stream, bool* computes) {
    runnable& self = co_await this_task();
    const auto memory = std::make_unique<request_memory>(server->options.limits, *self.payer);
    for (;;) {
        if (memory->is_empty()) {
            auto got = co_await stream->read_some(memory->free_space());
            memory->received(got.value_or(0));
        }
        read_outcome read = memory->is_empty() ? read_outcome{} : outcome_of(memory->parse());
        if (read.is == read_outcome::kind::partial) {
            auto rest = read_rest(server, stream, memory.get());
            auto completed = co_await std::move(rest);
            read = completed;
        }
        if (read.is == read_outcome::kind::gone) {
            if (self.is_stopping() && !memory->is_empty()) {
                server->cut_off.fetch_add(1, std::memory_order_relaxed);
            }
            co_return false;
        }
        if (read.is == read_outcome::kind::refused) {
            auto refusing = refuse_message(server, stream, memory.get(), read.parsed);
            co_await std::move(refusing);
            co_return false;
        }
        server->requests.add(self.core);
        self.birth = coarse_instant(self.slot().now);  // each request begins its own life
        self.input_complete = true;
        auto answering = answer(server, stream, memory.get(), computes);
        auto keep = co_await std::move(answering);
        self.input_complete = false;
        if (!keep) {
            co_return false;
        }
        memory->consume(read.parsed.consumed);
        if (memory->is_empty()) {
            co_return true;
        }
    }
}

// What has not begun holds no buffer, and its request stays in the socket.
task<bool> let_nearer_work_go_first() {
    runnable& self = co_await this_task();
    begin_awaiter waiting(self, std::source_location::current());
    auto begun = co_await waiting;
    co_return begun.has_value();
}

}  // namespace

task<void> serve_connection(http_server_state* server, tcp_stream stream) {
    runnable& self = co_await this_task();
    account* const opener = self.payer;
    bool is_open = true;
    bool computes = false;
    while (is_open) {
        {
            const idle_scope idle(server->idle, self);
            // Looked at after the connection can be found: a drain that missed it is seen here.
            if (server->draining.load(std::memory_order_acquire)) {
                break;
            }
            auto readable = co_await stream.wait_readable();
            if (!readable) {
                break;
            }
        }
        if (computes && has_nearer_work(self)) {
            auto waiting = let_nearer_work_go_first();
            auto begun = co_await std::move(waiting);
            if (!begun) {
                break;
            }
        }
        auto serving = serve_readable(server, &stream, &computes);
        auto goes_on = co_await std::move(serving);
        is_open = goes_on;
        note_request_ended(self);
    }
    stream.close();
    // The account that the task began on is the one that it is counted off from.
    co_await switch_account_awaiter(*opener);
}

}  // namespace drama::inline v0::internal
