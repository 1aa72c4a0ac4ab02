// SPDX-License-Identifier: Apache-2.0
// From a request to its reply, and from the reply to the wire. What waits is in connection.cpp;
// here is what is decided without waiting.
#pragma once

#include <array>
#include <expected>
#include <string>

#include <sys/socket.h>
#include <sys/uio.h>

#include "drama/coro/spawn.hpp"
#include "drama/http/exchange.hpp"
#include "drama/http/internal/request_memory.hpp"
#include "drama/http/internal/server_state.hpp"
#include "drama/runtime/io_await.hpp"

namespace drama::inline v0::internal {

/// A handler, and what it is called with.
struct http_call {
    http_handler handler;
    http_exchange exchange;
    bool computes;
};

/// Finds tenant and route and passes the gate; `permit` gets what the gate gave, and the request
/// lasts until it is destroyed. Errors: the reply that says why not.
std::expected<http_call, http_reply> prepare_call(http_server_state& server,
                                                  const http_request& request,
                                                  request_permit& permit);

/// The reply of a handler that has ended, or of one that was refused: whatever went wrong becomes
/// one.
http_reply reply_of(spawn_result<http_handler, http_exchange>& handler);

/// How a reply goes out.
struct reply_frame {
    bool keep_alive = true;
    bool without_body = false;
    bool version_1_0 = false;
};

/// A reply as bytes: what is left of it to send. Lifetime: `memory` and `reply` outlive it; it
/// stays where it is.
class reply_text {
  public:
    reply_text() noexcept = default;
    reply_text(const reply_text&) = delete;
    reply_text& operator=(const reply_text&) = delete;

    /// Errors: errc::bad_argument - the reply has a header that must not be.
    result<void> write(request_memory& memory, const http_reply& reply, const reply_frame& frame);
    /// Says in `op` what is to be sent next to `fd`. Lifetime: not beyond this.
    void fill(operation& op, int fd) noexcept;
    /// Notes that `count` bytes are gone. True: that was all.
    bool sent(std::size_t count) noexcept;

  private:
    std::array<iovec, 2> pieces_{};
    msghdr message_{};
    std::string large_;
};

/// Sends what is left of `text`. False: the connection is of no use any more.
task<bool> send_rest(http_server_state* server, tcp_stream* stream, reply_text* text);

/// Sends head and body. False: as send_rest.
task<bool> send_reply(http_server_state* server, tcp_stream* stream, request_memory* memory,
                      const http_reply* reply, reply_frame frame);

}  // namespace drama::inline v0::internal
