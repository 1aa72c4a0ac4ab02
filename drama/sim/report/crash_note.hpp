// SPDX-License-Identifier: Apache-2.0
// The last words of a run that ends the process: an assertion, an abort, a bad access. Without them
// nobody would know which run it was.
#pragma once

#include <array>
#include <csignal>
#include <string>

#include "drama/base/export.hpp"

namespace drama::inline v0 {

/// While it stands, a signal that ends the process first writes what was set last to stderr.
/// Handlers that others installed stay. Threads: one makes, sets and destroys it; one at a time.
class DRAMA_API crash_note {
  public:
    crash_note() noexcept;
    ~crash_note();
    crash_note(const crash_note&) = delete;
    crash_note& operator=(const crash_note&) = delete;

    /// Longer texts are cut.
    static void set(const std::string& text) noexcept;

  private:
    static constexpr std::array signals{SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    std::array<bool, signals.size()> ours_{};
};

}  // namespace drama::inline v0
