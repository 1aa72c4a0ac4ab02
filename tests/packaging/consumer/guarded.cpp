// SPDX-License-Identifier: Apache-2.0
// A simulated test with the guard in front of the C library: it tells of what looks past the world.
#include <cstdio>
#include <cstdlib>

#include "drama/sim/node/sim_test_world.hpp"

using namespace drama;

namespace {

task<void> run_a_command(int* into) {
    *into = std::system("true");
    co_return;
}

}  // namespace

int main() {
    sim_test_world world({.seed = 1});
    int status = 0;
    world.start("node", run_a_command, &status);
    const bool is_told = !world.finish().holds() && world.verdict().word == "stray";
    std::printf("%s\n%s\n", is_told ? "told" : "not told", world.verdict().what.c_str());
    return is_told ? 0 : 1;
}
