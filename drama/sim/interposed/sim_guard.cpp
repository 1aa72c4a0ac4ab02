// SPDX-License-Identifier: Apache-2.0
// The C library as simulated code sees it. A test that links drama_sim_guard calls these in place
// of libc's: outside of a simulation they only pass the call on; inside, the machine's clocks,
// randomness, threads, processes and sleeps are strays that are reported with the place of the
// call.
//
// The program's definition goes before the shared libraries', for those too: so std::chrono,
// std::thread, std::random_device and whatever else libstdc++ offers are covered.
#include <execinfo.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/random.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "drama/sim/internal/machine_calls.hpp"
#include "drama/sim/interposed/next_symbol.hpp"
#include "drama/sim/report/code_place.hpp"

namespace {

using drama::internal::machine_calls;
using drama::internal::next_symbol;

constexpr std::int64_t second_ns = 1'000'000'000;

// Reporting calls libc itself.
constinit thread_local bool is_reporting = false;

bool is_simulated() noexcept {
    return !is_reporting && machine_calls::is_simulated();
}

// Who called: the frames above this file's and the system libraries'.
[[gnu::noinline]] std::string call_site() {
    std::array<void*, 32> frames{};
    const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
    std::string text;
    int shown = 0;
    for (int i = 3; i < count && shown < 2; ++i) {  // this, the report and the interposed call
        const auto& lines = drama::internal::code_places(frames[static_cast<std::size_t>(i)]);
        for (const std::string& each : lines) {
            text += "    " + each + '\n';
        }
        shown += lines.empty() ? 0 : 1;
    }
    return text;
}

[[gnu::noinline]] void report(const char* call) noexcept {
    is_reporting = true;
    machine_calls::stray(call, call_site());
    is_reporting = false;
}

timespec time_of(std::int64_t ns) noexcept {
    return {.tv_sec = ns / second_ns, .tv_nsec = ns % second_ns};
}

bool is_wall(clockid_t which) noexcept {
    return which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE || which == CLOCK_TAI;
}

// True if the world answers in the machine's place.
bool is_answered(const char* call) noexcept {
    if (!is_simulated()) {
        return false;
    }
    if (machine_calls::answers_clocks()) {
        return true;
    }
    report(call);
    return false;
}

}  // namespace

extern "C" {

// Time.

DRAMA_INTERPOSED int clock_gettime(clockid_t which, timespec* into) noexcept {
    if (is_answered("clock_gettime")) {
        *into =
            time_of(is_wall(which) ? machine_calls::wall_clock_ns() : machine_calls::clock_ns());
        return 0;
    }
    static auto* const next = next_symbol<int(clockid_t, timespec*)>("clock_gettime");
    return next(which, into);
}

DRAMA_INTERPOSED int gettimeofday(timeval* into, void* zone) noexcept {
    if (is_answered("gettimeofday")) {
        const timespec now = time_of(machine_calls::wall_clock_ns());
        *into = {.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1'000};
        return 0;
    }
    static auto* const next = next_symbol<int(timeval*, void*)>("gettimeofday");
    return next(into, zone);
}

DRAMA_INTERPOSED time_t time(time_t* into) noexcept {
    if (is_answered("time")) {
        const time_t now = machine_calls::wall_clock_ns() / second_ns;
        if (into != nullptr) {
            *into = now;
        }
        return now;
    }
    static auto* const next = next_symbol<time_t(time_t*)>("time");
    return next(into);
}

// Randomness.

DRAMA_INTERPOSED int rand() noexcept {
    if (is_simulated()) {
        report("rand");
    }
    static auto* const next = next_symbol<int()>("rand");
    return next();
}

DRAMA_INTERPOSED long random() noexcept {
    if (is_simulated()) {
        report("random");
    }
    static auto* const next = next_symbol<long()>("random");
    return next();
}

DRAMA_INTERPOSED ssize_t getrandom(void* into, size_t length, unsigned flags) {
    if (is_simulated()) {
        report("getrandom");
    }
    static auto* const next = next_symbol<ssize_t(void*, size_t, unsigned)>("getrandom");
    return next(into, length, flags);
}

DRAMA_INTERPOSED int getentropy(void* into, size_t length) {
    if (is_simulated()) {
        report("getentropy");
    }
    static auto* const next = next_symbol<int(void*, size_t)>("getentropy");
    return next(into, length);
}

DRAMA_INTERPOSED std::uint32_t arc4random() noexcept {
    if (is_simulated()) {
        report("arc4random");
    }
    static auto* const next = next_symbol<std::uint32_t()>("arc4random");
    return next();
}

// std::random_device::_M_getval(): most machines answer it by an instruction.
DRAMA_INTERPOSED unsigned _ZNSt13random_device9_M_getvalEv(void* self) {
    if (is_simulated()) {
        report("std::random_device");
    }
    static auto* const next = next_symbol<unsigned(void*)>("_ZNSt13random_device9_M_getvalEv");
    return next(self);
}

// Processes, threads and sleeps.

DRAMA_INTERPOSED pid_t fork() noexcept {
    if (is_simulated()) {
        report("fork");
    }
    static auto* const next = next_symbol<pid_t()>("fork");
    return next();
}

DRAMA_INTERPOSED int posix_spawn(pid_t* made, const char* path,
                                 const posix_spawn_file_actions_t* actions,
                                 const posix_spawnattr_t* how, char* const words[],
                                 char* const variables[]) {
    if (is_simulated()) {
        report("posix_spawn");
    }
    static auto* const next = next_symbol<decltype(posix_spawn)>("posix_spawn");
    return next(made, path, actions, how, words, variables);
}

DRAMA_INTERPOSED int posix_spawnp(pid_t* made, const char* name,
                                  const posix_spawn_file_actions_t* actions,
                                  const posix_spawnattr_t* how, char* const words[],
                                  char* const variables[]) {
    if (is_simulated()) {
        report("posix_spawnp");
    }
    static auto* const next = next_symbol<decltype(posix_spawnp)>("posix_spawnp");
    return next(made, name, actions, how, words, variables);
}

DRAMA_INTERPOSED int system(const char* command) {
    if (is_simulated()) {
        report("system");
    }
    static auto* const next = next_symbol<int(const char*)>("system");
    return next(command);
}

DRAMA_INTERPOSED FILE* popen(const char* command, const char* how) {
    if (is_simulated()) {
        report("popen");
    }
    static auto* const next = next_symbol<FILE*(const char*, const char*)>("popen");
    return next(command, how);
}

// Who spins waits for a thread that cannot run meanwhile.
DRAMA_INTERPOSED int sched_yield() noexcept {
    if (is_simulated()) {
        machine_calls::give_way();
        return 0;
    }
    static auto* const next = next_symbol<int()>("sched_yield");
    return next();
}

DRAMA_INTERPOSED int pthread_create(pthread_t* made, const pthread_attr_t* how,
                                    void* (*body)(void*), void* with) noexcept {
    if (is_simulated()) {
        report("pthread_create");
    }
    static auto* const next =
        next_symbol<int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)>(
            "pthread_create");
    return next(made, how, body, with);
}

DRAMA_INTERPOSED int nanosleep(const timespec* length, timespec* left) {
    if (is_simulated()) {
        report("nanosleep");
        return 0;
    }
    static auto* const next = next_symbol<int(const timespec*, timespec*)>("nanosleep");
    return next(length, left);
}

DRAMA_INTERPOSED int clock_nanosleep(clockid_t which, int flags, const timespec* until,
                                     timespec* left) {
    if (is_simulated()) {
        report("clock_nanosleep");
        return 0;
    }
    static auto* const next =
        next_symbol<int(clockid_t, int, const timespec*, timespec*)>("clock_nanosleep");
    return next(which, flags, until, left);
}

DRAMA_INTERPOSED int usleep(useconds_t length) {
    if (is_simulated()) {
        report("usleep");
        return 0;
    }
    static auto* const next = next_symbol<int(useconds_t)>("usleep");
    return next(length);
}

DRAMA_INTERPOSED unsigned sleep(unsigned seconds) {
    if (is_simulated()) {
        report("sleep");
        return 0;
    }
    static auto* const next = next_symbol<unsigned(unsigned)>("sleep");
    return next(seconds);
}

}  // extern "C"
