// SPDX-License-Identifier: Apache-2.0
// Sockets and responses of the load clients.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <string_view>

#include "load.hpp"

namespace drama::cli {

std::string load_target::request() const {
    std::string text =
        method + " " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nDrama-Tenant: " + tenant + "\r\n";
    if (method != "GET") {
        text += "Content-Length: " + std::to_string(body_bytes) + "\r\n";
    }
    return text + "\r\n" + std::string(body_bytes, 'x');
}

result<unique_fd> connect_local(std::uint16_t port) {
    unique_fd made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    if (made.get() < 0 ||
        ::connect(made.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) {
        return fail(errno_code(errno));
    }
    static_cast<void>(::setsockopt(made.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    return made;
}

response_reader::response_reader() : buffer_(4096) {
}

result<int> response_reader::read_some(int socket) {
    if (used_ == buffer_.size()) {
        buffer_.resize(buffer_.size() * 2);
    }
    const ssize_t got = ::recv(socket, buffer_.data() + used_, buffer_.size() - used_, 0);
    if (got < 0) {
        return fail(errno_code(errno));
    }
    if (got == 0) {
        return fail(errc::end_of_stream);
    }
    used_ += static_cast<std::size_t>(got);
    const parse_result parsed = parser_.parse({buffer_.data(), used_});
    if (parsed.status == parse_status::error) {
        return fail(errno_code(EBADMSG));
    }
    if (parsed.status == parse_status::need_more) {
        return 0;
    }
    const int status = parser_.response().status;
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(parsed.consumed),
              buffer_.begin() + static_cast<std::ptrdiff_t>(used_), buffer_.begin());
    used_ -= parsed.consumed;
    parser_.reset();
    return status;
}

result<int> response_reader::read_whole(int socket) {
    for (;;) {
        auto status = read_some(socket);
        if (!status || *status != 0) {
            return status;
        }
    }
}

std::uint64_t tenant_figure(std::uint16_t admin_port, const std::string& tenant,
                            const std::string& name) {
    constexpr std::string_view request =
        "GET /debug/tenants HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    const std::string key = "\"" + name + "\":";
    auto socket = connect_local(admin_port);
    if (!socket || ::send(socket->get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
        return 0;
    }
    std::string answer;
    std::array<char, 16384> piece;
    for (ssize_t got = 1; got > 0;) {
        got = ::recv(socket->get(), piece.data(), piece.size(), 0);
        answer.append(piece.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    }
    const std::size_t named = answer.find("\"name\":\"" + tenant + "\"");
    const std::size_t at = answer.find(key, named);
    std::uint64_t count = 0;
    if (named != std::string::npos && at != std::string::npos) {
        std::from_chars(answer.data() + at + key.size(), answer.data() + answer.size(), count);
    }
    return count;
}

double percentile(std::span<const std::uint32_t> sorted, double share) noexcept {
    if (sorted.empty()) {
        return 0;
    }
    const auto rank =
        static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
    return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

}  // namespace drama::cli
