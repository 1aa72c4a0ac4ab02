// SPDX-License-Identifier: Apache-2.0
#include "drama/admin/tenant_history.hpp"

#include <gtest/gtest.h>

#include <string>

namespace drama {
namespace {

class TenantHistory : public testing::Test {
  protected:
    static runtime_options quiet() {
        runtime_options options;
        options.workers = 1;
        options.log = [](const std::string&) {};
        return options;
    }

    tenant named(const char* name) { return rt_.tenants().get_or_create(name); }
    static void use(const tenant& of, duration cpu) {
        of.record().usage.cpu_ns.add(static_cast<std::uint64_t>(cpu.count()));
    }

    runtime rt_{quiet()};
    tenant_history history_;
};

TEST_F(TenantHistory, TellsWhatHappenedInTheWindowAndNotBefore) {
    const tenant busy = named("busy");
    const tenant idle = named("idle");
    use(busy, 7s);
    history_.sample(rt_, instant(10s));
    use(busy, 300ms);
    history_.sample(rt_, instant(11s));
    use(busy, 200ms);
    busy.record().charge_operation(op_code::write_at, 100);
    busy.record().charge_operation(op_code::recv, 11);
    history_.sample(rt_, instant(12s));

    const tenant_window one = history_.last(1s);
    const tenant_window all = history_.last(10s);

    EXPECT_EQ(one.length, 1s);
    EXPECT_DOUBLE_EQ(one.of(busy.id())[tenant_figure::cpu_ns], 2e8);
    EXPECT_DOUBLE_EQ(one.of(busy.id())[tenant_figure::disk_bytes], 100);
    EXPECT_DOUBLE_EQ(one.of(busy.id())[tenant_figure::io_bytes], 111);
    EXPECT_EQ(all.length, 2s) << "there is no more";
    EXPECT_DOUBLE_EQ(all.of(busy.id())[tenant_figure::cpu_ns], 5e8);
    EXPECT_FALSE(all.tenants.contains(idle.id())) << "who did nothing takes no room";
}

TEST_F(TenantHistory, AWindowTakesWholeSamples) {
    for (int second = 1; second <= 5; ++second) {
        use(named("busy"), 100ms);
        history_.sample(rt_, instant(std::chrono::seconds(second)));
    }

    EXPECT_EQ(history_.last(1500ms).length, 2s);
    EXPECT_DOUBLE_EQ(history_.last(1500ms).of(named("busy").id())[tenant_figure::cpu_ns], 2e8);
}

TEST_F(TenantHistory, LooksThatFollowAtOnceAreOne) {
    history_.sample(rt_, instant(1s));
    use(named("busy"), 100ms);
    history_.sample(rt_, instant(1s) + tenant_history::gap_min - 1ns);
    EXPECT_EQ(history_.last(1s).length, 0s);

    history_.sample(rt_, instant(1s) + tenant_history::gap_min);

    EXPECT_EQ(history_.last(1s).length, tenant_history::gap_min);
    EXPECT_DOUBLE_EQ(history_.last(1s).of(named("busy").id())[tenant_figure::cpu_ns], 1e8);
}

TEST_F(TenantHistory, KeepsAMinuteAndNoMore) {
    for (int second = 1; second <= 200; ++second) {
        use(named("busy"), 1ms);
        history_.sample(rt_, instant(std::chrono::seconds(second)));
    }

    EXPECT_EQ(history_.last(100s).length, tenant_history::length_max);
}

TEST_F(TenantHistory, ManyBusyTenantsShortenWhatIsKept) {
    std::vector<tenant> all;
    for (int i = 0; i != 9'000; ++i) {
        all.push_back(named(("t" + std::to_string(i)).c_str()));
    }
    for (int second = 1; second <= 62; ++second) {
        for (const tenant& each : all) {
            use(each, 1ms);
        }
        history_.sample(rt_, instant(std::chrono::seconds(second)));
    }

    const tenant_window kept = history_.last(60s);

    EXPECT_LT(kept.length, 60s);
    EXPECT_GT(kept.length, 30s) << "16 MiB hold 46 samples of 9 000 tenants";
    EXPECT_DOUBLE_EQ(kept.of(all[1].id())[tenant_figure::cpu_ns],
                     1e6 * static_cast<double>(kept.length / 1s));
}

}  // namespace
}  // namespace drama
