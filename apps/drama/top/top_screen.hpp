// SPDX-License-Identifier: Apache-2.0
// The terminal of `drama top`: draws a view, and tells which key was pressed. ncurses knows but one
// screen, so there is one at a time.
#pragma once

#include <chrono>
#include <string>

#include "top/top_view.hpp"

namespace drama::cli {

/// The terminal, from construction to destruction, which gives it back as it was.
class top_screen {
  public:
    /// False: there is no terminal that can be drawn on.
    bool is_open() const noexcept { return is_open_; }

    top_screen();
    ~top_screen();
    top_screen(const top_screen&) = delete;
    top_screen& operator=(const top_screen&) = delete;

    /// Draws as many rows as fit. `note` stands in the last line.
    void draw(const top_view& view, const std::string& note);
    /// The next key, or 0 if none is pressed for so long.
    static int wait_key(std::chrono::milliseconds longest);

  private:
    bool is_open_ = false;
};

}  // namespace drama::cli
