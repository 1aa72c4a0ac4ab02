// SPDX-License-Identifier: Apache-2.0
#include "serve/life/inherited.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "drama/base/unique_fd.hpp"

namespace drama::cli {
namespace {

constexpr pid_t self = 1234;

/// "FD:NAME ..." of what these variables mean, or what is wrong with them.
std::string meaning(std::optional<std::string> pid, std::optional<std::string> count,
                    std::optional<std::string> names = {}) {
    const auto parsed = parse_inherited({std::move(pid), std::move(count), std::move(names)}, self);
    if (!parsed) {
        return parsed.error();
    }
    std::string text;
    for (const inherited_socket& each : *parsed) {
        text += std::to_string(each.fd) + ":" + each.name + " ";
    }
    return text;
}

TEST(Inherited, DescriptorsBeginAtThree) {
    EXPECT_EQ(meaning("1234", "1"), "3: ");
    EXPECT_EQ(meaning("1234", "3", "a::c"), "3:a 4: 5:c ");
    EXPECT_EQ(meaning("1234", "0"), "");
    EXPECT_EQ(meaning("1234", "0", ""), "");
}

TEST(Inherited, WithoutVariablesOrForAnotherProcessThereAreNone) {
    EXPECT_EQ(meaning({}, {}), "");
    EXPECT_EQ(meaning({}, "1"), "");
    EXPECT_EQ(meaning("1234", {}), "");
    EXPECT_EQ(meaning("1235", "1"), "");
    EXPECT_EQ(meaning("1235", "many"), "");
}

TEST(Inherited, WrongVariablesAreNamed) {
    EXPECT_EQ(meaning("", "1"), "LISTEN_PID: '' is no process id");
    EXPECT_EQ(meaning("-1", "1"), "LISTEN_PID: '-1' is no process id");
    EXPECT_EQ(meaning("99999999999", "1"), "LISTEN_PID: '99999999999' is no process id");
    EXPECT_EQ(meaning("1234", "64").substr(0, 5), "3: 4:");
    EXPECT_EQ(meaning("1234", "65"), "LISTEN_FDS: '65' is no number from 0 to 64");
    EXPECT_EQ(meaning("1234", "1x"), "LISTEN_FDS: '1x' is no number from 0 to 64");
    EXPECT_EQ(meaning("1234", "2", "a"), "LISTEN_FDNAMES: has 1 names for 2 sockets");
    EXPECT_EQ(meaning("1234", "1", "a:b"), "LISTEN_FDNAMES: has 2 names for 1 sockets");
}

TEST(Inherited, TheOneCalledAdminIsTheOperators) {
    const auto both = assign_sockets({{3, "admin"}, {4, "drama.socket"}});
    const auto none = assign_sockets({});

    ASSERT_TRUE(both);
    EXPECT_EQ(both->admin, 3);
    EXPECT_EQ(both->serve, 4);
    ASSERT_TRUE(none);
    EXPECT_FALSE(none->admin);
    EXPECT_FALSE(none->serve);
}

TEST(Inherited, TwoForOnePurposeAreRefused) {
    EXPECT_EQ(assign_sockets({{3, "a"}, {4, ""}}).error(),
              "two sockets were passed to serve at: descriptors 3 and 4");
    EXPECT_EQ(assign_sockets({{3, "admin"}, {4, ""}, {5, "admin"}}).error(),
              "two sockets were passed as 'admin': descriptors 3 and 5");
}

TEST(Inherited, TakingThemLeavesNoVariables) {
    ::setenv("LISTEN_PID", std::to_string(::getpid() + 1).c_str(), 1);
    ::setenv("LISTEN_FDS", "1", 1);
    ::setenv("LISTEN_FDNAMES", "x", 1);

    const auto taken = take_inherited();

    ASSERT_TRUE(taken);
    EXPECT_FALSE(taken->serve);
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) {
        EXPECT_EQ(std::getenv(name), nullptr) << name;
    }
}

}  // namespace
}  // namespace drama::cli
