// SPDX-License-Identifier: Apache-2.0
#include "replay/workload/trace_csv.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace drama::cli {
namespace {

class TraceCsv : public ::testing::Test {
  protected:
    void SetUp() override { ASSERT_NE(::mkdtemp(folder_.data()), nullptr); }
    void TearDown() override {
        ::unlink(file().c_str());
        ::rmdir(folder_.c_str());
    }

    std::string file() const { return folder_ + "/trace.csv"; }
    void write(std::string_view text) const { std::ofstream(file()) << text; }
    std::string wrong_with(std::string_view text) const {
        write(text);
        workload made;
        made.trace = file();
        return add_trace_tenants(made);
    }

  private:
    std::string folder_ = ::testing::TempDir() + "replay_trace_XXXXXX";
};

TEST_F(TraceCsv, YieldsItemsInColumnsOfAnyOrder) {
    write("tenant,class,at_us,cost_us\r\na,write,0.5,10\n\nb,accept,7,2.25\n");
    trace_csv from(file());
    trace_line line;

    EXPECT_TRUE(*from.next(line));
    EXPECT_EQ(line.tenant, "a");
    EXPECT_EQ(line.at, 500ns);
    EXPECT_EQ(line.cls, work_class::write);
    EXPECT_TRUE(*from.next(line));
    EXPECT_EQ(line.tenant, "b");
    EXPECT_EQ(line.cost, 2250ns);
    EXPECT_FALSE(*from.next(line));
}

TEST_F(TraceCsv, TenantsOfTheTraceAreAddedOnceWithTheirFirstWeight) {
    write("at_us,tenant,cost_us,weight\n0,a,1,4\n1,b,1,1\n2,a,1,9\n");
    workload made;
    made.trace = file();

    EXPECT_EQ(add_trace_tenants(made), "");
    ASSERT_EQ(made.tenants.size(), 2U);
    EXPECT_EQ(made.tenants[0].name, "a");
    EXPECT_EQ(made.tenants[0].weight, 4);
    EXPECT_EQ(made.tenants[0].arrivals, "trace");
}

TEST_F(TraceCsv, SaysWhereAndWhatIsWrong) {
    using ::testing::HasSubstr;
    EXPECT_THAT(wrong_with("at_us,tenant\n"), HasSubstr("cost_us is missing"));
    EXPECT_THAT(wrong_with("at_us,tenant,cost_us,colour\n"), HasSubstr("'colour' is no column"));
    EXPECT_THAT(wrong_with("at_us,tenant,cost_us\n5,a,1\n4,a,1\n"), HasSubstr(":3: at_us goes"));
    EXPECT_THAT(wrong_with("at_us,tenant,cost_us\n5,a,-1\n"), HasSubstr(":2: cost_us"));
    EXPECT_THAT(wrong_with("at_us,tenant,cost_us\n5x,a,1\n"), HasSubstr(":2: at_us"));
    EXPECT_THAT(wrong_with("at_us,tenant,cost_us\n5,a\n"), HasSubstr("2 cells, not 3"));
    EXPECT_THAT(wrong_with("at_us,tenant,cost_us\n5,,1\n"), HasSubstr("tenant is empty"));
    EXPECT_THAT(wrong_with(""), HasSubstr("empty"));
}

TEST_F(TraceCsv, TenantWithOtherArrivalsMayNotStandInTheTrace) {
    write("at_us,tenant,cost_us\n0,a,1\n");
    workload made;
    made.trace = file();
    made.tenants.emplace_back().name = "a";

    EXPECT_THAT(add_trace_tenants(made), ::testing::HasSubstr("are not from the trace"));
}

}  // namespace
}  // namespace drama::cli
