// SPDX-License-Identifier: Apache-2.0
// The small tenant: few requests, always on time.
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>

#include "load.hpp"

namespace drama::cli {
namespace {

void become_punctual() noexcept {
    const sched_param lowest{.sched_priority = ::sched_get_priority_min(SCHED_FIFO)};
    static_cast<void>(::sched_setscheduler(0, SCHED_FIFO, &lowest));
    static_cast<void>(::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL));
}

void wait_until(const drama::clock& time, instant when) noexcept {
    for (duration left = when - time.now(); left > duration::zero(); left = when - time.now()) {
        const timespec span{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
        ::nanosleep(&span, nullptr);
    }
}

std::uint32_t microseconds(duration span) noexcept {
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(span.count() / 1000, 0, UINT32_MAX));
}

}  // namespace

victim_report run_victim(const load_target& target, std::uint32_t per_second, duration span) {
    become_punctual();
    victim_report report;
    auto socket = connect_local(target.port);
    if (!socket) {
        report.errors = 1;
        return report;
    }
    const drama::clock time;
    const std::string request = target.request();
    const duration period = duration(1'000'000'000 / per_second);
    const auto requests = static_cast<std::uint32_t>(span / period);
    std::vector<std::uint32_t> late_us;
    response_reader reader;
    const instant begin = time.now() + period;
    instant answered = begin;
    const instant end = begin + span;
    for (std::uint32_t i = 0; i < requests; ++i) {
        const instant due = begin + period * i;
        if (answered > end) {
            // It never came to this request: it would have waited for at least this long.
            report.latency_us.push_back(microseconds(answered - due));
            continue;
        }
        wait_until(time, due);
        // Late by its own fault: after both the plan and the previous answer.
        late_us.push_back(microseconds(time.now() - std::max(due, answered)));
        const ssize_t sent = ::send(socket->get(), request.data(), request.size(), MSG_NOSIGNAL);
        const auto status = reader.read_whole(socket->get());
        answered = time.now();
        if (sent < 0 || !status) {
            ++report.errors;
            break;
        }
        report.errors += *status == 200 ? 0 : 1;
        report.latency_us.push_back(microseconds(answered - due));
    }
    std::sort(late_us.begin(), late_us.end());
    report.late_p99_us = static_cast<std::uint32_t>(percentile(late_us, 0.99));
    return report;
}

}  // namespace drama::cli
