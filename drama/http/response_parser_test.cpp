// SPDX-License-Identifier: Apache-2.0
#include "drama/http/response_parser.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace drama {
namespace {

parse_result parse_once(response_parser& parser, std::string_view text) {
    return parser.parse({text.data(), text.size()});
}

std::string content_of(const http_response& response) {
    std::string content(response.body.size(), '\0');
    EXPECT_EQ(response.body.copy_to(content), content.size());
    return content;
}

struct valid_case {
    std::string input;
    int status;
    std::string_view reason;
    std::string_view content;
    bool keep_alive;
};

const std::vector<valid_case>& valid_cases() {
    static const std::vector<valid_case> cases = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "OK", "hello", true},
        {"HTTP/1.1 503 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 503, "", "", false},
        {"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 404,
         "Not Found", "abc", true},
        {"HTTP/1.1 204 No Content\r\n\r\n", 204, "No Content", "", true},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, "Not Modified", "", true},
        {"HTTP/1.1 100 Continue\r\n\r\n", 100, "Continue", "", true},
        {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "OK", "x", false},
        {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", 200, "OK", "x",
         true},
    };
    return cases;
}

TEST(ResponseParser, ReadsTheSameAtEverySplitPoint) {
    for (const auto& [input, status, reason, content, keep_alive] : valid_cases()) {
        SCOPED_TRACE(input);
        for (std::size_t split = 0; split < input.size(); ++split) {
            response_parser parser;
            const std::string front = input.substr(0, split);
            ASSERT_EQ(parse_once(parser, front).status, parse_status::need_more) << split;
            const parse_result got = parse_once(parser, input);

            ASSERT_EQ(got.status, parse_status::complete) << got.reason;
            EXPECT_EQ(got.consumed, input.size());
            EXPECT_EQ(parser.response().status, status);
            EXPECT_EQ(parser.response().reason, reason);
            EXPECT_EQ(content_of(parser.response()), content);
            EXPECT_EQ(parser.response().keep_alive, keep_alive);
        }
    }
}

TEST(ResponseParser, RefusesWhatIsMalformedOrAmbiguous) {
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    const std::string cases[] = {
        "HTTP/1.1 200\r\n",
        "HTTP/2.0 200 OK\r\n",
        "http/1.1 200 OK\r\n",
        "HTTP/1.1  200 OK\r\n",
        "HTTP/1.1 2x0 OK\r\n",
        "HTTP/1.1 099 OK\r\n",
        "HTTP/1.1 600 OK\r\n",
        "HTTP/1.1 2000 OK\r\n",
        "HTTP/1.1 200 O\x01K\r\n",
        "HTTP/1.1 200 OK\n",
        "\r\nHTTP/1.1 200 OK\r\n",
        ok + "A : b\r\n",
        ok + " A: b\r\n",
        ok + "Content-Length: -1\r\n",
        ok + "Content-Length: 1\r\nContent-Length: 2\r\n",
        ok + "Content-Length: 1048577\r\n\r\n",
        ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        ok + "Transfer-Encoding: gzip\r\n\r\n",
        ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        ok + "Transfer-Encoding: chunked\r\n\r\nx\r\n",
        std::string(8194, 'a'),
    };
    for (const std::string& input : cases) {
        SCOPED_TRACE(input.substr(0, 80));
        for (const std::size_t step : {input.size(), std::size_t{1}}) {
            response_parser parser;
            parse_result got;
            for (std::size_t size = step; size <= input.size(); ++size) {
                got = parse_once(parser, std::string_view(input).substr(0, size));
            }
            EXPECT_EQ(got.status, parse_status::error);
            EXPECT_EQ(got.http_status, 502);
            EXPECT_FALSE(got.reason.empty());
        }
    }
}

TEST(ResponseParser, EndsABodyWithoutLengthWhereThePeerCloses) {
    const std::string input = "HTTP/1.1 200 OK\r\n\r\nall of it";
    response_parser parser;
    ASSERT_EQ(parse_once(parser, input).status, parse_status::need_more);

    const parse_result got = parser.finish(input);

    ASSERT_EQ(got.status, parse_status::complete);
    EXPECT_EQ(got.consumed, input.size());
    EXPECT_EQ(parser.response().body.contiguous(), "all of it");
    EXPECT_FALSE(parser.response().keep_alive);
}

TEST(ResponseParser, RefusesABodyWithoutLengthPastTheLimit) {
    response_parser parser({.body_bytes_max = 4});
    const std::string input = "HTTP/1.1 200 OK\r\n\r\n12345";
    EXPECT_EQ(parse_once(parser, input.substr(0, input.size() - 1)).status,
              parse_status::need_more);
    EXPECT_EQ(parse_once(parser, input).status, parse_status::error);
}

TEST(ResponseParser, CallsEveryEarlyCloseAnError) {
    for (const std::string input :
         {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nA: b\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"}) {
        response_parser parser;
        const parse_result got = parser.finish(input);
        EXPECT_EQ(got.status, parse_status::error) << input;
        EXPECT_NE(got.reason.find("closed"), std::string_view::npos);
    }
}

TEST(ResponseParser, ExpectsNoBodyAfterHead) {
    response_parser parser;
    parser.reset(request_kind::head);
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";

    const std::string input = head + "HTTP";
    const parse_result got = parse_once(parser, input);

    ASSERT_EQ(got.status, parse_status::complete);
    EXPECT_EQ(got.consumed, head.size());
    EXPECT_EQ(parser.response().headers.find("content-length"), "5");
    EXPECT_TRUE(parser.response().keep_alive);
}

TEST(ResponseParser, ReadsAnInterimResponseAndTheFinalOne) {
    const std::string input = valid_cases()[5].input + valid_cases()[2].input;
    response_parser parser;
    const parse_result interim = parse_once(parser, input);
    ASSERT_EQ(interim.status, parse_status::complete);
    ASSERT_EQ(parser.response().status, 100);
    parser.reset();

    const parse_result got = parse_once(parser, std::string_view(input).substr(interim.consumed));

    ASSERT_EQ(got.status, parse_status::complete);
    EXPECT_EQ(parser.response().status, 404);
    EXPECT_EQ(interim.consumed + got.consumed, input.size());
}

}  // namespace
}  // namespace drama
