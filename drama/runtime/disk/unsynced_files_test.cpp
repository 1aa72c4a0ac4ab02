// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/disk/unsynced_files.hpp"

#include <gtest/gtest.h>

namespace drama {
namespace {

constexpr duration life = aging_bytes::lifetime;
constexpr instant start = instant(100 * life);

TEST(AgingBytes, LastOneToTwoLifetimes) {
    aging_bytes bytes;
    bytes.add(5, start);
    bytes.add(7, start + life);

    EXPECT_EQ(bytes.total(start + life), 12U);
    EXPECT_EQ(bytes.total(start + 2 * life - 1ns), 12U);
    EXPECT_EQ(bytes.total(start + 2 * life), 7U);
    EXPECT_EQ(bytes.total(start + 3 * life), 0U);
}

TEST(AgingBytes, ArePastAllAfterALongRest) {
    aging_bytes bytes;
    bytes.add(5, start);

    EXPECT_EQ(bytes.total(start + 50 * life), 0U);
}

TEST(AgingBytes, TakeOffWhatAPartStillHolds) {
    aging_bytes all;
    aging_bytes part;
    all.add(5, start);
    part.add(5, start);
    all.add(3, start + life);
    part.add(2, start + life);

    all.take(part, start + 2 * life);

    EXPECT_EQ(all.total(start + 2 * life), 1U) << "what had aged was not taken off twice";
    EXPECT_EQ(part.total(start + 2 * life), 0U);
}

class UnsyncedFiles : public ::testing::Test {
  protected:
    std::uint64_t of(tenant_record& who) { return who.disk()->unsynced.total(start); }

    tenant_record one_{1, "one", 1};
    tenant_record two_{2, "two", 1};
    unsynced_files files_;
};

TEST_F(UnsyncedFiles, ASyncTakesOffWhatItsFileHolds) {
    files_.add(3, one_, 10, start);
    files_.add(3, one_, 20, start);
    files_.add(4, one_, 5, start);
    EXPECT_EQ(files_.of_file(3, start), 30U);

    EXPECT_EQ(files_.take(3, start), 30U);

    EXPECT_EQ(of(one_), 5U);
    EXPECT_EQ(files_.take(3, start), 0U);
    EXPECT_EQ(of(one_), 5U);
}

TEST_F(UnsyncedFiles, BytesAreOnTheAccountOfTheLastWriter) {
    files_.add(3, one_, 10, start);
    files_.add(3, two_, 20, start);

    EXPECT_EQ(files_.take(3, start), 20U);

    EXPECT_EQ(of(two_), 0U);
    EXPECT_EQ(of(one_), 10U) << "until they have aged";
}

TEST_F(UnsyncedFiles, WhatAClosedFileHeldIsNotSyncedByItsSuccessor) {
    files_.add(3, one_, 10, start);

    files_.forget_file(3);

    EXPECT_EQ(files_.take(3, start), 0U);
    EXPECT_EQ(of(one_), 10U);
}

}  // namespace
}  // namespace drama
