// SPDX-License-Identifier: Apache-2.0
// One group while it runs: its connections, the requests that wait for one, and when the next
// request is due. An open loop's requests are sent when they are due, however late the answers are.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "drama/base/clock.hpp"
#include "load/connection.hpp"
#include "load/load_plan.hpp"
#include "load/load_result.hpp"

namespace drama::cli {

/// What the groups of one thread share. Lifetime: outlives them.
struct load_context {
    int poller = -1;
    socket_address to;
    std::string host;         ///< of the Host header
    std::uint64_t index = 0;  ///< this thread's
    std::uint64_t threads = 1;
    std::uint64_t seed = 1;
};

/// A thread's part of a group: of n connections and of every n-th arrival.
///
/// Threads: one. Errors: counted in the result.
class group_run {
  public:
    /// `number`: of the group in its plan; it makes the seed the group's own.
    group_run(const load_group& what, std::uint64_t number, const load_context& in);
    group_run(const group_run&) = delete;
    group_run& operator=(const group_run&) = delete;

    /// Opens the connections that it begins with.
    void open_first(instant now);
    std::size_t connecting() const noexcept { return connecting_; }
    /// The group's time counts from here.
    void begin(instant at);

    /// When send_due() has something to do.
    instant due() const noexcept { return due_; }
    /// Sends what is due, at most 64 requests.
    void send_due(instant now);
    void on_event(load_connection& of, std::uint32_t events, std::span<char> scratch,
                  const clock& time);
    /// Gives up on requests without an answer, and opens connections again. To be called often
    /// enough for the timeout.
    void tick(instant now);
    bool is_done(instant now) const noexcept;

    std::uint64_t outstanding() const noexcept { return in_flight_ + waiting_.size(); }
    const load_result& so_far() const noexcept { return result_; }
    /// What became of it; what is still under way is unfinished.
    load_result finish(instant now);

  private:
    bool is_closed_loop() const noexcept { return !schedule_; }
    void set_due();
    void advance_due();
    void take_due(instant now);
    void use(load_connection& idle, instant now);
    bool send_on(load_connection& idle, instant due);
    load_connection* free_connection() noexcept;
    void settle(load_connection& of, const exchange_progress& what, instant now);
    void open(load_connection& closed, instant now);
    void refill(instant now);
    void expire(instant now);
    void give_up(instant due, instant now);

    const load_group* what_;
    const load_context* in_;
    std::uint64_t connections_;
    std::uint64_t connections_max_;
    std::uint64_t outstanding_max_;
    duration timeout_;
    request_kind kind_;
    std::vector<std::string> heads_;
    std::string body_;
    std::size_t next_head_ = 0;

    std::optional<arrival_schedule> schedule_;
    instant begin_{};
    instant end_{};
    instant due_ = never;

    std::deque<load_connection> all_;
    std::vector<load_connection*> free_;    ///< idle; one that is not idle any more is passed over
    std::vector<load_connection*> spare_;   ///< closed
    intrusive_list<load_connection> busy_;  ///< in order of their requests' intended times
    std::deque<instant> waiting_;           ///< intended times; at most `outstanding_max_`
    std::size_t connecting_ = 0;
    std::size_t in_flight_ = 0;
    instant retry_at_{};
    load_result result_;
};

}  // namespace drama::cli
