// SPDX-License-Identifier: Apache-2.0
#include "drama/net/process/child_process.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {  // glibc 2.36 forgot to say so
#include <sys/pidfd.h>
}

#include "drama/base/unique_fd.hpp"
#include "drama/io/process/process_system.hpp"
#include "drama/runtime/blocking.hpp"

namespace drama::inline v0 {
namespace {

struct started_child {
    unique_fd pidfd;
    int pid = -1;
    std::array<unique_fd, 3> ours;  // our ends of the pipes
};

class spawn_plan {
  public:
    spawn_plan() noexcept {
        ::posix_spawn_file_actions_init(&files_);
        ::posix_spawnattr_init(&attributes_);
    }
    spawn_plan(const spawn_plan&) = delete;
    spawn_plan& operator=(const spawn_plan&) = delete;
    ~spawn_plan() {
        ::posix_spawn_file_actions_destroy(&files_);
        ::posix_spawnattr_destroy(&attributes_);
    }

    // What workers block or ignore is no business of the child.
    int reset_signals() noexcept {
        sigset_t none;
        sigset_t pipe;
        sigemptyset(&none);
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setsigdefault(&attributes_, &pipe);
        return ::posix_spawnattr_setflags(&attributes_,
                                          POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    }
    // Makes stream `number` of the child what `wanted` says. 0 or an errno.
    int connect(int number, child_stream wanted, unique_fd& ours) noexcept {
        if (wanted == child_stream::inherit) {
            return 0;
        }
        const bool child_reads = number == STDIN_FILENO;
        if (wanted == child_stream::null) {
            return ::posix_spawn_file_actions_addopen(&files_, number, "/dev/null",
                                                      child_reads ? O_RDONLY : O_WRONLY, 0);
        }
        std::array<int, 2> ends{-1, -1};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
            return errno;
        }
        unique_fd& theirs = theirs_[static_cast<std::size_t>(number)];
        theirs.reset(ends[child_reads ? 0 : 1]);
        ours.reset(ends[child_reads ? 1 : 0]);
        // Only our end: the child expects a stream that blocks.
        if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) {
            return errno;
        }
        return ::posix_spawn_file_actions_adddup2(&files_, theirs.get(), number);
    }
    int enter(const std::string& directory) noexcept {
        return directory.empty()
                   ? 0
                   : ::posix_spawn_file_actions_addchdir_np(&files_, directory.c_str());
    }
    int run(const std::string& program, const child_options& options, int& pid) {
        auto arguments = pointers(options.arguments, &program);
        auto environment =
            options.environment ? pointers(*options.environment, nullptr) : std::vector<char*>();
        return ::posix_spawnp(&pid, program.c_str(), &files_, &attributes_, arguments.data(),
                              options.environment ? environment.data() : environ);
    }

  private:
    static std::vector<char*> pointers(const std::vector<std::string>& from,
                                       const std::string* first) {
        std::vector<char*> made;
        made.reserve(from.size() + 2);
        if (first != nullptr) {
            made.push_back(const_cast<char*>(first->c_str()));
        }
        for (const std::string& each : from) {
            made.push_back(const_cast<char*>(each.c_str()));
        }
        made.push_back(nullptr);
        return made;
    }

    posix_spawn_file_actions_t files_{};
    posix_spawnattr_t attributes_{};
    std::array<unique_fd, 3> theirs_;  // the child's ends, open until it has them
};

void kill_and_reap(int pid) noexcept {
    ::kill(pid, SIGKILL);
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
}

// Runs on a blocking thread: the loader may read from a slow disk.
result<started_child> spawn_child(const std::string* program, const child_options* options) {
    spawn_plan plan;
    started_child made;
    int error = plan.reset_signals();
    const std::array<child_stream, 3> streams{options->input, options->output, options->error};
    for (int number = 0; number < 3 && error == 0; ++number) {
        const auto index = static_cast<std::size_t>(number);
        error = plan.connect(number, streams[index], made.ours[index]);
    }
    if (error == 0) {
        error = plan.enter(options->directory);
    }
    if (error == 0) {
        error = plan.run(*program, *options, made.pid);
    }
    if (error != 0) {
        return fail(errno_code(error));
    }
    made.pidfd.reset(::pidfd_open(made.pid, 0));
    if (!made.pidfd) {
        const int reason = errno;
        kill_and_reap(made.pid);
        return fail(errno_code(reason));
    }
    return made;
}

result<child_started> start_elsewhere(process_system* in, const std::string* program,
                                      const child_options* options) {
    return in->start_child(
        {.program = *program,
         .arguments = options->arguments,
         .piped = {options->input == child_stream::pipe, options->output == child_stream::pipe,
                   options->error == child_stream::pipe}});
}

}  // namespace

child_process::child_process(child_process&& other) noexcept
    : pidfd_(std::move(other.pidfd_)),
      pid_(std::exchange(other.pid_, -1)),
      input_(std::move(other.input_)),
      output_(std::move(other.output_)),
      error_(std::move(other.error_)) {
}

child_process& child_process::operator=(child_process&& other) noexcept {
    if (this != &other) {
        end();
        pidfd_ = std::move(other.pidfd_);
        pid_ = std::exchange(other.pid_, -1);
        input_ = std::move(other.input_);
        output_ = std::move(other.output_);
        error_ = std::move(other.error_);
    }
    return *this;
}

child_process::~child_process() {
    end();
}

void child_process::end() noexcept {
    if (pidfd_) {
        if (process_system* const others = pidfd_.io().processes()) {
            others->drop_child(pidfd_.get());
        } else {
            kill_and_reap(pid_);
        }
        pidfd_.reset();
    }
}

void child_process::adopt(io_system& io, int pid, int fd, const std::array<int, 3>& pipes) {
    pid_ = pid;
    pidfd_ = io_fd(io, fd);
    input_ = pipe_writer(io_fd(io, pipes[0]));
    output_ = pipe_reader(io_fd(io, pipes[1]));
    error_ = pipe_reader(io_fd(io, pipes[2]));
}

task<result<child_process>> child_process::start(std::string program, child_options options,
                                                 std::source_location where) {
    io_system& io = internal::current_io();
    child_process made;
    if (process_system* const others = io.processes()) {
        auto starting = blocking(start_elsewhere, others, &program, &options);
        starting.show_at(where);
        auto started = co_await starting;
        if (!started) {
            co_return fail(started.error());
        }
        made.adopt(io, started->pid, started->fd, started->pipes);
        co_return std::move(made);
    }
    auto loading = blocking(spawn_child, &program, &options);
    loading.show_at(where);
    auto spawned = co_await loading;
    if (!spawned) {
        co_return fail(spawned.error());
    }
    made.adopt(
        io, spawned->pid, spawned->pidfd.release(),
        {spawned->ours[0].release(), spawned->ours[1].release(), spawned->ours[2].release()});
    co_return std::move(made);
}

task<result<child_process>> child_process::start(std::string program, std::source_location where) {
    return start(std::move(program), child_options(), where);
}

task<result<exit_status>> child_process::wait(std::source_location where) {
    return wait_for(this, where);
}

task<result<exit_status>> child_process::wait_for(child_process* child,
                                                  std::source_location where) {
    auto ended = co_await internal::events_wait(child->pidfd_.get(), events::readable, where);
    if (!ended) {
        co_return fail(ended.error());
    }
    if (process_system* const others = child->pidfd_.io().processes()) {
        const auto told = others->collect_child(child->pidfd_.get());
        child->pidfd_.reset();
        if (!told) {
            co_return fail(told.error());
        }
        co_return exit_status{.code = told->code, .signal = told->signal};
    }
    siginfo_t info{};
    const int outcome = ::waitid(P_PID, static_cast<id_t>(child->pid_), &info, WEXITED | WNOHANG);
    const int error = errno;
    child->pidfd_.reset();
    if (outcome != 0) {
        co_return fail(errno_code(error));
    }
    const bool exited = info.si_code == CLD_EXITED;
    exit_status status;
    status.code = exited ? info.si_status : 0;
    status.signal = exited ? 0 : info.si_status;
    co_return status;
}

result<void> child_process::kill(int signal) {
    if (!pidfd_) {
        return fail(errno_code(ESRCH));
    }
    if (process_system* const others = pidfd_.io().processes()) {
        return others->signal_child(pidfd_.get(), signal);
    }
    if (::pidfd_send_signal(pidfd_.get(), signal, nullptr, 0) != 0) {
        return fail(errno_code(errno));
    }
    return {};
}

}  // namespace drama::inline v0
