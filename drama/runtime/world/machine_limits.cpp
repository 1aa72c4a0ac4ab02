// SPDX-License-Identifier: Apache-2.0
// What the machine lets this process use: CPU affinity and the cgroup's quota.
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include "drama/runtime/world/real_world.hpp"

namespace drama::inline v0 {
namespace {

std::size_t affinity_cpus() {
    // Machines with more CPUs than cpu_set_t holds need a larger set; grow until the kernel agrees.
    for (int cpus = 1024; cpus <= 1 << 16; cpus *= 2) {
        cpu_set_t* const set = CPU_ALLOC(cpus);
        const std::size_t bytes = CPU_ALLOC_SIZE(cpus);
        CPU_ZERO_S(bytes, set);
        const bool known = ::sched_getaffinity(0, bytes, set) == 0;
        const int count = known ? CPU_COUNT_S(bytes, set) : 0;
        CPU_FREE(set);
        if (known) {
            return static_cast<std::size_t>(std::max(count, 1));
        }
    }
    return 1;
}

// "max 100000" or "150000 100000".
double quota_of(const std::string& directory) {
    std::ifstream file(directory + "/cpu.max");
    std::string quota;
    double period = 0;
    if (!(file >> quota >> period) || quota == "max" || period <= 0) {
        return 0.0;
    }
    return std::strtod(quota.c_str(), nullptr) / period;
}

// The tightest quota on the way from this process's cgroup (v2) up to the root.
double cgroup_quota_cpus() {
    std::ifstream file("/proc/self/cgroup");
    std::string line;
    double tightest = 0.0;
    while (std::getline(file, line)) {
        if (line.rfind("0::", 0) != 0) {
            continue;
        }
        std::string path = line.substr(3);
        for (;;) {
            const double quota = quota_of("/sys/fs/cgroup" + path);
            if (quota > 0 && (tightest == 0.0 || quota < tightest)) {
                tightest = quota;
            }
            const auto slash = path.rfind('/');
            if (path.empty() || slash == std::string::npos) {
                return tightest;
            }
            path.resize(slash);
        }
    }
    return tightest;
}

}  // namespace

std::size_t machine_limits::usable_cpus() const noexcept {
    std::size_t cpus = affinity_cpus;
    if (quota_cpus > 0) {
        cpus = std::min(cpus, static_cast<std::size_t>(std::ceil(quota_cpus)));
    }
    return std::max<std::size_t>(cpus, 1);
}

machine_limits read_machine_limits() {
    return {.affinity_cpus = affinity_cpus(), .quota_cpus = cgroup_quota_cpus()};
}

}  // namespace drama::inline v0
