// SPDX-License-Identifier: Apache-2.0
#include "serve/config/bearer.hpp"

#include <gtest/gtest.h>

#include <string>

#include "drama/http/request_parser.hpp"

namespace drama::cli {
namespace {

/// What bearer_token_of finds in a request with these header lines: the token, or "STATUS reason".
std::string found_in(const std::string& lines) {
    const std::string text = "GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n";
    request_parser parser;
    if (parser.parse(text).status != parse_status::complete) {
        return "no request";
    }
    const auto token = bearer_token_of(parser.request().headers);
    return token ? std::string(*token)
                 : std::to_string(token.error().status) + " " + std::string(token.error().reason);
}

TEST(Bearer, FindsTheTokenWhateverTheCaseOfFieldAndScheme) {
    EXPECT_EQ(found_in("Authorization: Bearer abc\r\n"), "abc");
    EXPECT_EQ(found_in("authorization:bEARER   a-._~+/9Z==\r\n"), "a-._~+/9Z==");
    EXPECT_EQ(found_in("AUTHORIZATION: bearer x  \r\n"), "x");
}

TEST(Bearer, WithoutTheFieldThereIsNoToken) {
    EXPECT_EQ(found_in(""), "");
    EXPECT_EQ(found_in("Proxy-Authorization: Bearer abc\r\n"), "");
}

TEST(Bearer, WhatShowsNoBearerTokenIs401) {
    EXPECT_EQ(found_in("Authorization: Basic YTpi\r\n"),
              "401 Authorization: the scheme is not Bearer");
    EXPECT_EQ(found_in("Authorization: Bearerabc\r\n"),
              "401 Authorization: the scheme is not Bearer");
    EXPECT_EQ(found_in("Authorization:\r\n"), "401 Authorization: the scheme is not Bearer");
    EXPECT_EQ(found_in("Authorization: Bearer\r\n"), "401 Authorization: the token is missing");
}

TEST(Bearer, WhatIsMalformedIs400) {
    const char* const character = "400 Authorization: the token has a character that no token has";
    EXPECT_EQ(found_in("Authorization: Bearer a b\r\n"), character);
    EXPECT_EQ(found_in("Authorization: Bearer a, Bearer b\r\n"), character);
    EXPECT_EQ(found_in("Authorization: Bearer ==\r\n"), character);
    EXPECT_EQ(found_in("Authorization: Bearer a=b\r\n"), character);
    EXPECT_EQ(found_in("Authorization: Bearer \tabc\r\n"), character);
    EXPECT_EQ(found_in("Authorization: Bearer caf\xc3\xa9\r\n"), character);
    EXPECT_EQ(found_in("Authorization: Bearer a\r\nAuthorization: Bearer a\r\n"),
              "400 Authorization: given twice");
}

TEST(Bearer, ATokenHasAtMostItsBound) {
    const std::string longest(token_bytes_max, 'a');

    EXPECT_EQ(found_in("Authorization: Bearer " + longest + "\r\n"), longest);
    EXPECT_EQ(found_in("Authorization: Bearer a" + longest + "\r\n"),
              "400 Authorization: the token is too long");
    EXPECT_TRUE(is_bearer_token(longest));
    EXPECT_FALSE(is_bearer_token(longest + "="));
}

}  // namespace
}  // namespace drama::cli
