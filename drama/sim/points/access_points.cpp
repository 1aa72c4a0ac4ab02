// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/points/access_points.hpp"

#include <cstdio>
#include <utility>

#include "drama/base/assert.hpp"
#include "drama/coro/runnable.hpp"
#include "drama/sim/internal/sim_scheduler.hpp"

namespace drama::inline v0::internal {
namespace {

constinit thread_local access_points* counted = nullptr;
using release_function = void() noexcept;
constinit release_function* release_freed = nullptr;

// A thread that only looks at memory waits for another one, so it pauses now and then in any run.
constexpr std::int64_t spin_gap = 20'000;
constexpr std::uint64_t gap_doublings = 12;
constexpr std::uint64_t few_pauses = 3;
constexpr std::uint64_t many_pauses = 100;

constexpr duration short_pause = std::chrono::microseconds(5);
constexpr duration medium_pause = std::chrono::microseconds(300);
constexpr duration hand_over_least = std::chrono::milliseconds(2);
constexpr duration hand_over_spread = std::chrono::milliseconds(6);

// A word of nothing else stands nowhere but in what was freed.
bool is_freed(const volatile void* at) noexcept {
    constexpr std::uint64_t freed_word = freed_byte * 0x0101'0101'0101'0101ULL;
    const auto word = reinterpret_cast<std::uintptr_t>(at) & ~std::uintptr_t{7};
    return *reinterpret_cast<const volatile std::uint64_t*>(word) == freed_word;
}

[[noreturn, gnu::cold]] void stop_use() noexcept {
    const no_access_points undisturbed;
    const runnable* const self = current_runnable();
    std::fputs("drama: memory is used after it was freed", stderr);
    if (self != nullptr) {
        std::fprintf(stderr, ", by a task that was spawned at %s:%u", self->site.where.file_name(),
                     static_cast<unsigned>(self->site.where.line()));
    }
    std::fputc('\n', stderr);
    assertion_failed("lives", __FILE__, __LINE__, "memory is used after it was freed");
}

}  // namespace

access_points::~access_points() {
    if (release_freed != nullptr) {
        release_freed();
    }
}

void set_release_of_freed_memory(void (*release)() noexcept) noexcept {
    release_freed = release;
}

access_points::access_points(std::uint64_t seed) noexcept
    : random_(seed ^ 0x706f696e7473ULL),
      mean_gap_(std::uint64_t{2} << random_.below(gap_doublings)),
      pauses_max_(random_.below(2) == 0 ? 1 + random_.below(few_pauses) : many_pauses) {
    left = draw_gap();
}

std::int64_t access_points::draw_gap() noexcept {
    if (pauses_ >= pauses_max_) {
        return spin_gap;
    }
    return static_cast<std::int64_t>(1 + random_.below(2 * mean_gap_));
}

void access_points::put_off() noexcept {
    left = draw_gap();
}

duration access_points::next_pause() noexcept {
    ++pauses_;
    left = draw_gap();
    const auto upto = [this](duration most) {
        return duration(
            1 + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(most.count()))));
    };
    switch (random_.below(8)) {
        case 0:
            return hand_over_least + upto(hand_over_spread);
        case 1:
        case 2:
            return upto(medium_pause);
        default:
            return upto(short_pause);
    }
}

[[gnu::noinline]] access_points* count_accesses_for(access_points* run) noexcept {
    return std::exchange(counted, run);
}

[[gnu::noinline]] access_points* accesses_counted_for() noexcept {
    return counted;
}

[[gnu::noinline]] void note_access(const volatile void* at) noexcept {
    access_points* const run = counted;
    if (run == nullptr) {
        return;
    }
    if (--run->left < 0) [[unlikely]] {
        scheduler_of_this_thread()->pause_at_access();
    }
    if (is_freed(at)) [[unlikely]] {
        stop_use();
    }
}

}  // namespace drama::inline v0::internal
