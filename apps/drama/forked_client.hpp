// SPDX-License-Identifier: Apache-2.0
// Work in a forked process, which answers through a pipe: what it does with its scheduling, signals
// and descriptors concerns nobody else.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include <sys/types.h>

#include "drama/base/unique_fd.hpp"

namespace drama::cli {

struct pipe_ends {
    unique_fd read;
    unique_fd write;
};

/// Both ends close on exec; empty where there are no more descriptors.
pipe_ends make_pipe();

/// Runs `work` in a forked process; what it writes to the descriptor it is given can be read here.
class forked_client {
  public:
    explicit forked_client(const std::function<void(int)>& work);
    forked_client(const forked_client&) = delete;
    forked_client& operator=(const forked_client&) = delete;
    ~forked_client();

    /// All that it writes until it ends.
    std::string read_all();
    /// Waits for more of it, and adds it. False at the end.
    bool read_more(std::string& to);
    /// Readable when read_more() does not wait.
    int output() const noexcept { return output_.get(); }

  private:
    pid_t pid_ = -1;
    unique_fd output_;
};

/// Writes all of it; a reader that is gone ends the process.
void write_all(int descriptor, const void* bytes, std::size_t count) noexcept;

}  // namespace drama::cli
