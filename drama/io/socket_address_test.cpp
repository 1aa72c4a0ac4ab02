// SPDX-License-Identifier: Apache-2.0
#include "drama/io/socket_address.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "drama/io/operation.hpp"

namespace drama::inline v0 {
namespace {

TEST(SocketAddress, ParsesAndPrintsNumericAddresses) {
    EXPECT_EQ(socket_address::from_ip("127.0.0.1", 80)->to_string(), "127.0.0.1:80");
    EXPECT_EQ(socket_address::from_ip("::1", 443)->to_string(), "[::1]:443");
    EXPECT_EQ(socket_address::from_ip("fe80::1%2", 1)->to_string(), "[fe80::1%2]:1");
    EXPECT_EQ(socket_address::from_ip("::1", 443)->port(), 443);
    EXPECT_EQ(socket_address::from_ip("10.0.0.1", 9)->family(), AF_INET);
}

TEST(SocketAddress, RefusesWhatIsNotNumeric) {
    for (const char* text : {"", "localhost", "1.2.3", "1.2.3.4.5", "256.0.0.1", "::1::", "::1%x",
                             "fe80::1%", "127.0.0.1:80"}) {
        EXPECT_EQ(socket_address::from_ip(text, 1).error(), errc::bad_argument) << text;
    }
}

TEST(SocketAddress, HoldsUnixPathsUpToTheKernelsLimit) {
    const std::string longest(sizeof(sockaddr_un::sun_path) - 1, 'p');
    EXPECT_EQ(socket_address::from_unix("/run/x.sock")->to_string(), "/run/x.sock");
    EXPECT_EQ(socket_address::from_unix("/run/x.sock")->port(), 0);
    EXPECT_EQ(socket_address::from_unix(longest)->to_string(), longest);
    EXPECT_EQ(socket_address::from_unix(longest + 'p').error(), errc::bad_argument);
    EXPECT_EQ(socket_address::from_unix("").error(), errc::bad_argument);
    EXPECT_EQ(socket_address::from_unix(std::string_view("a\0b", 3)).error(), errc::bad_argument);
}

TEST(SocketAddress, HoldsAbstractNames) {
    const auto name = socket_address::from_unix("@drama");
    EXPECT_EQ(name->to_string(), "@drama");
    EXPECT_EQ(name->size(), offsetof(sockaddr_un, sun_path) + 6);
}

TEST(SocketAddress, CopiesAtMostWhatItHolds) {
    sockaddr_storage big{};
    big.ss_family = AF_INET;
    const socket_address made(reinterpret_cast<const sockaddr*>(&big), sizeof big);
    EXPECT_LE(made.size(), sizeof(sockaddr_storage));
    EXPECT_EQ(made.to_string(), "0.0.0.0:0");
    EXPECT_EQ(socket_address().to_string(), "unspecified");
}

TEST(OperationName, IsDistinctForEachCode) {
    EXPECT_STREQ(name_of(op_code::accept), "accept");
    EXPECT_STREQ(name_of(op_code::poll), "poll");
    EXPECT_STREQ(name_of(op_code::open), "open");
    EXPECT_STREQ(name_of(op_code::resolve), "resolve");
}

}  // namespace
}  // namespace drama::inline v0
