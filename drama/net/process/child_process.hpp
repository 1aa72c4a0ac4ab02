// SPDX-License-Identifier: Apache-2.0
// Programs started from a task: pipes to their standard streams, and a wait for their end.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <vector>

#include "drama/coro/task.hpp"
#include "drama/net/pipe.hpp"

namespace drama::inline v0 {

/// What a standard stream of the child is.
enum class child_stream : std::uint8_t {
    inherit,  ///< the parent's
    null,     ///< /dev/null
    pipe,     ///< a pipe to the parent
};

struct child_options {
    std::vector<std::string> arguments;                   ///< after the program's own name
    std::optional<std::vector<std::string>> environment;  ///< "NAME=value"; none: the parent's
    std::string directory;                                ///< empty: the parent's
    child_stream input = child_stream::null;
    child_stream output = child_stream::inherit;
    child_stream error = child_stream::inherit;
};

/// How a child ended.
struct exit_status {
    int code = 0;    ///< of exit; meaningless after a signal
    int signal = 0;  ///< that ended it; 0: it exited

    bool is_success() const noexcept { return code == 0 && signal == 0; }
    bool operator==(const exit_status&) const = default;
};

/// One running child. Threads: one task.
/// Lifetime: destroying it before wait() has ended kills the child and blocks until the kernel has
///           taken it away.
class DRAMA_API child_process {
  public:
    /// Starts `program`, a path or a name to be found in PATH.
    /// Suspends: on a blocking thread until the program has been loaded.
    /// Errors: ENOENT, EACCES, E2BIG, EMFILE ...; those of blocking().
    static task<result<child_process>> start(
        std::string program, child_options options,
        std::source_location where = std::source_location::current());
    /// With the default options. (Not a default argument: GCC 12 destroys those twice in an await.)
    static task<result<child_process>> start(
        std::string program, std::source_location where = std::source_location::current());

    child_process(child_process&& other) noexcept;
    child_process& operator=(child_process&& other) noexcept;
    ~child_process();

    /// Waits for the end. Close input() first if the child reads it to the end.
    /// Errors: errc::stop_requested, errc::deadline_exceeded - it runs on and can be awaited again;
    ///         ECHILD - somebody else has taken its status.
    /// Lifetime: the object does not move while the wait stands.
    [[nodiscard]] task<result<exit_status>> wait(
        std::source_location where = std::source_location::current());
    /// Sends a signal. Errors: ESRCH if it has ended.
    result<void> kill(int signal);

    int pid() const noexcept { return pid_; }
    /// Open where the options said `pipe`.
    pipe_writer& input() noexcept { return input_; }
    pipe_reader& output() noexcept { return output_; }
    pipe_reader& error_output() noexcept { return error_; }

  private:
    child_process() noexcept = default;
    static task<result<exit_status>> wait_for(child_process* child, std::source_location where);
    void adopt(io_system& io, int pid, int fd, const std::array<int, 3>& pipes);
    void end() noexcept;

    io_fd pidfd_;  // closed once the child was awaited
    int pid_ = -1;
    pipe_writer input_;
    pipe_reader output_;
    pipe_reader error_;
};

}  // namespace drama::inline v0
