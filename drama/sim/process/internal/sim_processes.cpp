// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/process/internal/sim_processes.hpp"

#include <cerrno>
#include <csignal>
#include <memory>
#include <utility>

#include "drama/coro/runnable.hpp"
#include "drama/fault/fault_plan.hpp"
#include "drama/sim/internal/sim_scheduler.hpp"
#include "drama/sim/net/sim_network.hpp"
#include "drama/sim/process/internal/signal_queue.hpp"
#include "drama/sim/process/internal/sim_child.hpp"

namespace drama::inline v0::internal {

result<int> sim_processes::open_signals(std::uint64_t signals) {
    if (of_.is_dead) {
        return fail(errno_code(ECANCELED));
    }
    auto made = std::make_unique<signal_queue>(of_, signals);
    const int fd = network_.add_fd(*made, of_);
    if (fd < 0) {
        std::erase(of_.signals_read_by, made.get());
        return fail(errno_code(-fd));
    }
    made.release();
    return fd;
}

result<child_started> sim_processes::start_child(const child_request& what) {
    if (of_.is_dead) {
        return fail(errno_code(ECANCELED));
    }
    const runnable* const task = current_runnable();
    if (network_.scheduler().faults().decide({.kind = fault_kind::thread_unavailable,
                                              .site = "child.start",
                                              .payer = task == nullptr ? nullptr : task->payer,
                                              .node = of_.machine})) {
        return fail(errno_code(EAGAIN));
    }
    const child_program* const program = programs_.find(what.program);
    if (program == nullptr) {
        return fail(errno_code(ENOENT));
    }
    if (network_.processes() >= network_.options().processes_max) {
        return fail(errno_code(EAGAIN));
    }
    auto child =
        std::make_unique<sim_child>(network_, of_, (*program)(what.arguments), network_.next_pid());
    child_started made{.pid = child->pid()};
    made.fd = network_.add_fd(*child, of_);
    if (made.fd < 0) {
        return fail(errno_code(-made.fd));
    }
    sim_child& started = *child.release();
    for (std::size_t stream = 0; stream != made.pipes.size(); ++stream) {
        if (!what.piped[stream]) {
            continue;
        }
        made.pipes[stream] = started.connect(stream, stream == 0);
        if (const int refused = made.pipes[stream]; refused < 0) {
            for (std::size_t opened = 0; opened != stream; ++opened) {
                network_.close(made.pipes[opened]);
            }
            started.kill_now(SIGKILL);
            network_.close(made.fd);
            return fail(errno_code(-refused));
        }
    }
    started.begin();
    return made;
}

sim_child* sim_processes::find(int fd) noexcept {
    return of_.is_dead ? nullptr : dynamic_cast<sim_child*>(network_.find(fd));
}

result<void> sim_processes::signal_child(int fd, int signal) {
    sim_child* const child = find(fd);
    if (child == nullptr || child->has_ended()) {
        return fail(errno_code(ESRCH));
    }
    if (signal < 0 || signal > 64) {
        return fail(errno_code(EINVAL));
    }
    if (signal != 0) {
        child->send(signal);
    }
    return {};
}

result<child_ended> sim_processes::collect_child(int fd) {
    sim_child* const child = find(fd);
    if (child == nullptr) {
        return fail(errno_code(ECHILD));
    }
    if (!child->has_ended()) {
        return fail(errno_code(EAGAIN));
    }
    const auto how = child->collect();
    if (!how) {
        return fail(errno_code(ECHILD));
    }
    return *how;
}

void sim_processes::drop_child(int fd) noexcept {
    if (sim_child* const child = find(fd)) {
        child->kill_now(SIGKILL);
    }
}

}  // namespace drama::inline v0::internal
