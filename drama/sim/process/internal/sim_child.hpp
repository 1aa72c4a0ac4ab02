// SPDX-License-Identifier: Apache-2.0
// One child of a simulated process, as its parent's descriptor: readable once the child has ended.
// The child has a process of its own, which owns its ends of the pipes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "drama/io/process/process_system.hpp"
#include "drama/sim/internal/event_queue.hpp"
#include "drama/sim/internal/sim_descriptor.hpp"
#include "drama/sim/process/child_programs.hpp"

namespace drama::inline v0 {
class sim_network;
namespace internal {

class local_stream;
class sim_child;
struct sim_process;

/// The child's end of a pipe: what comes moves the child on. Ownership: the table's.
class child_stream final : public sim_descriptor {
  public:
    child_stream(std::shared_ptr<local_stream> through, bool reads) noexcept;

    void serve() noexcept override;
    void on_close() noexcept override;
    local_stream& bytes() noexcept { return *through_; }

    sim_child* of = nullptr;  ///< null: the child has ended
    int fd = -1;

  protected:
    std::int64_t attempt(operation& op, bool again) noexcept override;
    int events() noexcept override { return 0; }

  private:
    std::shared_ptr<local_stream> through_;
    const bool reads_;
};

/// Threads: one at a time. Ownership: its own; it goes when it has ended and its number is closed.
class sim_child final : public sim_descriptor {
  public:
    sim_child(sim_network& network, sim_process& parent, child_script script, int pid);
    ~sim_child() override;

    /// Makes a pipe of a standard stream; yields the parent's number or a negative errno.
    int connect(std::size_t stream, bool child_reads);
    void begin() noexcept;
    /// It comes a little later.
    void send(int signal) noexcept;
    bool has_ended() const noexcept { return ended_.has_value(); }
    /// How it ended, told once.
    std::optional<child_ended> collect() noexcept;
    void kill_now(int signal) noexcept { end({.signal = signal}); }
    int pid() const noexcept { return pid_; }

    void go_on() noexcept;
    void on_close() noexcept override;
    void on_power_loss() noexcept override;

  protected:
    std::int64_t attempt(operation& op, bool again) noexcept override;
    int events() noexcept override;

  private:
    struct own_event : timed_event {
        sim_child* of = nullptr;
        int signal = 0;
    };
    bool has_read_all() noexcept;
    bool has_said(std::size_t stream, std::string& what) noexcept;
    void take(int signal) noexcept;
    void end(const child_ended& how) noexcept;
    void close_streams() noexcept;
    void bury_if_over() noexcept;

    sim_network& network_;
    sim_process& parent_;
    sim_process& own_;
    child_script script_;
    const int pid_;
    std::array<child_stream*, 3> streams_{};
    own_event due_;
    own_event signal_;
    std::uint64_t signals_ = 0;
    bool is_due_ = false;
    bool is_stopped_ = false;
    bool is_closed_ = false;
    bool is_buried_ = false;
    bool was_collected_ = false;
    std::optional<child_ended> ended_;
};

}  // namespace internal
}  // namespace drama::inline v0
