// SPDX-License-Identifier: Apache-2.0
#include "load/group_run.hpp"

#include <algorithm>
#include <cerrno>

namespace drama::cli {
namespace {

constexpr int sends_max = 64;
/// After a connection could not be opened.
constexpr duration retry_pause = std::chrono::milliseconds(100);

duration of_seconds(double seconds) noexcept {
    return duration(static_cast<std::int64_t>(seconds * 1e9));
}

std::uint64_t nanoseconds(duration span) noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, span.count()));
}

std::uint64_t part_of(std::uint64_t whole, const load_context& in) noexcept {
    return whole / in.threads + (in.index < whole % in.threads ? 1 : 0);
}

constexpr bool is_success(int status) noexcept {
    return status >= 200 && status < 300;
}

}  // namespace

group_run::group_run(const load_group& what, std::uint64_t number, const load_context& in)
    : what_(&what),
      in_(&in),
      connections_(part_of(what.connections, in)),
      connections_max_(std::max<std::uint64_t>(1, part_of(what.connections_max, in))),
      outstanding_max_(std::max<std::uint64_t>(1, part_of(what.outstanding_max, in))),
      timeout_(std::chrono::milliseconds(what.timeout_ms)),
      kind_(what.method == "HEAD" ? request_kind::head : request_kind::other),
      body_(what.make_body()) {
    for (std::uint64_t i = 0; i < what.tenants; ++i) {
        heads_.push_back(what.head_of(i, in.host));
    }
    if (what.law() != arrival_law::closed) {
        connections_ = std::max<std::uint64_t>(1, connections_);
        std::uint64_t seed = in.seed + number;
        schedule_.emplace(arrival_options{.law = what.law(),
                                          .per_second = what.rate,
                                          .burst = what.burst,
                                          .seed = splitmix64(seed)});
    }
}

void group_run::open_first(instant now) {
    for (std::uint64_t i = 0; i < connections_; ++i) {
        open(all_.emplace_back(*this), now);
    }
}

void group_run::begin(instant at) {
    begin_ = at + of_seconds(what_->start_seconds);
    end_ = begin_ + of_seconds(what_->seconds);
    due_ = begin_;
    if (schedule_) {
        for (std::uint64_t i = 0; i < in_->index; ++i) {
            schedule_->next();
        }
        set_due();
    }
}

void group_run::set_due() {
    due_ = begin_ + schedule_->next();
    if (due_ >= end_) {
        due_ = never;
    }
}

// Every thread makes the whole list and takes its own part, so that their number does not matter.
void group_run::advance_due() {
    for (std::uint64_t i = 1; i < in_->threads; ++i) {
        schedule_->next();
    }
    set_due();
}

void group_run::send_due(instant now) {
    if (is_closed_loop() && due_ <= now) {
        due_ = never;
        for (load_connection& each : all_) {
            if (each.now() == load_connection::state::idle) {
                use(each, now);
            }
        }
        refill(now);
    }
    for (int i = 0; i < sends_max && due_ <= now; ++i) {
        take_due(now);
        advance_due();
    }
}

void group_run::take_due(instant now) {
    ++result_.intended;
    result_.late_ns.record(nanoseconds(now - due_));
    while (load_connection* const chosen = waiting_.empty() ? free_connection() : nullptr) {
        if (send_on(*chosen, due_)) {
            return;
        }
    }
    if (outstanding() >= outstanding_max_) {
        ++result_.dropped;
        return;
    }
    waiting_.push_back(due_);
    refill(now);
}

load_connection* group_run::free_connection() noexcept {
    while (!free_.empty()) {
        load_connection* const last = free_.back();
        free_.pop_back();
        if (last->now() == load_connection::state::idle) {
            return last;
        }
    }
    return nullptr;
}

bool group_run::send_on(load_connection& idle, instant due) {
    const std::string& head = heads_[next_head_];
    if (!idle.ask({head, body_}, due, kind_)) {
        spare_.push_back(&idle);
        return false;
    }
    next_head_ = next_head_ + 1 == heads_.size() ? 0 : next_head_ + 1;
    busy_.push_back(idle);
    ++in_flight_;
    return true;
}

void group_run::use(load_connection& idle, instant now) {
    if (!waiting_.empty()) {
        if (send_on(idle, waiting_.front())) {
            waiting_.pop_front();
        }
        return;
    }
    if (is_closed_loop() && now >= begin_ && now < end_ && due_ == never) {
        result_.intended += send_on(idle, now) ? 1 : 0;
        return;
    }
    free_.push_back(&idle);
}

void group_run::on_event(load_connection& of, std::uint32_t events, std::span<char> scratch,
                         const clock& time) {
    const bool was_connecting = of.now() == load_connection::state::connecting;
    const exchange_progress what = of.on_event(events, scratch);
    if (what.is == exchange_progress::kind::nothing) {
        return;
    }
    connecting_ -= was_connecting ? 1 : 0;
    const instant now = time.now();
    settle(of, what, now);
    if (of.now() == load_connection::state::idle) {
        use(of, now);
    } else {
        spare_.push_back(&of);
    }
    refill(now);
}

void group_run::settle(load_connection& of, const exchange_progress& what, instant now) {
    using kind = exchange_progress::kind;
    if (what.is == kind::answered || what.is == kind::failed) {
        busy_.remove(of);
        --in_flight_;
    }
    if (what.is == kind::answered && is_success(what.status)) {
        ++result_.answered;
        result_.in_time += now <= end_ ? 1 : 0;
        result_.latency_ns.record(nanoseconds(now - of.due()));
    } else if (what.is == kind::answered) {
        ++result_.bad_status[static_cast<std::uint64_t>(what.status)];
    } else if (what.is == kind::failed) {
        ++result_.errors[static_cast<std::size_t>(what.error)];
    } else if (what.is == kind::opened) {
        ++result_.connects;
    } else if (what.is == kind::unopened) {
        ++(what.error_number == ECONNREFUSED ? result_.refused : result_.unopened);
        result_.connect_errno = static_cast<std::uint64_t>(what.error_number);
        retry_at_ = now + retry_pause;
    }
}

void group_run::open(load_connection& closed, instant now) {
    const int error = closed.open(in_->poller, in_->to);
    if (error == 0) {
        ++connecting_;
        return;
    }
    settle(closed, {.is = exchange_progress::kind::unopened, .error_number = error}, now);
    spare_.push_back(&closed);
}

// Opens as many connections as have something to do.
void group_run::refill(instant now) {
    const bool wants_all = is_closed_loop() && now < end_;
    const std::size_t wanted = wants_all ? connections_ : waiting_.size();
    while (now >= retry_at_ && connecting_ < wanted) {
        if (!spare_.empty()) {
            load_connection& again = *spare_.back();
            spare_.pop_back();
            open(again, now);
        } else if (!is_closed_loop() && all_.size() < connections_max_) {
            open(all_.emplace_back(*this), now);
        } else {
            return;
        }
    }
}

void group_run::give_up(instant due, instant now) {
    ++result_.errors[static_cast<std::size_t>(load_error::timeout)];
    result_.latency_ns.record(nanoseconds(now - due));
}

void group_run::expire(instant now) {
    while (!waiting_.empty() && now - waiting_.front() >= timeout_) {
        give_up(waiting_.front(), now);
        waiting_.pop_front();
    }
    while (!busy_.empty() && now - busy_.front().due() >= timeout_) {
        load_connection& late = *busy_.pop_front();
        --in_flight_;
        give_up(late.due(), now);
        late.close();
        spare_.push_back(&late);
    }
}

void group_run::tick(instant now) {
    expire(now);
    refill(now);
}

bool group_run::is_done(instant now) const noexcept {
    return now >= end_ && due_ == never && outstanding() == 0;
}

load_result group_run::finish(instant now) {
    result_.unfinished = outstanding();
    result_.span_ns = nanoseconds(std::min(now, end_) - std::min(begin_, now));
    return std::move(result_);
}

}  // namespace drama::cli
