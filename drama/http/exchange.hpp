// SPDX-License-Identifier: Apache-2.0
// What a server's handler gets and gives: one request on one tenant's account, one reply.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drama/base/result.hpp"
#include "drama/coro/task.hpp"
#include "drama/http/request_parser.hpp"
#include "drama/tenant/tenant_record.hpp"

namespace drama::inline v0 {

/// A header field that owns its text.
struct http_header {
    std::string name;
    std::string value;
};

/// What a handler answers. The server adds length, connection and status line.
struct http_reply {
    int status = 200;
    std::string_view content_type = "text/plain";  ///< static storage
    std::string body;
    std::optional<std::uint32_t> retry_after_s = {};
    std::vector<http_header> headers = {};
};

/// A reply of one line of text.
inline http_reply text_reply(int status, std::string_view line) {
    http_reply made;
    made.status = status;
    made.body.reserve(line.size() + 1);
    made.body.append(line).push_back('\n');
    return made;
}

/// One request, whole: its body is in. Lifetime: what it points to stays until the handler ends.
struct http_exchange {
    const http_request* request = nullptr;
    drama::tenant tenant;        ///< who pays for the handler
    void* context = nullptr;     ///< the route's
    std::string_view rest = {};  ///< of the path, where the route ends in `*`; not decoded
};

/// A handler: spawned as a task of its own for each request, on the account of the request's
/// tenant. A route that hogs its thread is known to the runtime by (tenant, handler): give each
/// route a function of its own. Errors become 500, 503 or 504 with the error's message.
using http_handler = task<result<http_reply>> (*)(http_exchange);

/// Where a handler answers. HEAD is served by GET's handler, without the body.
struct http_route {
    std::string_view method;  ///< "GET", "POST"; static storage
    std::string_view path;    ///< the whole path, or its beginning and a `*`; static storage
    http_handler handler = nullptr;
    void* context = nullptr;  ///< given to the handler; outlives the server
    /// Its requests want compute threads: a connection that had one begins the next only when what
    /// its tenant began before has a thread, 100 ms later at most (runtime_options::class_order).
    bool computes = false;
};

}  // namespace drama::inline v0
