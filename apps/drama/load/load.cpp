// SPDX-License-Identifier: Apache-2.0
// `drama load`: reads the plan, lets forked clients run it, shows how far they are, and reports.
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <deque>
#include <fstream>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "commands.hpp"
#include "fetch.hpp"
#include "forked_client.hpp"
#include "load/load_loop.hpp"
#include "load/load_report.hpp"
#include "load/scenario.hpp"
#include "toml_source.hpp"

namespace drama::cli {
namespace {

void complain(const std::string& what) {
    std::fprintf(stderr, "drama load: %s\n", what.c_str());
}

/// Nothing, once it has told what is wrong.
std::optional<load_plan> read_plan(std::span<char* const> arguments, int& status) {
    load_plan plan;
    const parsed read = parse_flags(describe(plan), arguments);
    status = read == parsed::wrong ? 2 : 0;
    if (read != parsed::go_on) {
        return std::nullopt;
    }
    status = 2;
    if (!plan.scenario.empty()) {
        const auto text = text_of_file(plan.scenario, scenario_bytes_max);
        if (!text) {
            return complain(text.error()), std::nullopt;
        }
        auto made = parse_scenario(*text, plan.scenario, [arguments](load_plan& into) {
            static_cast<void>(parse_flags(describe(into), arguments));
        });
        if (!made) {
            for (const std::string& line : made.error()) {
                std::fprintf(stderr, "%s\n", line.c_str());
            }
            return std::nullopt;
        }
        plan = *std::move(made);
    }
    if (const std::string wrong = complete(plan); !wrong.empty()) {
        return complain(wrong), std::nullopt;
    }
    return plan;
}

// As many connections as the hard limit lets it have.
void raise_fd_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
    }
}

/// SIGINT and SIGTERM as a descriptor, for this process and, blocked, those that it forks.
unique_fd stop_signals() noexcept {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGINT);
    ::sigaddset(&set, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    return unique_fd(::signalfd(-1, &set, SFD_CLOEXEC));
}

/// One for each client, in memory that they share.
class shared_progress {
  public:
    explicit shared_progress(std::size_t count) : bytes_(count * sizeof(load_progress)) {
        void* const memory =
            ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) {
            throw std::bad_alloc();
        }
        all_ = {static_cast<load_progress*>(memory), count};
        std::uninitialized_default_construct(all_.begin(), all_.end());
    }
    shared_progress(const shared_progress&) = delete;
    shared_progress& operator=(const shared_progress&) = delete;
    ~shared_progress() { ::munmap(all_.data(), bytes_); }

    load_progress* of(std::size_t index) noexcept { return &all_[index]; }
    std::uint64_t sum(std::atomic<std::uint64_t> load_progress::* what) const noexcept {
        std::uint64_t sum = 0;
        for (const load_progress& each : all_) {
            sum += (each.*what).load(std::memory_order_relaxed);
        }
        return sum;
    }

  private:
    std::size_t bytes_;
    std::span<load_progress> all_;
};

/// Shows what has changed since the last time, on a line of its own or over the last one.
class progress_line {
  public:
    progress_line(const shared_progress& of, bool is_quiet)
        : of_(&of), is_quiet_(is_quiet), is_terminal_(::isatty(STDERR_FILENO) != 0) {}

    void show(double seconds) {
        const std::uint64_t answered = of_->sum(&load_progress::answered);
        if (!is_quiet_) {
            std::fprintf(
                stderr, "%s%.0f s: %llu answers/s, %llu failed, %llu dropped, %llu outstanding%s",
                is_terminal_ ? "\r\x1b[K" : "", seconds, number(answered - before_),
                number(of_->sum(&load_progress::failed)), number(of_->sum(&load_progress::dropped)),
                number(of_->sum(&load_progress::outstanding)), is_terminal_ ? "" : "\n");
        }
        before_ = answered;
    }
    void end() const {
        if (!is_quiet_ && is_terminal_) {
            std::fputs("\r\x1b[K", stderr);
        }
    }

  private:
    static unsigned long long number(std::uint64_t value) noexcept { return value; }

    const shared_progress* of_;
    bool is_quiet_;
    bool is_terminal_;
    std::uint64_t before_ = 0;
};

/// The clients of a plan: forked, so that each may have a priority of its own.
class load_clients {
  public:
    load_clients(const load_plan& plan, const socket_address& to, shared_progress& progress)
        : groups_(plan.groups.size()) {
        pipe_ends stop = make_pipe();
        for (std::uint64_t i = 0; i < plan.threads; ++i) {
            all_.emplace_back([&](int output) {
                stop.write.reset();
                const std::string bytes = bytes_of(run_loop(plan, to,
                                                            {.index = i,
                                                             .threads = plan.threads,
                                                             .stop = stop.read.get(),
                                                             .progress = progress.of(i)}));
                write_all(output, bytes.data(), bytes.size());
            });
        }
        texts_.resize(all_.size());
        stop_ = std::move(stop.write);
    }

    /// Reads what they say until all have ended. The first signal ends their sending, the second
    /// this process.
    void wait(int signals, progress_line& line) {
        std::vector<pollfd> watched;
        for (const forked_client& each : all_) {
            watched.push_back({each.output(), POLLIN, 0});
        }
        watched.push_back({signals, POLLIN, 0});
        const clock time;
        const instant begin = time.now();
        instant show_at = begin + 1s;
        for (std::size_t open = all_.size(); open > 0;) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(show_at - time.now());
            ::poll(watched.data(), watched.size(), static_cast<int>(std::max(0L, left.count())));
            if (time.now() >= show_at) {
                line.show(std::chrono::duration<double>(show_at - begin).count());
                show_at += 1s;
            }
            if (watched.back().revents != 0) {
                take_signal(signals);
            }
            for (std::size_t i = 0; i < all_.size(); ++i) {
                if (watched[i].revents != 0 && !all_[i].read_more(texts_[i])) {
                    watched[i].fd = -1;
                    --open;
                }
            }
        }
        line.end();
    }

    bool is_interrupted() const noexcept { return is_interrupted_; }

    /// Errors: a client that ended without a result.
    std::optional<std::vector<load_result>> results() const {
        std::vector<load_result> sums(groups_);
        for (const std::string& text : texts_) {
            const auto part = results_in(text, groups_);
            if (!part) {
                return std::nullopt;
            }
            for (std::size_t i = 0; i < groups_; ++i) {
                sums[i].merge((*part)[i]);
            }
        }
        return sums;
    }

  private:
    void take_signal(int signals) {
        signalfd_siginfo which{};
        static_cast<void>(::read(signals, &which, sizeof which));
        if (std::exchange(is_interrupted_, true)) {
            ::_exit(128 + static_cast<int>(which.ssi_signo));
        }
        stop_.reset();
    }

    std::size_t groups_;
    std::deque<forked_client> all_;
    std::vector<std::string> texts_;
    unique_fd stop_;
    bool is_interrupted_ = false;
};

bool write_file(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text;
    if (!file.flush()) {
        complain("cannot write " + path);
        return false;
    }
    return true;
}

int show(const load_report& report) {
    const load_plan& plan = *report.plan;
    const load_result total = report.total();
    if (total.connects == 0 && !report.is_interrupted) {
        complain("cannot connect to " + std::string(plan.address()) + ": " +
                 std::generic_category().message(
                     static_cast<int>(total.connect_errno != 0 ? total.connect_errno : ETIMEDOUT)));
        return 1;
    }
    std::fputs((plan.json ? report.json() : report.text()).c_str(), stdout);
    if (!plan.svg.empty() && !write_file(plan.svg, report.svg())) {
        return 1;
    }
    return total.answered > 0 ? 0 : 1;
}

int run(const load_plan& plan) {
    const auto to = resolve(plan.address());
    if (!to) {
        complain(to.error());
        return 1;
    }
    raise_fd_limit();
    const unique_fd signals = stop_signals();
    shared_progress progress(plan.threads);
    progress_line line(progress, plan.quiet);
    load_clients clients(plan, *to, progress);
    clients.wait(signals.get(), line);
    auto results = clients.results();
    if (!results) {
        complain("a client ended without a result");
        return 1;
    }
    return show({&plan, *std::move(results), clients.is_interrupted()});
}

}  // namespace

int load_command(std::span<char* const> arguments) {
    int status = 0;
    const auto plan = read_plan(arguments, status);
    return plan ? run(*plan) : status;
}

}  // namespace drama::cli
