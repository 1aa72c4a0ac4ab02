// SPDX-License-Identifier: Apache-2.0
#include "forked_client.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace drama::cli {

pipe_ends make_pipe() {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return {};
    }
    return {unique_fd(ends[0]), unique_fd(ends[1])};
}

forked_client::forked_client(const std::function<void(int)>& work) {
    pipe_ends pipe = make_pipe();
    pid_ = ::fork();
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        pipe.read.reset();
        work(pipe.write.get());
        ::_exit(0);
    }
    output_ = std::move(pipe.read);
}

forked_client::~forked_client() {
    if (pid_ > 0) {
        ::waitpid(pid_, nullptr, 0);
    }
}

std::string forked_client::read_all() {
    std::string all;
    while (read_more(all)) {
    }
    return all;
}

bool forked_client::read_more(std::string& to) {
    std::array<char, 65536> piece;
    ssize_t got = 0;
    do {
        got = ::read(output_.get(), piece.data(), piece.size());
    } while (got < 0 && errno == EINTR);
    to.append(piece.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    return got > 0;
}

void write_all(int descriptor, const void* bytes, std::size_t count) noexcept {
    const auto* at = static_cast<const char*>(bytes);
    while (count > 0) {
        const ssize_t written = ::write(descriptor, at, count);
        if (written < 0 && errno != EINTR) {
            ::_exit(1);
        }
        if (written > 0) {
            at += written;
            count -= static_cast<std::size_t>(written);
        }
    }
}

}  // namespace drama::cli
