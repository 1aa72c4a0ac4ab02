// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/process/internal/signal_queue.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <poll.h>
#include <sys/signalfd.h>

#include "drama/sim/internal/descriptor_table.hpp"

namespace drama::inline v0::internal {

signal_queue::signal_queue(sim_process& of, std::uint64_t signals) noexcept
    : of_(of), signals_(signals) {
    of_.signals_read_by.push_back(this);
}

void signal_queue::on_close() noexcept {
    std::erase(of_.signals_read_by, this);
    table()->bury(*this);
}

std::int64_t signal_queue::attempt(operation& op, bool) noexcept {
    if (op.code != op_code::read || op.length < sizeof(signalfd_siginfo)) {
        return -EINVAL;
    }
    const std::uint64_t here = of_.pending_signals & signals_;
    if (here == 0) {
        return not_yet;
    }
    const int number = std::countr_zero(here) + 1;
    of_.pending_signals &= ~signal_bit(number);
    signalfd_siginfo info{};
    info.ssi_signo = static_cast<std::uint32_t>(number);
    std::memcpy(op.buffer, &info, sizeof info);
    return sizeof info;
}

int signal_queue::events() noexcept {
    return (of_.pending_signals & signals_) != 0 ? POLLIN | POLLRDNORM : 0;
}

bool raise_signal(sim_process& at, int number) noexcept {
    if (at.is_dead) {
        return false;
    }
    bool is_read = false;
    for (signal_queue* const each : at.signals_read_by) {
        if ((each->signals() & signal_bit(number)) != 0) {
            at.pending_signals |= signal_bit(number);
            each->serve_soon();
            is_read = true;
        }
    }
    const bool is_harmless =
        number == SIGCHLD || number == SIGURG || number == SIGWINCH || number == SIGCONT;
    return !is_read && !is_harmless;
}

}  // namespace drama::inline v0::internal
