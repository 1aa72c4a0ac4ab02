// SPDX-License-Identifier: Apache-2.0
// The smallest program: two tenants, a task each, and what each of them has used.
#include <cstdio>

#include "drama/coro/sleep.hpp"
#include "drama/runtime/runtime.hpp"

using namespace drama;

namespace {

task<result<int>> greet(const char* whom, int times) {
    for (int i = 0; i < times; ++i) {
        std::printf("hello, %s\n", whom);
        auto slept = co_await sleep_for(1ms);
        if (!slept) {
            co_return fail(slept.error());  // asked to stop
        }
    }
    co_return times;
}

task<result<int>> greet_both() {
    const runtime_handle rt = this_runtime();
    auto gold = rt.try_spawn(rt.tenant("gold"), greet, "gold", 3);  // gold pays for it
    auto blue = rt.try_spawn(rt.tenant("blue"), greet, "blue", 2);
    if (!gold || !blue) {
        co_return fail((gold ? blue : gold).error());
    }
    DRAMA_CO_TRY(const int first, co_await gold->join());
    DRAMA_CO_TRY(const int second, co_await blue->join());
    co_return first + second;
}

}  // namespace

int main() {
    runtime rt;
    const auto greetings = rt.run(greet_both());
    if (!greetings) {
        std::fprintf(stderr, "%s\n", greetings.error().message().c_str());
        return 1;
    }
    for (const char* name : {"gold", "blue"}) {
        const tenant_usage& usage = rt.tenants().find(name).usage();
        std::printf("%s: %llu turns, %llu us of CPU\n", name,
                    static_cast<unsigned long long>(usage.turns.read()),
                    static_cast<unsigned long long>(usage.cpu_ns.read() / 1000));
    }
    return *greetings == 5 ? 0 : 1;
}
