// SPDX-License-Identifier: Apache-2.0
#include "load/connection.hpp"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace drama::cli {
namespace {

constexpr parser_limits answer_limits{.body_bytes_max = 64 * 1024 * 1024};
constexpr std::uint32_t ended = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

}  // namespace

load_connection::load_connection(group_run& owner) noexcept
    : owner_(&owner), parser_(answer_limits) {
}

int load_connection::open(int poller, const socket_address& to) noexcept {
    close();
    socket_.reset(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket_.get() < 0) {
        return errno;
    }
    const int on = 1;
    static_cast<void>(::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    if (::connect(socket_.get(), to.data(), to.size()) != 0 && errno != EINPROGRESS) {
        return close_after(errno);
    }
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = this;
    if (::epoll_ctl(poller, EPOLL_CTL_ADD, socket_.get(), &event) != 0) {
        return close_after(errno);
    }
    state_ = state::connecting;
    return 0;
}

void load_connection::close() noexcept {
    socket_.reset();
    state_ = state::closed;
    is_ended_ = false;
    unsent_ = {};
    partial_ = {};
}

int load_connection::close_after(int error) noexcept {
    close();
    return error;
}

bool load_connection::ask(const request_bytes& request, instant due, request_kind kind) noexcept {
    due_ = due;
    kind_ = kind;
    unsent_ = request;
    state_ = state::busy;
    parser_.reset(kind);
    const bool is_alive = send_rest();
    if (!is_alive) {
        close();
    }
    return is_alive;
}

// False: nothing can be sent on it any more.
bool load_connection::send_rest() noexcept {
    while (!unsent_.head.empty() || !unsent_.body.empty()) {
        std::array<iovec, 2> pieces{
            {{const_cast<char*>(unsent_.head.data()), unsent_.head.size()},
             {const_cast<char*>(unsent_.body.data()), unsent_.body.size()}}};
        msghdr message{};
        message.msg_iov = pieces.data();
        message.msg_iovlen = unsent_.body.empty() ? 1 : 2;
        const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
        if (sent < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        const auto bytes = static_cast<std::size_t>(sent);
        const std::size_t of_head = std::min(bytes, unsent_.head.size());
        unsent_.head.remove_prefix(of_head);
        unsent_.body.remove_prefix(bytes - of_head);
    }
    return true;
}

exchange_progress load_connection::on_event(std::uint32_t events, std::span<char> scratch) {
    if (state_ == state::closed) {
        return {};
    }
    if (state_ == state::connecting) {
        return finish_connecting(events);
    }
    is_ended_ = (events & ended) != 0;
    if ((events & EPOLLOUT) != 0 && state_ == state::busy && !send_rest() && !is_ended_) {
        return fail_with(load_error::closed);
    }
    return (events & (EPOLLIN | ended)) != 0 ? receive(scratch) : exchange_progress{};
}

exchange_progress load_connection::finish_connecting(std::uint32_t events) noexcept {
    int error = 0;
    socklen_t size = sizeof error;
    static_cast<void>(::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size));
    if (error != 0) {
        close();
        return {.is = exchange_progress::kind::unopened, .error_number = error};
    }
    // An event of the socket before this one may still have been on its way.
    sockaddr_storage peer{};
    socklen_t peer_size = sizeof peer;
    if ((events & EPOLLOUT) == 0 ||
        ::getpeername(socket_.get(), reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) {
        return {};
    }
    state_ = state::idle;
    return {.is = exchange_progress::kind::opened};
}

exchange_progress load_connection::receive(std::span<char> scratch) {
    for (;;) {
        const ssize_t got = ::recv(socket_.get(), scratch.data(), scratch.size(), 0);
        if (got == 0) {
            return at_the_end();
        }
        if (got < 0) {
            return errno == EAGAIN || errno == EINTR ? exchange_progress{}
                                                     : fail_with(load_error::closed);
        }
        const auto bytes = static_cast<std::size_t>(got);
        const exchange_progress progress = take(scratch.first(bytes));
        const bool is_drained = bytes < scratch.size() && !is_ended_;
        if (progress.is != exchange_progress::kind::nothing || is_drained) {
            return progress;
        }
    }
}

exchange_progress load_connection::take(std::span<const char> got) {
    if (state_ != state::busy) {
        return fail_with(load_error::malformed);  // an answer that nobody asked for
    }
    if (!partial_.empty()) {
        partial_.append(got.data(), got.size());
        got = partial_;
    }
    parse_result parsed = parser_.parse(got);
    while (parsed.status == parse_status::complete && parser_.response().status < 200) {
        got = got.subspan(parsed.consumed);
        parser_.reset(kind_);
        parsed = parser_.parse(got);
    }
    if (parsed.status == parse_status::need_more) {
        if (got.data() != partial_.data()) {
            partial_ = std::string(got.data(), got.size());
        }
        return {};
    }
    if (parsed.status == parse_status::error || parsed.consumed != got.size()) {
        return fail_with(load_error::malformed);
    }
    const int status = parser_.response().status;
    partial_.clear();
    state_ = state::idle;
    if (!parser_.response().keep_alive || is_ended_ || !unsent_.head.empty() ||
        !unsent_.body.empty()) {
        close();
    }
    return {.is = exchange_progress::kind::answered, .status = status};
}

exchange_progress load_connection::at_the_end() {
    if (state_ == state::busy &&
        parser_.finish({partial_.data(), partial_.size()}).status == parse_status::complete) {
        const int status = parser_.response().status;
        close();
        return {.is = exchange_progress::kind::answered, .status = status};
    }
    return fail_with(load_error::closed);
}

exchange_progress load_connection::fail_with(load_error error) noexcept {
    const bool was_busy = state_ == state::busy;
    close();
    return {.is = was_busy ? exchange_progress::kind::failed : exchange_progress::kind::ended,
            .error = error};
}

}  // namespace drama::cli
