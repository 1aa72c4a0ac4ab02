// SPDX-License-Identifier: Apache-2.0
// The busy tenant: as many requests under way as it has connections, for as long as it is let.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "load.hpp"

namespace drama::cli {
namespace {

struct lane {
    unique_fd socket;
    response_reader reader;
};

constexpr std::uint64_t stop_mark = UINT64_MAX;

bool watch(int poller, int descriptor, std::uint64_t mark) noexcept {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = mark;
    return ::epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

bool ask(const lane& on, const std::string& request) noexcept {
    return ::send(on.socket.get(), request.data(), request.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(request.size());
}

/// Answers what is readable with the next request. False: the lane is broken.
bool serve_lane(lane& on, const std::string& request, neighbour_report& report) {
    const auto status = on.reader.read_some(on.socket.get());
    if (!status) {
        return false;
    }
    if (*status == 0) {
        return true;
    }
    ++(is_success(*status) ? report.answered : report.errors);
    return ask(on, request);
}

}  // namespace

neighbour_report run_neighbour(const load_target& target, std::size_t connections, int stop) {
    neighbour_report report;
    const std::string request = target.request();
    const unique_fd poller(::epoll_create1(EPOLL_CLOEXEC));
    std::vector<lane> lanes(connections);
    if (!watch(poller.get(), stop, stop_mark)) {
        return report;
    }
    for (std::size_t i = 0; i < lanes.size(); ++i) {
        auto socket = connect_local(target.port);
        if (!socket || !watch(poller.get(), socket->get(), i)) {
            ++report.errors;
            continue;
        }
        lanes[i].socket = std::move(*socket);
        report.errors += ask(lanes[i], request) ? 0 : 1;
    }
    const drama::clock time;
    const instant begin = time.now();
    for (bool goes_on = true; goes_on;) {
        std::array<epoll_event, 128> events;
        const int count = ::epoll_wait(poller.get(), events.data(), events.size(), -1);
        for (int i = 0; i < count; ++i) {
            const std::uint64_t mark = events[static_cast<std::size_t>(i)].data.u64;
            if (mark == stop_mark) {
                goes_on = false;
            } else if (!serve_lane(lanes[mark], request, report)) {
                ++report.errors;
                lanes[mark].socket.reset();
            }
        }
        goes_on = goes_on && (count >= 0 || errno == EINTR);
    }
    report.seconds = std::chrono::duration<double>(time.now() - begin).count();
    return report;
}

}  // namespace drama::cli
