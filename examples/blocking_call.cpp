// SPDX-License-Identifier: Apache-2.0
// Calls that block (a database driver, getaddrinfo, a slow disk) beside tasks that must not wait: a
// hundred of them at once, while a ticker of the same program keeps its pace.
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "drama/coro/sleep.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"

using namespace drama;

namespace {

/// Stands for a driver that knows nothing of coroutines.
result<std::string> look_up(int key) {
    std::this_thread::sleep_for(5ms);
    if (key < 0) {
        return fail(errc::bad_argument);
    }
    return "row " + std::to_string(key);
}

task<result<std::size_t>> fetch(int key) {
    DRAMA_CO_TRY(const std::string row,
                 co_await blocking(look_up, key));  // on the tenant's account
    co_return row.size();
}

task<void> tick(int* ticks) {
    for (;;) {
        auto slept = co_await sleep_for(1ms);
        if (!slept) {
            co_return;
        }
        ++*ticks;
    }
}

task<result<std::size_t>> fetch_all(scope_handle scope, int* ticks) {
    auto ticker = scope.spawn(tick, ticks);
    if (!ticker) {
        co_return fail(ticker.error());
    }
    std::vector<join_handle<result<std::size_t>>> rows;
    for (int key = 0; key < 100; ++key) {
        auto row = scope.spawn(fetch, key);
        if (!row) {
            co_return fail(row.error());
        }
        rows.push_back(std::move(*row));
    }
    std::size_t bytes = 0;
    for (auto& row : rows) {
        DRAMA_CO_TRY(const std::size_t size, co_await row.join());
        bytes += size;
    }
    ticker->request_stop();
    co_return bytes;
}

}  // namespace

int main() {
    runtime_options options;
    options.blocking_threads_max = 32;
    runtime rt(options);
    int ticks = 0;
    const auto bytes = rt.run(in_scope(fetch_all, &ticks));
    if (!bytes) {
        std::fprintf(stderr, "%s\n", bytes.error().message().c_str());
        return 1;
    }
    std::printf("%zu bytes in 100 rows; meanwhile the ticker ticked %d times\n", *bytes, ticks);
    return *bytes == 590 && ticks > 0 ? 0 : 1;
}
