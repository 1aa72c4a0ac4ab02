// SPDX-License-Identifier: Apache-2.0
#include "explain/decisions.hpp"

#include <gtest/gtest.h>

namespace drama::cli {
namespace {

std::string text_of(const std::string& fields) {
    const auto read = read_decisions(R"({"decisions":[{"ago_ns":2000000,)" + fields + "}]}");
    EXPECT_TRUE(read) << read.error();
    return read && read->size() == 1 ? read->front().text() : "";
}

TEST(Decisions, AreToldWithWhatTheyWereComparedWith) {
    EXPECT_EQ(text_of(R"("queue":"async","decision":"picked","lasted_ns":300000,)"
                      R"("lag_ns":-4000000,"value":3,"bound":10)"),
              "2 ms ago, async: picked after 300 us, owed -4 ms; 3 of 10 that wait on are its "
              "own");
    EXPECT_EQ(text_of(R"("queue":"blocking","decision":"held","reason":"kept_thread",)"
                      R"("for":"victim","lasted_ns":50000000)"),
              "2 ms ago, blocking: held for 50 ms by kept_thread; victim was served");
    EXPECT_EQ(text_of(R"("queue":"async","decision":"stolen","value":0,"bound":1)"),
              "2 ms ago, async: stolen from core 0 by core 1");
    EXPECT_EQ(text_of(R"("queue":"async","decision":"permit_refused","reason":"its tenant burns",)"
                      R"("value":2,"bound":0)"),
              "2 ms ago, async: permit_refused: its tenant burns; it has 2 burning threads, 0 "
              "permits are free");
    EXPECT_EQ(text_of(R"("queue":"admission","decision":"gate_refused",)"
                      R"("reason":"tenant_tasks_max","value":9,"bound":9)"),
              "2 ms ago, admission: gate_refused by tenant_tasks_max: it had 9 of at most 9");
    EXPECT_EQ(text_of(R"("queue":"admission","decision":"gate_refused",)"
                      R"("reason":"tenant_queue_delay","value":3000000,"bound":1000000)"),
              "2 ms ago, admission: gate_refused by tenant_queue_delay: its work waited 3 ms "
              "of at most 1 ms");
}

TEST(Decisions, WhatIsNoAnswerIsTold) {
    EXPECT_FALSE(read_decisions("{}"));
    EXPECT_FALSE(read_decisions("hello"));
}

TEST(Decisions, NamesStandInThePathByTheirBytes) {
    EXPECT_EQ(decisions_path("a/b c\xC3\xA9-1"), "/debug/tenants/a%2Fb%20c%C3%A9-1");
}

}  // namespace
}  // namespace drama::cli
