// SPDX-License-Identifier: Apache-2.0
#include "load/load_loop.hpp"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "drama/base/unique_fd.hpp"

namespace drama::cli {
namespace {

constexpr std::size_t events_max = 256;
constexpr std::size_t scratch_bytes = 256 * 1024;
constexpr duration connect_patience = std::chrono::seconds(5);
constexpr duration tick = std::chrono::milliseconds(10);

void become_punctual() noexcept {
    const sched_param lowest{.sched_priority = ::sched_get_priority_min(SCHED_FIFO)};
    static_cast<void>(::sched_setscheduler(0, SCHED_FIFO, &lowest));
}

class loop {
  public:
    loop(const load_plan& plan, const socket_address& to, const loop_part& part)
        : part_(part),
          poller_(::epoll_create1(EPOLL_CLOEXEC)),
          in_{.poller = poller_.get(),
              .to = to,
              .host = std::string(plan.address()),
              .index = part.index,
              .threads = part.threads,
              .seed = plan.seed},
          scratch_(scratch_bytes) {
        for (std::size_t i = 0; i < plan.groups.size(); ++i) {
            groups_.push_back(std::make_unique<group_run>(plan.groups[i], i, in_));
        }
        if (part.stop >= 0) {
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.ptr = nullptr;
            static_cast<void>(::epoll_ctl(poller_.get(), EPOLL_CTL_ADD, part.stop, &event));
        }
    }

    std::vector<load_result> run() {
        if (connect()) {
            begin();
            while (!is_stopped_ && !is_done_) {
                step();
            }
        }
        std::vector<load_result> results;
        for (const auto& each : groups_) {
            results.push_back(each->finish(time_.now()));
        }
        report_progress();
        return results;
    }

  private:
    struct later {
        instant at;
        group_run* who;
        bool operator<(const later& other) const noexcept { return at > other.at; }
    };

    bool connect() {
        const instant give_up = time_.now() + connect_patience;
        for (const auto& each : groups_) {
            each->open_first(time_.now());
        }
        const auto is_connecting = [](const auto& each) { return each->connecting() > 0; };
        while (!is_stopped_ && time_.now() < give_up &&
               std::any_of(groups_.begin(), groups_.end(), is_connecting)) {
            take_events(tick);
        }
        return std::any_of(groups_.begin(), groups_.end(),
                           [](const auto& each) { return each->so_far().connects > 0; });
    }

    void begin() {
        const instant now = time_.now();
        for (const auto& each : groups_) {
            each->begin(now);
            agenda_.push_back({each->due(), each.get()});
        }
        std::make_heap(agenda_.begin(), agenda_.end());
        tick_at_ = now + tick;
    }

    void step() {
        const instant now = time_.now();
        send_due(now);
        if (now >= tick_at_) {
            tick_all(now);
        }
        const instant wake = std::min(agenda_.front().at, tick_at_);
        take_events(std::max(duration(0), wake - now));
    }

    void send_due(instant now) {
        while (agenda_.front().at <= now) {
            std::pop_heap(agenda_.begin(), agenda_.end());
            later& next = agenda_.back();
            next.who->send_due(now);
            next.at = next.who->due();
            const bool has_more = next.at <= now;
            std::push_heap(agenda_.begin(), agenda_.end());
            if (has_more) {
                return;  // answers must not wait for a long list
            }
        }
    }

    void take_events(duration longest) {
        const timespec span{longest.count() / 1'000'000'000, longest.count() % 1'000'000'000};
        const int count =
            ::epoll_pwait2(poller_.get(), events_.data(), events_.size(), &span, nullptr);
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = events_[static_cast<std::size_t>(i)];
            if (event.data.ptr == nullptr) {
                is_stopped_ = true;
                return;
            }
            auto& of = *static_cast<load_connection*>(event.data.ptr);
            of.owner().on_event(of, event.events, scratch_, time_);
            // A long list of answers must not make requests late.
            if (!agenda_.empty() && i % 8 == 7) {
                send_due(time_.now());
            }
        }
    }

    void tick_all(instant now) {
        is_done_ = true;
        for (const auto& each : groups_) {
            each->tick(now);
            is_done_ = is_done_ && each->is_done(now);
        }
        report_progress();
        tick_at_ = now + tick;
    }

    void report_progress() {
        if (part_.progress == nullptr) {
            return;
        }
        std::uint64_t answered = 0;
        std::uint64_t failed = 0;
        std::uint64_t dropped = 0;
        std::uint64_t outstanding = 0;
        for (const auto& each : groups_) {
            answered += each->so_far().answered;
            failed += each->so_far().failed();
            dropped += each->so_far().dropped;
            outstanding += each->outstanding();
        }
        part_.progress->answered.store(answered, std::memory_order_relaxed);
        part_.progress->failed.store(failed, std::memory_order_relaxed);
        part_.progress->dropped.store(dropped, std::memory_order_relaxed);
        part_.progress->outstanding.store(outstanding, std::memory_order_relaxed);
    }

    const clock time_;
    loop_part part_;
    unique_fd poller_;
    load_context in_;
    std::vector<char> scratch_;
    std::array<epoll_event, events_max> events_{};
    std::vector<std::unique_ptr<group_run>> groups_;
    std::vector<later> agenda_;  ///< a heap: who is due next
    instant tick_at_{};
    bool is_stopped_ = false;
    bool is_done_ = false;
};

}  // namespace

std::vector<load_result> run_loop(const load_plan& plan, const socket_address& to,
                                  const loop_part& part) {
    if (plan.punctual) {
        become_punctual();
    }
    static_cast<void>(::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL));
    return loop(plan, to, part).run();
}

}  // namespace drama::cli
