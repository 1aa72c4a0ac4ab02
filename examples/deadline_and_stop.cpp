// SPDX-License-Identifier: Apache-2.0
// Deadlines and stops: every await yields an error when its time is over, nothing is abandoned.
#include <cstdio>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/coro/when.hpp"
#include "drama/runtime/runtime.hpp"

using namespace drama;

namespace {

task<result<int>> answer_after(duration span, int value) {
    auto slept = co_await sleep_for(span);
    if (!slept) {
        co_return fail(slept.error());  // say why, and clean up: destructors run as always
    }
    co_return value;
}

task<result<void>> run() {
    auto late = with_deadline(5ms, answer_after(1h, 1));
    auto missed = co_await std::move(late);
    std::printf("an hour in 5 ms: %s\n", missed ? "??" : missed.error().message().c_str());

    auto race = when_any(answer_after(1h, 1), answer_after(1ms, 2));  // the loser is stopped
    auto winner = co_await std::move(race);

    stop_source source;
    source.request_stop();
    auto asked = with_stop(source.get_token(), answer_after(1h, 3));
    auto stopped = co_await std::move(asked);
    std::printf("asked to stop: %s\n", stopped ? "??" : stopped.error().message().c_str());

    const bool right = !missed && missed.error() == errc::deadline_exceeded && winner && !stopped &&
                       stopped.error() == errc::stop_requested;
    co_return right ? result<void>() : fail(errc::bad_argument);
}

}  // namespace

int main() {
    runtime rt;
    const auto done = rt.run(run());
    return done ? 0 : 1;
}
