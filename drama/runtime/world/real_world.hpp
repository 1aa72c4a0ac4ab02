// SPDX-License-Identifier: Apache-2.0
// The machine itself as a world: its clock, threads, CPUs and kernel IO.
#pragma once

#include <string>

#include "drama/runtime/world/pulse_threads.hpp"
#include "drama/runtime/world/world.hpp"

namespace drama::inline v0 {

/// What the machine lets this process use. Read once when the world is made.
struct machine_limits {
    std::size_t affinity_cpus = 1;  ///< sched_getaffinity
    double quota_cpus = 0.0;        ///< the tightest of its cgroups, v1 or v2; 0: none
    /// Affinity, bounded by the quota rounded up; at least 1.
    std::size_t usable_cpus() const noexcept;
};

/// Where the kernel tells of cgroups. Tests have their own.
struct cgroup_paths {
    std::string of_process = "/proc/self/cgroup";
    std::string mount = "/sys/fs/cgroup";
};

DRAMA_API machine_limits read_machine_limits(const cgroup_paths& cgroups = {});

/// Threads: all from any. Lifetime: until the process ends, or its owner destroys it.
class DRAMA_API real_world final : public world {
  public:
    real_world();

    const drama::clock& clock() const noexcept override { return clock_; }
    std::uint64_t seed() noexcept override;
    std::size_t usable_cpus() const noexcept override { return cpus_; }
    result<std::unique_ptr<world_thread>> start_thread(thread_role role,
                                                       thread_body& body) override;
    duration thread_cpu_time() const noexcept override;
    std::uint64_t thread_waits() const noexcept override;
    std::unique_ptr<parker> make_parker() override;
    std::unique_ptr<parker> make_core_parker(io_backend& backend) override;
    result<std::unique_ptr<io_system>> make_io(std::string_view choice, std::string& why) override;
    void keep_cpus_alert(bool wanted) noexcept override;
    void barrier_all_threads() noexcept override;

  private:
    drama::clock clock_;
    std::size_t cpus_;
    internal::pulse_threads pulse_;
};

}  // namespace drama::inline v0
