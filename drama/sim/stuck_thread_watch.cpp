// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/stuck_thread_watch.hpp"

#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "drama/coro/runnable.hpp"
#include "drama/sim/internal/step_beat.hpp"
#include "drama/sim/report/code_place.hpp"
#include "drama/sim/report/run_trace.hpp"

namespace drama::inline v0 {
namespace {

constexpr duration look_period = std::chrono::milliseconds(100);
constexpr int places_max = 6;
constexpr int asking_signal = SIGURG;  // nobody is told of it unless he asks

// What the stuck thread says of itself, in a signal handler.
struct answer {
    std::array<void*, 48> frames;
    int count;
    std::source_location spawned_at;
    bool has_task;
    std::atomic<bool> is_there;
};
constinit answer said{};

void tell(int) {
    if (const runnable* const self = current_runnable()) {
        said.spawned_at = self->site.where;
        said.has_task = true;
    }
    said.count = ::backtrace(said.frames.data(), static_cast<int>(said.frames.size()));
    said.is_there.store(true, std::memory_order_release);
}

duration cpu_time() noexcept {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return std::chrono::seconds(used.tv_sec) + duration(used.tv_nsec);
}

// The user's own code, as far as it can be told.
std::string places() {
    std::string text;
    int shown = 0;
    for (int i = 0; i < said.count && shown < places_max; ++i) {
        for (const std::string& each :
             internal::code_places(said.frames[static_cast<std::size_t>(i)])) {
            const bool is_ours = each.find("/drama/sim/") != std::string::npos ||
                                 each.find("/drama/runtime/") != std::string::npos ||
                                 each.find("/drama/coro/") != std::string::npos;
            if (!is_ours && each.find(" at /usr/") == std::string::npos && shown < places_max) {
                text += "    " + each + '\n';
                ++shown;
            }
        }
    }
    return text;
}

[[noreturn]] void give_up(const char* why) {
    struct sigaction wanted{};
    wanted.sa_handler = &tell;
    ::sigaction(asking_signal, &wanted, nullptr);
    ::pthread_kill(internal::step_thread.load(std::memory_order_relaxed), asking_signal);
    for (int i = 0; i != 20 && !said.is_there.load(std::memory_order_acquire); ++i) {
        std::this_thread::sleep_for(look_period);
    }
    const bool is_told = said.is_there.load(std::memory_order_acquire);
    const std::string where = is_told ? places() : std::string();
    const std::string who = is_told && said.has_task
                                ? ", by a task that was spawned at " + place_text(said.spawned_at)
                                : "";
    std::fprintf(stderr, "drama: a step of the simulation does not end: %s%s\n%s", why, who.c_str(),
                 where.c_str());
    std::fflush(stderr);
    std::abort();  // the crash note follows
}

}  // namespace

stuck_thread_watch::stuck_thread_watch(const stuck_thread_limits& limits) : limits_(limits) {
    std::array<void*, 1> unused{};
    static_cast<void>(::backtrace(unused.data(), 1));  // the first call takes memory
    thread_ = std::thread([this] { look_on(); });
}

stuck_thread_watch::~stuck_thread_watch() {
    {
        const std::lock_guard guard(mutex_);
        is_over_ = true;
    }
    ended_.notify_one();
    thread_.join();
}

// Time is counted in looks: a machine that is suspended does not look.
void stuck_thread_watch::look_on() noexcept {
    std::uint64_t beats = 0;
    duration used_then{};
    duration looked{};
    std::unique_lock guard(mutex_);
    while (!ended_.wait_for(guard, look_period, [this] { return is_over_; })) {
        const std::uint64_t now = internal::step_beats.load(std::memory_order_relaxed);
        if (now != beats || runs_.load(std::memory_order_relaxed) == 0) {
            beats = now;
            used_then = cpu_time();
            looked = duration::zero();
            continue;
        }
        looked += look_period;
        if (cpu_time() - used_then >= limits_.cpu_time) {
            give_up("it runs and runs without an await");
        }
        if (looked >= limits_.time) {
            give_up("it waits for something outside of the simulation");
        }
    }
}

}  // namespace drama::inline v0
