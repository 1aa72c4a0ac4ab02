// SPDX-License-Identifier: Apache-2.0
// Child processes of a simulated world: the programs that its nodes can start, and what each does.
// A child is no code of the world: it says something, takes its time and ends.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"

namespace drama::inline v0 {

/// What one child does: it reads its input to the end, if it does that; it takes its time; it says
/// what it says, as fast as its pipes take it; it ends.
struct child_script {
    duration takes = std::chrono::milliseconds(1);
    std::string output = {};  ///< if the parent has a pipe to it
    std::string error_output = {};
    int exit_code = 0;
    bool reads_input = false;
    bool ignores_terminate = false;  ///< SIGTERM, SIGINT and SIGHUP
};

/// Called when a child starts; it gets the arguments after the program's own name.
using child_program = std::function<child_script(const std::vector<std::string>& arguments)>;

/// Threads: the owner of the world, while it does not run.
class DRAMA_API child_programs {
  public:
    /// From now on, or in place of the one that had the name.
    void define(std::string name, child_program what) {
        programs_.insert_or_assign(std::move(name), std::move(what));
    }
    /// Null if there is none.
    const child_program* find(std::string_view name) const {
        const auto found = programs_.find(name);
        return found == programs_.end() ? nullptr : &found->second;
    }

  private:
    std::map<std::string, child_program, std::less<>> programs_;
};

}  // namespace drama::inline v0
