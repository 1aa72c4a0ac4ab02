// SPDX-License-Identifier: Apache-2.0
// A simulated Unix stream socket: fresh, listening, or one of two ends that share two local
// streams. As in Linux a connect is over at once, before anybody accepts, and fails with EAGAIN
// while the backlog is full.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>

#include "drama/sim/net/internal/local/local_stream.hpp"
#include "drama/sim/net/internal/sim_socket.hpp"

struct iovec;
struct msghdr;

namespace drama::inline v0::internal {

/// Threads: one at a time. Ownership: the table's from its number on, before that its listener's.
class local_socket final : public sim_socket {
  public:
    local_socket(sim_network& network, const socket_kind& kind) noexcept
        : sim_socket(network, kind) {}

    /// Makes two fresh ones the ends of a connection.
    static void connect(local_socket& one, local_socket& other);

    void on_close() noexcept override;
    result<void> listen(int backlog) override;
    result<void> shutdown(int how) noexcept override;
    bool is_listening() const noexcept override { return listening_ != nullptr; }
    bool is_connected() const noexcept override { return in_ != nullptr; }

  protected:
    std::int64_t attempt(operation& op, bool again) noexcept override;
    int events() noexcept override;
    bool may_serve_writers() noexcept override;

  private:
    struct listening {
        std::size_t backlog = 0;
        std::deque<std::unique_ptr<local_socket>> queue;  // waiting to be accepted
    };

    std::int64_t attempt_accept(operation& op) noexcept;
    std::int64_t attempt_connect(operation& op) noexcept;
    /// Negative: why nothing can be read now, or not_yet; 0: the end; else so many bytes at most.
    std::int64_t readable(std::size_t wanted, const account* payer) noexcept;
    std::int64_t receive(operation& op, int flags) noexcept;
    std::int64_t receive_message(operation& op) noexcept;
    std::int64_t send(const iovec& part, passed_descriptors with, const account* payer) noexcept;
    std::int64_t send_message(operation& op) noexcept;
    std::optional<std::int64_t> ask(fault_kind kind, std::string_view site,
                                    const account* payer) noexcept;
    std::size_t limited(std::size_t count, std::string_view site, const account* payer) noexcept;
    /// False: one of the numbers stands for nothing.
    bool collect(const msghdr& message, passed_descriptors& into) noexcept;
    void hand_out(const passed_descriptors& what, msghdr& message, sim_process& to) noexcept;
    void leave(bool has_unread) noexcept;

    std::shared_ptr<local_stream> in_;
    std::shared_ptr<local_stream> out_;
    bool read_shut_ = false;
    bool write_shut_ = false;
    std::unique_ptr<listening> listening_;
};

}  // namespace drama::inline v0::internal
