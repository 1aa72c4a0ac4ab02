// SPDX-License-Identifier: Apache-2.0
// The small tenant: few requests, each at its time however late the answers to others are.
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <deque>

#include "load.hpp"

namespace drama::cli {
namespace {

constexpr std::size_t connections_at_first = 8;
constexpr std::size_t connections_max = 4096;
/// After the last request, for the answers that are still out.
constexpr duration patience = std::chrono::seconds(20);

void become_punctual() noexcept {
    const sched_param lowest{.sched_priority = ::sched_get_priority_min(SCHED_FIFO)};
    static_cast<void>(::sched_setscheduler(0, SCHED_FIFO, &lowest));
    static_cast<void>(::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL));
}

std::uint32_t microseconds(duration span) noexcept {
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(span.count() / 1000, 0, UINT32_MAX));
}

/// A connection, and when its request under way should have been sent.
struct conversation {
    unique_fd socket;
    response_reader reader;
    instant due{};
    bool is_waiting = false;
};

/// An open loop: a request takes a free connection, or a new one.
class punctual_client {
  public:
    explicit punctual_client(const load_target& target)
        : port_(target.port),
          request_(target.request()),
          poller_(::epoll_create1(EPOLL_CLOEXEC)) {}

    bool connect_first() {
        for (std::size_t i = 0; i < connections_at_first; ++i) {
            if (!add_connection()) {
                return false;
            }
        }
        return true;
    }

    victim_report run(duration period, std::uint32_t requests) {
        const instant begin = time_.now() + period;
        const instant give_up = begin + period * requests + patience;
        for (std::uint32_t sent = 0; sent < requests || waiting_ > 0;) {
            const instant due = begin + period * sent;
            const instant now = time_.now();
            if (sent < requests && due <= now) {
                late_us_.push_back(microseconds(now - due));
                send_one(due);
                ++sent;
                continue;
            }
            if (now >= give_up) {
                break;
            }
            take_answers(sent < requests ? due - now : give_up - now);
        }
        give_up_on_the_rest();
        std::sort(late_us_.begin(), late_us_.end());
        report_.late_p99_us = static_cast<std::uint32_t>(percentile(late_us_, 0.99));
        return std::move(report_);
    }

  private:
    bool add_connection() {
        auto socket = connect_local(port_);
        if (!socket || all_.size() == connections_max) {
            return false;
        }
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = all_.size();
        if (::epoll_ctl(poller_.get(), EPOLL_CTL_ADD, socket->get(), &event) != 0) {
            return false;
        }
        free_.push_back(all_.size());
        all_.emplace_back().socket = std::move(*socket);
        return true;
    }

    void send_one(instant due) {
        if (free_.empty() && !add_connection()) {
            ++report_.errors;
            return;
        }
        conversation& on = all_[free_.back()];
        const ssize_t sent =
            ::send(on.socket.get(), request_.data(), request_.size(), MSG_NOSIGNAL);
        if (sent != static_cast<ssize_t>(request_.size())) {
            ++report_.errors;
            return;
        }
        free_.pop_back();
        on.due = due;
        on.is_waiting = true;
        ++waiting_;
    }

    void take_answers(duration longest) {
        const timespec span{longest.count() / 1'000'000'000, longest.count() % 1'000'000'000};
        std::array<epoll_event, 64> events;
        const int count =
            ::epoll_pwait2(poller_.get(), events.data(), events.size(), &span, nullptr);
        for (int i = 0; i < count; ++i) {
            take_answer(events[static_cast<std::size_t>(i)].data.u64);
        }
    }

    void take_answer(std::size_t index) {
        conversation& on = all_[index];
        const auto status = on.reader.read_some(on.socket.get());
        if (status && *status == 0) {
            return;
        }
        if (!status) {  // closed; it is never used again
            on.socket.reset();
            std::erase(free_, index);
            report_.errors += on.is_waiting ? 1 : 0;
            waiting_ -= on.is_waiting ? 1 : 0;
            on.is_waiting = false;
            return;
        }
        report_.latency_us.push_back(microseconds(time_.now() - on.due));
        report_.errors += is_success(*status) ? 0 : 1;
        on.is_waiting = false;
        --waiting_;
        free_.push_back(index);
    }

    // They would have waited for at least this long.
    void give_up_on_the_rest() {
        for (const conversation& each : all_) {
            if (each.is_waiting) {
                report_.latency_us.push_back(microseconds(time_.now() - each.due));
            }
        }
    }

    const drama::clock time_;
    std::uint16_t port_;
    std::string request_;
    unique_fd poller_;
    std::deque<conversation> all_;
    std::vector<std::size_t> free_;
    std::size_t waiting_ = 0;
    std::vector<std::uint32_t> late_us_;
    victim_report report_;
};

}  // namespace

victim_report run_victim(const load_target& target, std::uint32_t per_second, duration span) {
    become_punctual();
    punctual_client client(target);
    if (!client.connect_first()) {
        return {.latency_us = {}, .errors = 1};
    }
    const duration period = duration(1'000'000'000 / per_second);
    return client.run(period, static_cast<std::uint32_t>(span / period));
}

}  // namespace drama::cli
