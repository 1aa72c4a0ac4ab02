// SPDX-License-Identifier: Apache-2.0
// One keep-alive connection of the load generator: a socket that never blocks, one request under
// way at most, and what has come of its answer.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "drama/base/clock.hpp"
#include "drama/base/intrusive_list.hpp"
#include "drama/base/unique_fd.hpp"
#include "drama/http/response_parser.hpp"
#include "drama/io/socket_address.hpp"
#include "load/load_result.hpp"

namespace drama::cli {

class group_run;

/// A request as bytes. Lifetime: those of the group.
struct request_bytes {
    std::string_view head;
    std::string_view body;
};

/// What came of an event.
struct exchange_progress {
    enum class kind : std::uint8_t {
        nothing,   ///< more is to come
        opened,    ///< the connection may be used
        answered,  ///< `status`
        ended,     ///< closed while nothing was under way
        failed,    ///< closed; `error`
        unopened,  ///< closed before it was open; `error_number`
    } is = kind::nothing;
    int status = 0;
    load_error error = load_error::closed;
    int error_number = 0;
};

/// Threads: one. Not moved: the poller knows its address.
class load_connection : public list_link<> {
  public:
    explicit load_connection(group_run& owner) noexcept;

    enum class state : std::uint8_t { closed, connecting, idle, busy };
    state now() const noexcept { return state_; }
    group_run& owner() const noexcept { return *owner_; }

    /// Begins to connect and registers with the poller, edge-triggered, by its own address.
    /// Yields errno, or 0.
    int open(int poller, const socket_address& to) noexcept;
    /// Sends; what does not fit now follows when the socket can take it. False: the connection had
    /// ended already and is closed; nothing was sent. Requires: idle.
    bool ask(const request_bytes& request, instant due, request_kind kind) noexcept;
    /// Goes on. `scratch` is for what comes in, shared by all connections of the thread.
    exchange_progress on_event(std::uint32_t events, std::span<char> scratch);
    void close() noexcept;

    /// When the request under way was meant to be sent.
    instant due() const noexcept { return due_; }

  private:
    int close_after(int error) noexcept;
    exchange_progress finish_connecting(std::uint32_t events) noexcept;
    bool send_rest() noexcept;
    exchange_progress receive(std::span<char> scratch);
    exchange_progress take(std::span<const char> got);
    exchange_progress at_the_end();
    exchange_progress fail_with(load_error error) noexcept;

    group_run* owner_;
    unique_fd socket_;
    state state_ = state::closed;
    request_kind kind_ = request_kind::other;
    bool is_ended_ = false;  ///< the peer sends no more
    instant due_{};
    request_bytes unsent_;
    std::string partial_;  ///< what has come of an answer that is not whole
    response_parser parser_;
};

}  // namespace drama::cli
