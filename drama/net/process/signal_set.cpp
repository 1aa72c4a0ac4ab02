// SPDX-License-Identifier: Apache-2.0
#include "drama/net/process/signal_set.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <memory>
#include <string>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "drama/base/unique_fd.hpp"
#include "drama/io/process/process_system.hpp"

namespace drama::inline v0 {
namespace {

result<sigset_t> set_of(std::initializer_list<int> signals) {
    sigset_t made;
    sigemptyset(&made);
    for (const int number : signals) {
        if (sigaddset(&made, number) != 0) {
            return fail(errno_code(errno));
        }
    }
    return made;
}

struct close_directory {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

// The mask of blocked signals from a thread's status, all ones if it ended meanwhile.
std::uint64_t blocked_by(const std::string& thread) {
    const std::string path = "/proc/self/task/" + thread + "/status";
    const unique_fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::string text(4096, '\0');
    const ssize_t bytes = file ? ::read(file.get(), text.data(), text.size()) : 0;
    text.resize(bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
    constexpr std::string_view label = "\nSigBlk:\t";
    const std::size_t at = text.find(label);
    std::uint64_t mask = ~std::uint64_t{0};
    if (at != std::string::npos) {
        const char* first = text.data() + at + label.size();
        std::from_chars(first, text.data() + text.size(), mask, 16);
    }
    return mask;
}

std::uint64_t bits_of(std::initializer_list<int> signals) {
    std::uint64_t bits = 0;
    for (const int number : signals) {
        bits |= std::uint64_t{1} << (number - 1);
    }
    return bits;
}

// A signal that one thread lets in may be delivered there, and its default ends the process.
bool is_blocked_everywhere(std::initializer_list<int> signals) {
    const std::unique_ptr<DIR, close_directory> tasks(::opendir("/proc/self/task"));
    if (tasks == nullptr) {
        return true;  // no way to know: trust the caller
    }
    const std::uint64_t wanted = bits_of(signals);
    while (const dirent* each = ::readdir(tasks.get())) {
        if (each->d_name[0] != '.' && (blocked_by(each->d_name) & wanted) != wanted) {
            return false;
        }
    }
    return true;
}

}  // namespace

result<void> block_signals(std::initializer_list<int> signals) {
    DRAMA_TRY(const sigset_t set, set_of(signals));
    if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) {
        return fail(errno_code(error));
    }
    return {};
}

result<signal_set> signal_set::open(std::initializer_list<int> signals) {
    DRAMA_TRY(const sigset_t set, set_of(signals));
    io_system& io = internal::current_io();
    if (process_system* const others = io.processes()) {
        DRAMA_TRY(const int opened, others->open_signals(bits_of(signals)));
        return signal_set(io_fd(io, opened));
    }
    if (!is_blocked_everywhere(signals)) {
        return fail(errc::bad_argument);
    }
    const int fd = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0) {
        return fail(errno_code(errno));
    }
    return signal_set(io_fd(io, fd));
}

}  // namespace drama::inline v0
