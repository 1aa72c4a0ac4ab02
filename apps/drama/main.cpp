// SPDX-License-Identifier: Apache-2.0
// The drama program: picks the command.
#include <cstdio>
#include <span>
#include <string_view>

#include "commands.hpp"

namespace {

constexpr const char* usage =
    "usage: drama COMMAND [options]\n"
    "\n"
    "  serve   serve HTTP routes that behave and routes that do not, many tenants\n"
    "  load    send HTTP requests on time and measure how late the answers are\n"
    "  top     watch the tenants of a running process, and how full it is\n"
    "  explain say why one of its tenants waits, for whom, and what could be done\n"
    "  replay  run a workload through the scheduling policy in virtual time, and through others\n"
    "  demo    show what a busy neighbour costs a small tenant, with and without drama's order\n"
    "\n"
    "drama COMMAND --help tells its options.\n";

}  // namespace

int main(int count, char** values) {
    const std::span<char* const> arguments(values, static_cast<std::size_t>(count));
    if (count < 2) {
        std::fputs(usage, stderr);
        return 2;
    }
    const std::string_view name = values[1];
    if (name == "serve") {
        return drama::cli::serve_command(arguments.subspan(2));
    }
    if (name == "load") {
        return drama::cli::load_command(arguments.subspan(2));
    }
    if (name == "top") {
        return drama::cli::top_command(arguments.subspan(2));
    }
    if (name == "explain") {
        return drama::cli::explain_command(arguments.subspan(2));
    }
    if (name == "replay") {
        return drama::cli::replay_command(arguments.subspan(2));
    }
    if (name == "demo") {
        return drama::cli::demo_command(arguments.subspan(2));
    }
    if (name == "--help" || name == "-h" || name == "help") {
        std::fputs(usage, stdout);
        return 0;
    }
    std::fprintf(stderr, "drama: unknown command %s\n%s", values[1], usage);
    return 2;
}
