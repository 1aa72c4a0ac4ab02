// SPDX-License-Identifier: Apache-2.0
// The client of the echo benchmark: `echo_client PORT SECONDS`. 64 connections to 127.0.0.1, each
// sends 64 bytes and waits for them; one thread, one epoll. Prints a line of JSON: exchanges per
// second, and percentiles of what one took. Knows nothing of the server but its port.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;

constexpr std::size_t connections = 64;
constexpr std::size_t message_bytes = 64;
constexpr auto warm_up = std::chrono::milliseconds(200);

[[noreturn]] void give_up(const char* what) {
    std::perror(what);
    std::exit(1);
}

struct line {
    int socket = -1;
    std::size_t received = 0;
    clock_type::time_point sent;
};

int connect_to(std::uint16_t port) {
    const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(made, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) {
        give_up("echo_client: connect");
    }
    const int on = 1;
    ::setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return made;
}

void send_message(line& on) {
    static constexpr std::array<char, message_bytes> message{};
    on.received = 0;
    on.sent = clock_type::now();
    if (::send(on.socket, message.data(), message.size(), MSG_NOSIGNAL) != message_bytes) {
        give_up("echo_client: send");
    }
}

/// True once the whole message is back.
bool take_answer(line& on) {
    std::array<char, message_bytes> buffer;
    const ssize_t got = ::recv(on.socket, buffer.data(), message_bytes - on.received, 0);
    if (got <= 0) {
        give_up("echo_client: recv");
    }
    on.received += static_cast<std::size_t>(got);
    return on.received == message_bytes;
}

double percentile(const std::vector<std::uint32_t>& sorted, double share) {
    const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
    return sorted[std::min(at, sorted.size() - 1)] / 1000.0;
}

}  // namespace

int main(int argc, char** argv) {
    const int port = argc == 3 ? std::atoi(argv[1]) : 0;
    const double seconds = argc == 3 ? std::atof(argv[2]) : 0;
    if (port <= 0 || port > UINT16_MAX || seconds <= 0) {
        std::fprintf(stderr, "usage: echo_client PORT SECONDS\n");
        return 2;
    }
    std::vector<line> lines(connections);
    const int poller = ::epoll_create1(EPOLL_CLOEXEC);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        lines[i].socket = connect_to(static_cast<std::uint16_t>(port));
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = i;
        if (::epoll_ctl(poller, EPOLL_CTL_ADD, lines[i].socket, &event) != 0) {
            give_up("echo_client: epoll_ctl");
        }
        send_message(lines[i]);
    }
    std::vector<std::uint32_t> spans_ns;
    spans_ns.reserve(std::size_t{1} << 22);
    const auto begin = clock_type::now() + warm_up;
    const auto end = begin + std::chrono::duration_cast<clock_type::duration>(
                                 std::chrono::duration<double>(seconds));
    auto now = begin - warm_up;
    while (now < end) {
        std::array<epoll_event, connections> events;
        const int count = ::epoll_wait(poller, events.data(), events.size(), 1000);
        for (int i = 0; i < count; ++i) {
            line& on = lines[events[static_cast<std::size_t>(i)].data.u64];
            if (!take_answer(on)) {
                continue;
            }
            now = clock_type::now();
            if (now >= begin) {
                spans_ns.push_back(static_cast<std::uint32_t>((now - on.sent).count()));
            }
            send_message(on);
        }
        now = clock_type::now();
    }
    if (spans_ns.empty()) {
        std::fprintf(stderr, "echo_client: no answer in %g s\n", seconds);
        return 1;
    }
    const double took = std::chrono::duration<double>(now - begin).count();
    std::sort(spans_ns.begin(), spans_ns.end());
    std::printf("{\"per_s\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f}\n",
                static_cast<double>(spans_ns.size()) / took, percentile(spans_ns, 0.5),
                percentile(spans_ns, 0.99), percentile(spans_ns, 0.999));
    return 0;
}
