// SPDX-License-Identifier: Apache-2.0
// From a request to its reply, and from the reply to the wire.
#pragma once

#include "drama/coro/task.hpp"
#include "drama/http/exchange.hpp"
#include "drama/http/internal/request_memory.hpp"
#include "drama/http/internal/server_state.hpp"

namespace drama::inline v0::internal {

/// Finds tenant and route, passes the gate, moves the running task to the tenant's account and
/// joins the handler. Whatever goes wrong becomes a reply. `permit` gets what the gate gave; the
/// request lasts until it is destroyed.
task<http_reply> make_reply(http_server_state* server, const http_request* request,
                            request_permit* permit);

/// How a reply goes out.
struct reply_frame {
    bool keep_alive = true;
    bool without_body = false;
    bool version_1_0 = false;
    duration deadline = duration::zero();
};

/// Sends head and body. Errors: the stream's; errc::deadline_exceeded.
task<result<void>> send_reply(tcp_stream* stream, request_memory* memory, const http_reply* reply,
                              reply_frame frame);

}  // namespace drama::inline v0::internal
