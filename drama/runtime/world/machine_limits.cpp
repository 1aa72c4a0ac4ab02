// SPDX-License-Identifier: Apache-2.0
// What the machine lets this process use: CPU affinity and the cgroup's quota.
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
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

// CPUs, 0 for no limit. cpu.max of v2 says "max 100000" or "150000 100000"; v1 has a file for each
// number, and -1 for no limit.
double quota_of(const std::string& directory) {
    std::string quota;
    double period = 0;
    std::ifstream both(directory + "/cpu.max");
    if (!(both >> quota >> period)) {
        std::ifstream(directory + "/cpu.cfs_quota_us") >> quota;
        std::ifstream(directory + "/cpu.cfs_period_us") >> period;
    }
    const double time = std::strtod(quota.c_str(), nullptr);  // "max": 0
    return time > 0 && period > 0 ? time / period : 0.0;
}

// From a cgroup up to the root of its hierarchy.
double tightest_quota(const std::string& hierarchy, std::string path) {
    double tightest = 0.0;
    for (;;) {
        const double quota = quota_of(hierarchy + path);
        if (quota > 0 && (tightest == 0.0 || quota < tightest)) {
            tightest = quota;
        }
        const auto slash = path.rfind('/');
        if (slash == std::string::npos) {
            return tightest;
        }
        path.resize(slash);
    }
}

// Lines are "ID:CONTROLLERS:PATH": "0::/a/b" of v2, "1:cpu,cpuacct:/a/b" of v1, which is mounted
// under the names of its controllers.
double cgroup_quota_cpus(const cgroup_paths& cgroups) {
    std::ifstream file(cgroups.of_process);
    std::string line;
    while (std::getline(file, line)) {
        const auto first = line.find(':');
        const auto second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) {
            continue;
        }
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const bool has_cpu = ("," + controllers + ",").find(",cpu,") != std::string::npos;
        if (!controllers.empty() && !has_cpu) {
            continue;
        }
        const std::string below = controllers.empty() ? "" : "/" + controllers;
        const double quota = tightest_quota(cgroups.mount + below, line.substr(second + 1));
        if (quota > 0) {
            return quota;  // one hierarchy alone has the cpu controller
        }
    }
    return 0.0;
}

}  // namespace

std::size_t machine_limits::usable_cpus() const noexcept {
    std::size_t cpus = affinity_cpus;
    if (quota_cpus > 0) {
        cpus = std::min(cpus, static_cast<std::size_t>(std::ceil(quota_cpus)));
    }
    return std::max<std::size_t>(cpus, 1);
}

machine_limits read_machine_limits(const cgroup_paths& cgroups) {
    return {.affinity_cpus = affinity_cpus(), .quota_cpus = cgroup_quota_cpus(cgroups)};
}

}  // namespace drama::inline v0
