// SPDX-License-Identifier: Apache-2.0
// What the machine lets a process use, read from the kernel and from cgroups made up here.
#include <gtest/gtest.h>
#include <sched.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "drama/runtime/world/real_world.hpp"

namespace drama {
namespace {

class CgroupLimits : public ::testing::Test {
  protected:
    CgroupLimits() {
        std::string pattern = (std::filesystem::temp_directory_path() / "cgroupXXXXXX");
        root_ = ::mkdtemp(pattern.data());
        paths_.of_process = root_ + "/self";
        paths_.mount = root_ + "/mount";
    }
    ~CgroupLimits() override {
        std::error_code ignored;
        std::filesystem::remove_all(root_, ignored);
    }

    void process_is_in(const std::string& lines) { std::ofstream(paths_.of_process) << lines; }
    void write(const std::string& name, const std::string& text) {
        const std::filesystem::path file = paths_.mount + name;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << text << '\n';
    }
    double quota() const { return read_machine_limits(paths_).quota_cpus; }

    std::string root_;
    cgroup_paths paths_;
};

TEST_F(CgroupLimits, IsNoneWhereNothingIsSaid) {
    EXPECT_EQ(quota(), 0.0);
    process_is_in("0::/\n");
    EXPECT_EQ(quota(), 0.0);
    write("/cpu.max", "max 100000");
    EXPECT_EQ(quota(), 0.0);
}

TEST_F(CgroupLimits, IsTheTightestOnTheWayUp) {
    process_is_in("0::/service/part\n");
    write("/service/part/cpu.max", "400000 100000");
    EXPECT_EQ(quota(), 4.0);
    write("/service/cpu.max", "150000 100000");
    EXPECT_EQ(quota(), 1.5);
    write("/cpu.max", "max 100000");
    EXPECT_EQ(quota(), 1.5);
}

TEST_F(CgroupLimits, IsReadInAContainerThatSeesItsOwnGroupAsTheRoot) {
    process_is_in("0::/docker/0123\n");
    write("/cpu.max", "200000 100000");
    EXPECT_EQ(quota(), 2.0);
}

TEST_F(CgroupLimits, IsReadFromTheFirstVersionToo) {
    process_is_in("9:name=systemd:/x\n3:cpuset:/x\n1:cpu,cpuacct:/x/y\n0::/x\n");
    write("/cpu,cpuacct/x/y/cpu.cfs_quota_us", "-1");
    write("/cpu,cpuacct/x/y/cpu.cfs_period_us", "100000");
    EXPECT_EQ(quota(), 0.0);
    write("/cpu,cpuacct/x/cpu.cfs_quota_us", "50000");
    write("/cpu,cpuacct/x/cpu.cfs_period_us", "100000");
    EXPECT_EQ(quota(), 0.5);
}

TEST_F(CgroupLimits, AreThoseOfTheHierarchyWithCpuTime) {
    process_is_in("3:memory:/x\n1:cpu:/x\n");
    write("/memory/x/cpu.cfs_quota_us", "900000");
    write("/memory/x/cpu.cfs_period_us", "100000");
    write("/cpu/x/cpu.cfs_quota_us", "300000");
    write("/cpu/x/cpu.cfs_period_us", "100000");
    EXPECT_EQ(quota(), 3.0);
}

TEST_F(CgroupLimits, SurviveWhatNobodyShouldWrite) {
    process_is_in("nonsense\n0:\n::\n0::/a\n");
    write("/a/cpu.max", "100000 0");
    EXPECT_EQ(quota(), 0.0);
    write("/a/cpu.max", "");
    EXPECT_EQ(quota(), 0.0);
}

TEST(MachineLimits, AreAffinityBoundedByTheQuotaRoundedUp) {
    const auto usable = [](std::size_t affinity, double quota) {
        return machine_limits{.affinity_cpus = affinity, .quota_cpus = quota}.usable_cpus();
    };
    EXPECT_EQ(usable(8, 0), 8U);
    EXPECT_EQ(usable(8, 2), 2U);
    EXPECT_EQ(usable(8, 2.1), 3U);
    EXPECT_EQ(usable(8, 0.3), 1U);
    EXPECT_EQ(usable(2, 6), 2U);
}

TEST(MachineLimits, FollowTheAffinityOfTheThreadThatAsks) {
    cpu_set_t before;
    CPU_ZERO(&before);
    ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
    int first = 0;
    while (!CPU_ISSET(first, &before)) {
        ++first;
    }
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);

    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    const machine_limits narrowed = read_machine_limits();
    ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);

    EXPECT_EQ(narrowed.affinity_cpus, 1U);
    EXPECT_EQ(read_machine_limits().affinity_cpus, static_cast<std::size_t>(CPU_COUNT(&before)));
}

}  // namespace
}  // namespace drama
