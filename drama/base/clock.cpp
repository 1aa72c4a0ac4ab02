// SPDX-License-Identifier: Apache-2.0
#include "drama/base/clock.hpp"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cstring>

namespace drama::inline v0 {
namespace {

std::int64_t monotonic_ns() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

#if defined(__x86_64__)
// The kernel's own choice says whether the TSCs of all CPUs agree and never stop.
bool kernel_trusts_tsc() noexcept {
    char name[32] = {};
    const int fd = ::open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
                          O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    const auto got = ::read(fd, name, sizeof name - 1);
    ::close(fd);
    return got >= 3 &&
           (std::strncmp(name, "tsc", 3) == 0 || std::strncmp(name, "kvm-clock", 9) == 0);
}

struct calibration {
    std::uint64_t scale = 0;
    std::uint64_t tsc = 0;
    std::int64_t ns = 0;
};

// Two readings 2 ms apart: the ratio is good to about 20 ppm, and every clock of the process shares
// one calibration, so differences between threads stay exact.
calibration calibrate() noexcept {
    if (!kernel_trusts_tsc()) {
        return {};
    }
    const std::int64_t start_ns = monotonic_ns();
    const std::uint64_t start = __builtin_ia32_rdtsc();
    std::int64_t end_ns = start_ns;
    while (end_ns - start_ns < 2'000'000) {
        end_ns = monotonic_ns();
    }
    const std::uint64_t ticks = __builtin_ia32_rdtsc() - start;
    const auto scale = (static_cast<unsigned __int128>(end_ns - start_ns) << 32) / ticks;
    return {static_cast<std::uint64_t>(scale), start, start_ns};
}
#endif

}  // namespace

clock::clock() noexcept {
#if defined(__x86_64__)
    static const calibration shared = calibrate();
    scale_ = shared.scale;
    tsc_base_ = shared.tsc;
    base_ns_ = shared.ns;
#endif
}

instant clock::system_now() noexcept {
    return instant(duration(monotonic_ns()));
}

}  // namespace drama::inline v0
