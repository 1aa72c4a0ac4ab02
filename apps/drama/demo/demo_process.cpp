// SPDX-License-Identifier: Apache-2.0
#include "demo_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <string_view>
#include <utility>

#include "forked_client.hpp"

namespace drama::cli {
namespace {

// The child never comes back: no destructor of the parent runs in it.
[[noreturn]] void become_server(const char* program, const std::vector<std::string>& arguments,
                                int output) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::dup2(output, STDOUT_FILENO);
    const unique_fd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    ::dup2(nowhere.get(), STDERR_FILENO);
    std::vector<char*> words;
    for (const std::string& each : arguments) {
        words.push_back(const_cast<char*>(each.c_str()));
    }
    words.push_back(nullptr);
    ::execv(program, words.data());
    ::_exit(127);
}

std::string read_line(int descriptor) {
    std::string line;
    char next = 0;
    while (::read(descriptor, &next, 1) == 1 && next != '\n') {
        line.push_back(next);
    }
    return line;
}

/// The port of the line's n-th address; 0 if there are fewer.
std::uint16_t port_in(std::string_view line, int n) {
    constexpr std::string_view prefix = "http://127.0.0.1:";
    for (; n >= 0; --n) {
        const std::size_t at = line.find(prefix);
        if (at == std::string_view::npos) {
            return 0;
        }
        line.remove_prefix(at + prefix.size());
    }
    std::uint16_t port = 0;
    std::from_chars(line.data(), line.data() + line.size(), port);
    return port;
}

}  // namespace

result<temporary_folder> temporary_folder::make() {
    std::error_code error;
    std::string path = (std::filesystem::temp_directory_path(error) / "drama-demo-XXXXXX").string();
    if (error) {
        return fail(error);
    }
    if (::mkdtemp(path.data()) == nullptr) {
        return fail(errno_code(errno));
    }
    return temporary_folder(std::move(path));
}

temporary_folder::~temporary_folder() {
    if (!path_.empty()) {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
}

result<served_process> served_process::start(std::vector<std::string> arguments,
                                             const std::string& command) {
    std::istringstream words(command.empty() ? "drama serve --listen 127.0.0.1:0" : command);
    arguments.insert(arguments.begin(), std::istream_iterator<std::string>(words), {});
    const char* const program = command.empty() ? "/proc/self/exe" : arguments.front().c_str();
    pipe_ends pipe = make_pipe();
    served_process made;
    made.pid_ = ::fork();
    if (made.pid_ == 0) {
        become_server(program, arguments, pipe.write.get());
    }
    if (made.pid_ < 0) {
        return fail(errno_code(errno));
    }
    pipe.write.reset();
    made.output_ = std::move(pipe.read);
    made.ready_line_ = read_line(made.output_.get());
    made.port_ = port_in(made.ready_line_, 0);
    made.admin_port_ = port_in(made.ready_line_, 1);
    if (made.port_ == 0) {
        return fail(errc::end_of_stream);
    }
    return made;
}

served_process::served_process(served_process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      port_(other.port_),
      admin_port_(other.admin_port_),
      ready_line_(std::move(other.ready_line_)),
      output_(std::move(other.output_)) {
}

served_process::~served_process() {
    if (pid_ > 0) {
        ::kill(pid_, SIGTERM);
        ::waitpid(pid_, nullptr, 0);
    }
}

}  // namespace drama::cli
