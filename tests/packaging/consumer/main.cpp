// SPDX-License-Identifier: Apache-2.0
// Uses a bit of everything that is installed: runtime, pools, a server that shows it, a simulation.
#include <cstdio>

#include "drama/admin/admin_server.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/fs/file.hpp"
#include "drama/net/process/signal_set.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"
#include "drama/sync/channel.hpp"

using namespace drama;

namespace {

int twice(int of) {
    return 2 * of;
}

task<result<int>> work(int given) {
    channel<int> line(1);
    auto pushed = co_await line.push(given);
    if (!pushed) {
        co_return fail(pushed.error());
    }
    DRAMA_CO_TRY(const int popped, co_await line.pop());
    DRAMA_CO_TRY(const int blocked, co_await blocking(twice, popped));
    DRAMA_CO_TRY(const int computed, co_await compute(twice, blocked));
    auto slept = co_await sleep_for(1ms);
    co_return slept ? result<int>(computed) : fail(slept.error());
}

bool works_on_the_machine() {
    runtime rt;
    admin_server admin(rt);
    if (!rt.start() || !admin.start(endpoint("127.0.0.1", 0))) {
        return false;
    }
    const auto found = rt.sync_wait(rt.tenants().get_or_create("gold"), work, 10);
    admin.stop();
    return rt.stop() && found.value_or(0) == 40;
}

bool works_in_a_simulation() {
    simulation sim(seed_or(1));
    runtime rt(sim.world());
    sim.watch(rt);
    const bool started = rt.start() && rt.try_spawn(rt.tenants().get_or_create("gold"), work, 10);
    return started && sim.run_to_end() && rt.stop();
}

}  // namespace

int main() {
    const bool works = works_on_the_machine() && works_in_a_simulation();
    std::printf("%s\n", works ? "works" : "does not work");
    return works ? 0 : 1;
}
