// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/process/internal/sim_child.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <csignal>
#include <utility>

#include <poll.h>

#include "drama/sim/internal/descriptor_table.hpp"
#include "drama/sim/internal/sim_scheduler.hpp"
#include "drama/sim/net/internal/local/local_stream.hpp"
#include "drama/sim/net/internal/local/pipe_end.hpp"
#include "drama/sim/net/sim_network.hpp"
#include "drama/sim/node/sim_process.hpp"
#include "drama/sim/process/internal/signal_queue.hpp"

namespace drama::inline v0::internal {
namespace {

constexpr std::uint64_t signal_takes_ns = 50'000;  // up to so long

bool is_terminate(int signal) noexcept {
    return signal == SIGTERM || signal == SIGINT || signal == SIGHUP;
}

}  // namespace

child_stream::child_stream(std::shared_ptr<local_stream> through, bool reads) noexcept
    : through_(std::move(through)), reads_(reads) {
    (reads_ ? through_->reader : through_->writer) = this;
}

void child_stream::serve() noexcept {
    if (of != nullptr) {
        of->go_on();
    }
}

std::int64_t child_stream::attempt(operation&, bool) noexcept {
    return -EBADF;
}

void child_stream::on_close() noexcept {
    (reads_ ? through_->reader : through_->writer) = nullptr;
    if (reads_) {
        through_->discard();
    }
    if (sim_descriptor* const other = reads_ ? through_->writer : through_->reader) {
        other->serve_soon();
    }
    table()->bury(*this);
}

sim_child::sim_child(sim_network& network, sim_process& parent, child_script script, int pid)
    : network_(network),
      parent_(parent),
      own_(network.start_process(parent.node)),
      script_(std::move(script)),
      pid_(pid) {
    own_.is_child = true;
    due_.of = this;
    due_.fire = [](timed_event& event) noexcept {
        sim_child& self = *static_cast<own_event&>(event).of;
        self.is_due_ = true;
        self.go_on();
    };
    signal_.of = this;
    signal_.fire = [](timed_event& event) noexcept {
        sim_child& self = *static_cast<own_event&>(event).of;
        while (self.signals_ != 0 && !self.has_ended()) {
            const int number = std::countr_zero(self.signals_) + 1;
            self.signals_ &= ~signal_bit(number);
            self.take(number);
        }
    };
}

sim_child::~sim_child() {
    network_.scheduler().cancel(due_);
    network_.scheduler().cancel(signal_);
}

int sim_child::connect(std::size_t stream, bool child_reads) {
    auto through = std::make_shared<local_stream>(pipe_end::bytes_max);
    auto theirs = std::make_unique<child_stream>(through, child_reads);
    auto ours = std::make_unique<pipe_end>(through, !child_reads);
    const int child_fd = network_.add_fd(*theirs, own_);
    if (child_fd < 0) {
        return child_fd;
    }
    theirs->fd = child_fd;
    theirs->of = this;
    streams_[stream] = theirs.release();
    const int fd = network_.add_fd(*ours, parent_);
    if (fd < 0) {
        (child_reads ? through->writer : through->reader) = nullptr;
        return fd;
    }
    ours.release();
    return fd;
}

void sim_child::begin() noexcept {
    network_.scheduler().note(sim_event::arrival, 0x6368696cU ^ static_cast<std::uint64_t>(pid_));
    network_.scheduler().schedule(due_, network_.scheduler().now_ns() + script_.takes.count());
}

void sim_child::send(int signal) noexcept {
    signals_ |= signal_bit(signal);
    if (!signal_.is_scheduled()) {
        const auto takes = static_cast<std::int64_t>(network_.random().below(signal_takes_ns));
        network_.scheduler().schedule(signal_, network_.scheduler().now_ns() + takes);
    }
}

void sim_child::take(int signal) noexcept {
    network_.scheduler().note(sim_event::arrival, 0x7369676eU ^ static_cast<std::uint64_t>(signal));
    if (signal == SIGSTOP || signal == SIGTSTP) {
        is_stopped_ = true;
    } else if (signal == SIGCONT) {
        is_stopped_ = false;
        go_on();
    } else if (signal != SIGCHLD && signal != SIGURG && signal != SIGWINCH &&
               !(script_.ignores_terminate && is_terminate(signal))) {
        end({.signal = signal});
    }
}

bool sim_child::has_read_all() noexcept {
    if (streams_[0] == nullptr) {
        return true;
    }
    local_stream& input = streams_[0]->bytes();
    if (script_.reads_input && input.size() != 0) {
        input.discard();
        if (input.writer != nullptr) {
            input.writer->serve_soon();
        }
    }
    return !script_.reads_input || input.writer == nullptr;
}

// What is left of `what` stays in it.
bool sim_child::has_said(std::size_t stream, std::string& what) noexcept {
    if (streams_[stream] == nullptr || what.empty()) {
        return true;
    }
    local_stream& to = streams_[stream]->bytes();
    if (to.reader == nullptr) {
        end({.signal = SIGPIPE});
        return false;
    }
    const std::size_t count = std::min(what.size(), to.room());
    if (count != 0) {
        to.push(what.data(), count);
        what.erase(0, count);
        to.reader->serve_soon();
    }
    return what.empty();
}

void sim_child::go_on() noexcept {
    if (has_ended() || is_stopped_ || !has_read_all() || !is_due_) {
        return;
    }
    if (has_said(1, script_.output) && has_said(2, script_.error_output)) {
        end({.code = script_.exit_code});
    }
}

void sim_child::end(const child_ended& how) noexcept {
    if (has_ended()) {
        return;
    }
    network_.scheduler().note(sim_event::arrival, 0x656e64U ^
                                                      static_cast<std::uint64_t>(how.code) << 32 ^
                                                      static_cast<std::uint64_t>(how.signal) << 24);
    ended_ = how;
    network_.scheduler().cancel(due_);
    close_streams();
    own_.is_dead = true;
    serve_soon();
    raise_signal(parent_, SIGCHLD);
    bury_if_over();
}

void sim_child::close_streams() noexcept {
    for (child_stream*& each : streams_) {
        if (child_stream* const closed = std::exchange(each, nullptr)) {
            closed->of = nullptr;
            network_.close(closed->fd);
        }
    }
}

std::optional<child_ended> sim_child::collect() noexcept {
    return std::exchange(was_collected_, true) ? std::nullopt : ended_;
}

void sim_child::on_close() noexcept {
    is_closed_ = true;
    bury_if_over();
}

void sim_child::on_power_loss() noexcept {
    end({.signal = SIGKILL});
}

void sim_child::bury_if_over() noexcept {
    if (is_closed_ && has_ended() && !std::exchange(is_buried_, true)) {
        table()->bury(*this);
    }
}

std::int64_t sim_child::attempt(operation&, bool) noexcept {
    return -EINVAL;
}

int sim_child::events() noexcept {
    return has_ended() ? POLLIN | POLLRDNORM : 0;
}

}  // namespace drama::inline v0::internal
