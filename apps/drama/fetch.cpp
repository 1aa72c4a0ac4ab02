// SPDX-License-Identifier: Apache-2.0
#include "fetch.hpp"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

#include "drama/base/unique_fd.hpp"
#include "drama/http/response_parser.hpp"
#include "drama/net/endpoint.hpp"

namespace drama::cli {
namespace {

constexpr std::size_t body_bytes_max = 64 * 1024 * 1024;
constexpr timeval patience{.tv_sec = 5, .tv_usec = 0};

std::unexpected<std::string> failed(int error) {
    return std::unexpected(std::generic_category().message(error));
}

std::expected<std::string, std::string> content_of(const http_response& answer) {
    if (answer.status != 200) {
        return std::unexpected("status " + std::to_string(answer.status));
    }
    std::string body(answer.body.size(), '\0');
    answer.body.copy_to(body);
    return body;
}

std::expected<std::string, std::string> read_answer(int socket) {
    response_parser parser({.body_bytes_max = body_bytes_max});
    std::vector<char> buffer(65536);
    std::size_t used = 0;
    for (;;) {
        if (used == buffer.size()) {
            buffer.resize(2 * buffer.size());
        }
        const ssize_t got = ::recv(socket, buffer.data() + used, buffer.size() - used, 0);
        if (got < 0) {
            return failed(errno);
        }
        used += static_cast<std::size_t>(got);
        const std::span<const char> all(buffer.data(), used);
        const parse_result parsed = got == 0 ? parser.finish(all) : parser.parse(all);
        if (parsed.status == parse_status::error) {
            return std::unexpected(std::string(parsed.reason));
        }
        if (parsed.status == parse_status::complete) {
            return content_of(parser.response());
        }
    }
}

}  // namespace

std::expected<socket_address, std::string> resolve(std::string_view host_and_port) {
    const auto where = endpoint::parse(host_and_port);
    if (!where) {
        return std::unexpected(std::string(host_and_port) + " is no HOST:PORT");
    }
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error =
        ::getaddrinfo(where->host.c_str(), std::to_string(where->port).c_str(), &hints, &found);
    if (error != 0) {
        return std::unexpected(std::string(host_and_port) + ": " + ::gai_strerror(error));
    }
    const socket_address made(found->ai_addr, found->ai_addrlen);
    ::freeaddrinfo(found);
    return made;
}

std::expected<std::string, std::string> fetch(const socket_address& from, std::string_view path) {
    const unique_fd socket(::socket(from.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    static_cast<void>(
        ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience));
    static_cast<void>(
        ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience));
    const std::string request = "GET " + std::string(path) +
                                " HTTP/1.1\r\nHost: " + from.to_string() +
                                "\r\nConnection: close\r\n\r\n";
    if (socket.get() < 0 || ::connect(socket.get(), from.data(), from.size()) != 0 ||
        ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(request.size())) {
        return failed(errno);
    }
    return read_answer(socket.get());
}

}  // namespace drama::cli
