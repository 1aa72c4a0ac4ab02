// SPDX-License-Identifier: Apache-2.0
// What a worker's turn costs beside the tasks: a runtime with one worker, whose tasks burn CPU time
// and say how much.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "bench/policy_bench.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama::bench {
namespace {

constexpr int long_tenants = 50;
constexpr int long_polls = 40;
constexpr std::int64_t long_poll_ns = 50'000;
constexpr int short_tenants = 10'000;
constexpr std::int64_t short_poll_ns = 1'000;

/// What the tasks of a measurement say. Threads: the one worker.
struct burnt {
    std::int64_t began = 0;
    std::int64_t ended = 0;
    std::int64_t inside = 0;

    void burn(std::int64_t ns) noexcept {
        const std::int64_t start = now_ns();
        std::int64_t now = start;
        while (now - start < ns) {
            now = now_ns();
        }
        began = began == 0 ? start : began;
        ended = now;
        inside += now - start;
    }
    double outside() const noexcept { return static_cast<double>(ended - began - inside); }
};

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "policy_bench: %s\n", what);
    std::exit(1);
}

task<result<void>> burn_turns(burnt* into) {
    for (int i = 0; i < long_polls; ++i) {
        into->burn(long_poll_ns);
        auto gone_on = co_await yield_now();
        if (!gone_on) {
            co_return fail(gone_on.error());
        }
    }
    co_return result<void>();
}

task<result<void>> burn_once(burnt* into) {
    into->burn(short_poll_ns);
    co_return result<void>();
}

using burner = task<result<void>> (*)(burnt*);

/// Starts one task for each tenant and waits for all.
task<result<void>> run_all(runtime_handle rt, const std::vector<tenant>* tenants, burner body,
                           burnt* into) {
    std::vector<join_handle<result<void>>> handles;
    handles.reserve(tenants->size());
    into->began = now_ns();
    for (const tenant& each : *tenants) {
        auto made = rt.try_spawn(each, body, into);
        if (!made) {
            give_up("a task was refused");
        }
        handles.push_back(*std::move(made));
    }
    for (auto& each : handles) {
        auto done = co_await each.join();
        if (!done) {
            co_return done;
        }
    }
    co_return result<void>();
}

runtime_options with_one_worker() {
    runtime_options options;
    options.workers = 1;
    return options;
}

/// A runtime with one worker and some tenants, warm when it is made.
class one_worker {
  public:
    one_worker(int tenants, burner body) : rt_(with_one_worker()), body_(body) {
        if (!rt_.start()) {
            give_up("cannot start a runtime");
        }
        for (int i = 0; i < tenants; ++i) {
            tenants_.push_back(rt_.tenants().get_or_create("tenant-" + std::to_string(i)));
        }
        run();
    }
    burnt run() {
        burnt found;
        const auto done = rt_.sync_wait(rt_.tenants().get_or_create("bench"), run_all, rt_.handle(),
                                        &tenants_, body_, &found);
        if (!done) {
            give_up("a task failed");
        }
        return found;
    }

  private:
    runtime rt_;
    burner body_;
    std::vector<tenant> tenants_;
};

}  // namespace

samples measure_turn_overhead() {
    one_worker machine(long_tenants, burn_turns);
    samples found{};
    for (double& each : found) {
        const burnt seen = machine.run();
        each = 100 * seen.outside() / static_cast<double>(seen.ended - seen.began);
    }
    return found;
}

samples measure_many_tenants() {
    one_worker machine(short_tenants, burn_once);
    samples found{};
    for (double& each : found) {
        each = machine.run().outside() / short_tenants;
    }
    return found;
}

}  // namespace drama::bench
