// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/net/internal/name_lookups.hpp"

#include <cerrno>

#include "drama/fault/fault_plan.hpp"
#include "drama/io/file_results.hpp"
#include "drama/sim/net/sim_network_harness.hpp"

namespace drama {
namespace {

class NameLookups : public SimNetwork {
  protected:
    std::int64_t look_up(const char* name) {
        found_ = {};
        found_.service = "80";
        counted_op asking;
        asking.code = op_code::resolve;
        asking.path = name;
        asking.context = &found_;
        return run(asking);
    }
    void add(std::int64_t value) {
        world_.faults().clear();
        world_.faults().add({.kind = fault_kind::name_lookup, .value = value});
    }

    resolution found_;
};

TEST_F(NameLookups, NamesChangeAndHaveSeveralAddresses) {
    world_.net().set_host("bank", "10.0.0.7");
    world_.net().set_host("bank", "10.0.0.8");
    EXPECT_EQ(look_up("bank"), 2);
    EXPECT_EQ(found_.found.back().to_string(), "10.0.0.8:80");
    world_.net().forget_host("bank");
    EXPECT_EQ(look_up("bank"), -ENOENT);
    EXPECT_EQ(look_up("192.0.2.7"), 1);
}

TEST_F(NameLookups, FaultsMakeThemFailSlowOrWrong) {
    world_.net().set_host("bank", "10.0.0.7");
    add(0);
    EXPECT_EQ(look_up("bank"), -ENOENT);
    add(3'000'000'000);
    const instant began = world_.now();
    EXPECT_EQ(look_up("bank"), 1);
    EXPECT_EQ(world_.now() - began, 3s);
    add(-1);
    EXPECT_EQ(look_up("bank"), 1);
    EXPECT_NE(found_.found.front().to_string(), "10.0.0.7:80");
}

TEST_F(NameLookups, OneThatNeverAnswersCanBeCancelledOrAbandoned) {
    add(stuck);
    counted_op first;
    counted_op second;
    for (counted_op* const each : {&first, &second}) {
        each->code = op_code::resolve;
        each->path = "localhost";
        each->context = &found_;
        ASSERT_TRUE(is_pending(*each));
    }
    world_.run_for(10h);
    core().cancel(first);
    finish(first);
    EXPECT_EQ(first.outcome, -ECANCELED);
    cores_[0].reset();
    EXPECT_EQ(second.completions, 1);
    EXPECT_EQ(second.outcome, -ECANCELED);
}

}  // namespace
}  // namespace drama
