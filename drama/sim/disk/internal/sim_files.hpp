// SPDX-License-Identifier: Apache-2.0
// The disk of one simulated machine at work: operations are served after a latency drawn from the
// seed and take effect when they complete, unless the power fails before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "drama/base/prng.hpp"
#include "drama/io/io_backend.hpp"
#include "drama/sim/disk/disk_options.hpp"
#include "drama/sim/disk/internal/disk_faults.hpp"
#include "drama/sim/disk/internal/file_tree.hpp"
#include "drama/sim/disk/internal/sim_file.hpp"
#include "drama/sim/internal/event_queue.hpp"
#include "drama/sim/net/sim_network.hpp"

struct iovec;

namespace drama::inline v0::internal {

/// A life of the machine's processes lasts until the power fails or the process ends; what belongs
/// to an earlier one, a backend or a descriptor, fails with EIO and changes nothing.
///
/// Threads: the owner and simulated threads.
class sim_files {
  public:
    sim_files(sim_network& network, std::string machine, std::uint64_t seed);
    ~sim_files();
    sim_files(const sim_files&) = delete;
    sim_files& operator=(const sim_files&) = delete;

    submission start(operation& op, sim_backend& on) noexcept;
    /// Half of the cancelled operations have begun already: they take effect.
    void cancel(operation& op) noexcept;
    void abandon(sim_backend& home) noexcept;
    void on_close(sim_file& closed) noexcept;

    std::uint64_t life() const noexcept { return life_; }
    /// Ends the life; half of what is in flight takes effect before. `loses`: the power fails too.
    void end_life(bool loses);
    void on_crash(std::function<void()> call) { on_crash_.push_back(std::move(call)); }
    /// The power fails in place of the k-th operation from now; 0: it does not.
    void crash_at(std::uint64_t k) noexcept { crash_at_ = k == 0 ? 0 : operations_ + k; }
    std::uint64_t crashes() const noexcept { return crashes_; }
    /// Operations that have taken effect.
    std::uint64_t operations() const noexcept { return operations_; }

    /// Operations that are stuck go on.
    void release_stuck() noexcept;

    disk_options& options() noexcept { return options_; }
    file_tree& tree() noexcept { return tree_; }

  private:
    struct request : timed_event {
        sim_files* of = nullptr;
        operation* op = nullptr;  ///< null: idle
        sim_backend* on = nullptr;
        bool is_cancelled = false;
        bool is_stuck = false;
        std::uint64_t promised = 0;  ///< a sync: the last change before it began
    };

    static void on_served(timed_event& event) noexcept;
    request& take_request();
    void finish(request& served, std::int64_t outcome) noexcept;
    std::int64_t latency_ns(const operation& op) noexcept;
    std::int64_t outcome_of(const request& served) noexcept;
    std::uint64_t promise_of(const operation& op) noexcept;

    std::int64_t perform(const request& served);
    std::int64_t perform_on_fd(const request& served, sim_file& file);
    std::int64_t open(const request& served);
    std::int64_t status(const operation& op);
    std::int64_t sync(const request& served, sim_file& file);
    std::int64_t resize(const operation& op, sim_file& file);
    void lose_unsynced(file_node& node, sync_failure how);

    /// What goes wrong with one read or write.
    struct transfer_faults {
        std::int64_t bytes_left = INT64_MAX;  ///< it moves so many
        std::int64_t beside = 0;              ///< it goes so far from its place
        std::int64_t flips = -1;              ///< this bit of it; negative: none
        bool is_stale = false;
    };
    transfer_faults faults_of(const operation& op, bool writes) noexcept;
    std::int64_t transfer(const operation& op, sim_file& file);
    std::int64_t read(const file_node& node, std::int64_t at, const iovec& part, bool is_stale);
    std::int64_t write(file_node& node, std::int64_t at, const iovec& part);
    static void write_flipped(file_node& node, std::int64_t at, std::int64_t bit);
    std::int64_t room_bytes() const;

    sim_network& network_;
    sim_scheduler& scheduler_;
    disk_options options_;
    disk_faults faults_;
    prng random_;        // what things take
    prng crash_random_;  // what a crash leaves
    file_tree tree_;
    std::uint64_t life_ = 1;
    std::uint64_t operations_ = 0;
    std::uint64_t crash_at_ = 0;
    std::uint64_t crashes_ = 0;
    std::vector<std::function<void()>> on_crash_;
    std::vector<std::unique_ptr<request>> requests_;
    std::vector<request*> idle_requests_;
};

}  // namespace drama::inline v0::internal
