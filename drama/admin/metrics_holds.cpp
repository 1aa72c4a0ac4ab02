// SPDX-License-Identifier: Apache-2.0
#include "drama/admin/metrics_holds.hpp"

#include <algorithm>
#include <cmath>

namespace drama::inline v0 {
namespace {

constexpr std::array watched{queue_id::async, queue_id::compute, queue_id::blocking,
                             queue_id::disk};

resource resource_of_holds(queue_id queue) noexcept {
    return queue == queue_id::blocking ? resource::blocking
           : queue == queue_id::disk   ? resource::disk
                                       : resource::cpu;
}

bool may_be(resource what, hold_cause why) noexcept {
    switch (why) {
        case hold_cause::ahead_of_share:
            return what == resource::cpu || what == resource::blocking || what == resource::disk;
        case hold_cause::kept_thread:
            return what == resource::blocking;
        case hold_cause::unsynced_bytes:
            return what == resource::disk;
        case hold_cause::admission:
        case hold_cause::rate_limit:
            return what == resource::cpu;
        case hold_cause::no_capacity:
            break;
    }
    return false;
}

double in_seconds(duration of) noexcept {
    return std::chrono::duration<double>(of).count();
}

}  // namespace

void hold_table::add(const tenant_record& of) noexcept {
    const auto add_figures = [this](resource to, const hold_figures& some) {
        auto& row = ns_[static_cast<std::size_t>(to)];
        for (std::size_t i = 0; i != hold_causes; ++i) {
            row[i] += some.by_cause[i];
        }
    };
    for (const queue_id each : watched) {
        add_figures(resource_of_holds(each), of.held_in(each));
    }
    add_figures(resource::cpu, of.held_at_gates());
}

void hold_table::write(metrics_writer& to, const std::string& labels) const {
    for (std::size_t r = 0; r != resources; ++r) {
        for (std::size_t c = 0; c != hold_causes; ++c) {
            const auto what = static_cast<resource>(r);
            const auto why = static_cast<hold_cause>(c);
            if (may_be(what, why) && (labels.empty() || ns_[r][c] != 0)) {
                to.sample(static_cast<double>(ns_[r][c]) / 1e9,
                          labels + metrics_writer::label("resource", name_of(what)) + "," +
                              metrics_writer::label("reason", name_of(why)));
            }
        }
    }
}

void write_held(metrics_writer& to, const runtime_stats& stats, const hold_table& held) {
    const duration run =
        std::max(stats.worker_wall - stats.worker_own - stats.worker_idle - stats.worker_lost,
                 duration::zero());
    to.family("drama_worker_seconds_total", "counter");
    to.sample(in_seconds(run), metrics_writer::label("state", "run"));
    to.sample(in_seconds(stats.worker_own), metrics_writer::label("state", "sched"));
    to.sample(in_seconds(stats.worker_idle), metrics_writer::label("state", "park"));
    to.sample(in_seconds(stats.worker_lost), metrics_writer::label("state", "lost"));
    to.family("drama_cpu_unattributed_seconds_total", "counter");
    to.sample(in_seconds(stats.worker_own), metrics_writer::label("cause", "sched"));
    to.family("drama_throttled_seconds_total", "counter");
    held.write(to);
}

double lag_seconds(const runtime& in, const tenant& of) noexcept {
    double most = 0;
    for (const queue_id each : watched) {
        const double lag = in_seconds(in.lag_of(of, each));
        most = std::abs(lag) > std::abs(most) ? lag : most;
    }
    return most;
}

double oldest_wait_seconds(const runtime& in, const tenant& of) noexcept {
    duration oldest{};
    for (const queue_id each : watched) {
        oldest = std::max(oldest, in.oldest_wait_of(of, each));
    }
    return in_seconds(oldest);
}

}  // namespace drama::inline v0
