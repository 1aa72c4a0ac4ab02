// SPDX-License-Identifier: Apache-2.0
#include "drama/http/request_parser.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drama/base/prng.hpp"
#include "drama/http/request_parser_check.hpp"

namespace drama {
namespace {

using namespace std::string_literals;

parse_result parse_once(request_parser& parser, std::string_view text) {
    return parser.parse({text.data(), text.size()});
}

/// Wraps header lines into an otherwise valid request.
std::string with_headers(const std::string& lines) {
    return "POST / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n";
}

std::string with_target(const std::string& target) {
    return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

std::string chunked(const std::string& body) {
    return with_headers("Transfer-Encoding: chunked\r\n") + body;
}

struct refused_case {
    const char* what;
    std::string input;
    int http_status;
};

std::vector<refused_case> refused_request_lines() {
    return {
        {"no spaces", "GET\r\n\r\n", 400},
        {"HTTP/0.9", "GET /\r\n", 400},
        {"two blank lines first", "\r\n\r\nGET / HTTP/1.1\r\n", 400},
        {"leading space", " GET / HTTP/1.1\r\n", 400},
        {"double space", "GET  / HTTP/1.1\r\n", 400},
        {"space in the target", "GET /a b HTTP/1.1\r\n", 400},
        {"tab for space", "GET\t/ HTTP/1.1\r\n", 400},
        {"trailing space", "GET / HTTP/1.1 \r\n", 400},
        {"method with a slash", "G/T / HTTP/1.1\r\n", 400},
        {"method with a control", "G\x01T / HTTP/1.1\r\n", 400},
        {"method with NUL", "G\0T / HTTP/1.1\r\n"s, 400},
        {"TLS hello", "\x16\x03\x01 \x02 \n", 400},
        {"bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
        {"LF alone", "\n", 400},
        {"CR in the request line", "GET /\r HTTP/1.1\r\n", 400},
        {"lower-case version", "GET / http/1.1\r\n", 400},
        {"version without digit", "GET / HTTP/1.x\r\n", 400},
        {"two-digit version", "GET / HTTP/1.10\r\n", 400},
        {"no version number", "GET / HTTP/\r\n", 400},
        {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"HTTP/1.2", "GET / HTTP/1.2\r\n", 505},
        {"HTTP/0.9 by name", "GET / HTTP/0.9\r\n", 505},
        {"CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 501},
    };
}

std::vector<refused_case> refused_targets() {
    return {
        {"asterisk", with_target("*"), 400},
        {"relative", with_target("a/b"), 400},
        {"query only", with_target("?a"), 400},
        {"fragment", with_target("/a#b"), 400},
        {"backslash", with_target("/a\\b"), 400},
        {"quote", with_target("/\"a"), 400},
        {"NUL in the target", with_target("/a\0b"s), 400},
        {"DEL in the target", with_target("/a\x7f"), 400},
        {"raw UTF-8 in the target", with_target("/\xc3\xa4"), 400},
        {"half an escape", with_target("/a%2"), 400},
        {"escape without hex", with_target("/a%zz"), 400},
        {"other scheme", with_target("ftp://a/"), 400},
        {"address without host", with_target("http:///a"), 400},
        {"address with user", with_target("http://u@a/"), 400},
        {"address with a bad port", with_target("http://a:70000/"), 400},
    };
}

std::vector<refused_case> refused_header_lines() {
    return {
        {"bare LF after a header", "GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
        {"bare LF as blank line", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
        {"obs-fold", with_headers("A: b\r\n c\r\n"), 400},
        {"obs-fold with tab", with_headers("A: b\r\n\tc\r\n"), 400},
        {"blank before the first header", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
        {"space before the colon", with_headers("A : b\r\n"), 400},
        {"tab before the colon", with_headers("A\t: b\r\n"), 400},
        {"no colon", with_headers("A b\r\n"), 400},
        {"no name", with_headers(": b\r\n"), 400},
        {"name with a slash", with_headers("A/B: c\r\n"), 400},
        {"name with bytes over 127", with_headers("\xc3\xa4: c\r\n"), 400},
        {"name with NUL", with_headers("A\0B: c\r\n"s), 400},
        {"value with NUL", with_headers("A: b\0c\r\n"s), 400},
        {"value with CR", with_headers("A: b\rc\r\n"), 400},
        {"value ending in CR CR", with_headers("A: b\r\r\n"), 400},
        {"value with DEL", with_headers("A: \x7f\r\n"), 400},
        {"value with ESC", with_headers("A: \x1b[0m\r\n"), 400},
    };
}

std::vector<refused_case> refused_hosts() {
    return {
        {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
        {"no Host with an address", "GET http://a/ HTTP/1.1\r\n\r\n", 400},
        {"two Hosts", with_headers("Host: b\r\n"), 400},
        {"the same Host twice", with_headers("hOST: a\r\n"), 400},
        {"two Hosts in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400},
        {"Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
        {"Host with a slash", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        {"Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
        {"Host with a bad port", "GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n", 400},
        {"Host with an open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
        {"Host is only a port", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400},
    };
}

std::vector<refused_case> refused_content_lengths() {
    return {
        {"plus sign", with_headers("Content-Length: +5\r\n"), 400},
        {"minus sign", with_headers("Content-Length: -5\r\n"), 400},
        {"inner space", with_headers("Content-Length: 5 5\r\n"), 400},
        {"list", with_headers("Content-Length: 5, 5\r\n"), 400},
        {"hex", with_headers("Content-Length: 0x5\r\n"), 400},
        {"fraction", with_headers("Content-Length: 5.0\r\n"), 400},
        {"empty", with_headers("Content-Length:\r\n"), 400},
        {"vertical tab", with_headers("Content-Length: \v5\r\n"), 400},
        {"2^64", with_headers("Content-Length: 18446744073709551616\r\n"), 400},
        {"2^64 + 5", with_headers("Content-Length: 18446744073709551621\r\n"), 400},
        {"differing", with_headers("Content-Length: 5\r\nContent-Length: 6\r\n"), 400},
        {"too large", with_headers("Content-Length: 1048577\r\n"), 413},
        {"2^64 - 1", with_headers("Content-Length: 18446744073709551615\r\n"), 413},
    };
}

std::vector<refused_case> refused_transfer_encodings() {
    return {
        {"CL and TE", with_headers("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400},
        {"TE and CL", with_headers("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400},
        {"CL and unknown TE", with_headers("Content-Length: 5\r\nTransfer-Encoding: x\r\n"), 400},
        {"chunked twice",
         with_headers("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
        {"identity then chunked",
         with_headers("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"), 400},
        {"TE in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"gzip", with_headers("Transfer-Encoding: gzip\r\n"), 501},
        {"gzip, chunked", with_headers("Transfer-Encoding: gzip, chunked\r\n"), 501},
        {"chunked, identity", with_headers("Transfer-Encoding: chunked, identity\r\n"), 501},
        {"xchunked", with_headers("Transfer-Encoding: xchunked\r\n"), 501},
        {"chunked;q=1", with_headers("Transfer-Encoding: chunked;q=1\r\n"), 501},
        {"quoted chunked", with_headers("Transfer-Encoding: \"chunked\"\r\n"), 501},
        {"empty TE", with_headers("Transfer-Encoding:\r\n"), 501},
    };
}

std::vector<refused_case> refused_chunk_lines() {
    return {
        {"empty size", chunked("\r\n"), 400},
        {"no hex", chunked("x\r\n"), 400},
        {"0x size", chunked("0x5\r\n"), 400},
        {"negative size", chunked("-1\r\n"), 400},
        {"space before the size", chunked(" 5\r\n"), 400},
        {"space after the size", chunked("5 \r\nhello\r\n0\r\n\r\n"), 400},
        {"bare LF after the size", chunked("5\nhello\r\n0\r\n\r\n"), 400},
        {"17 digits", chunked("00000000000000005\r\n"), 400},
        {"control in the extension", chunked("5;a\x01\r\n"), 400},
        {"data too long", chunked("5\r\nhello!\r\n0\r\n\r\n"), 400},
        {"data too short", chunked("5\r\nhell\r\n0\r\n\r\n"), 400},
        {"other bytes for the CRLF", chunked("5\r\nhelloXY0\r\n\r\n"), 400},
        {"LF after the data", chunked("5\r\nhello\n0\r\n\r\n"), 400},
        {"size of 2^64 - 1", chunked("ffffffffffffffff\r\n"), 413},
        {"size past the limit", chunked("100001\r\n"), 413},
        {"folded trailer", chunked("0\r\nA: b\r\n c\r\n\r\n"), 400},
        {"trailer with a space", chunked("0\r\nA : b\r\n\r\n"), 400},
        {"bare LF after the trailers", chunked("0\r\n\n"), 400},
    };
}

const std::vector<std::string>& valid_requests() {
    static const std::vector<std::string> requests = {
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a/b%20c?x=1&y=%41 HTTP/1.1\r\nHost: example.com:8080\r\nAccept: */*\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET http://h.example/p?q HTTP/1.1\r\nHost: other\r\n\r\n",
        "GET HTTPS://h:1?q HTTP/1.1\r\nHost:\r\n\r\n",
        "OPTIONS http://h HTTP/1.1\r\nHost: [::1]:80\r\nConnection: x, CLOSE\r\n\r\n",
        "M-SEARCH / HTTP/1.1\r\nHost: a\r\nEmpty:\r\nTabs:\t x \t\r\nOpaque: \xff\xe4\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 05\r\n\r\n\r\n\r\n\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\nok",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5;ext=\"v\"\r\nhello\r\n0A\r\n, world\r\n!\r\n0000\r\nDigest: x\r\n\r\n",
    };
    return requests;
}

void expect_refused(const std::vector<refused_case>& cases) {
    for (const auto& [what, input, http_status] : cases) {
        SCOPED_TRACE(what);
        request_parser parser;

        const parse_result got = parse_once(parser, input);

        EXPECT_EQ(got.status, parse_status::error);
        EXPECT_EQ(got.http_status, http_status) << got.reason;
        EXPECT_FALSE(got.reason.empty());
        EXPECT_EQ(got.reason.find('\n'), std::string_view::npos);
        EXPECT_EQ(internal::check_request_parser(input, {}), "");
    }
}

TEST(RequestParser, RefusesMalformedRequestLines) {
    expect_refused(refused_request_lines());
}

TEST(RequestParser, RefusesMalformedTargets) {
    expect_refused(refused_targets());
}

TEST(RequestParser, RefusesMalformedHeaderLines) {
    expect_refused(refused_header_lines());
}

TEST(RequestParser, RefusesMissingDoubleAndMalformedHosts) {
    expect_refused(refused_hosts());
}

TEST(RequestParser, RefusesContentLengthsThatAreNoPlainNumber) {
    expect_refused(refused_content_lengths());
}

TEST(RequestParser, RefusesEveryTransferEncodingButOneChunked) {
    expect_refused(refused_transfer_encodings());
}

TEST(RequestParser, RefusesMalformedChunks) {
    expect_refused(refused_chunk_lines());
}

TEST(RequestParser, StaysFailedUntilReset) {
    request_parser parser;
    const std::string bad = "GET / HTTP/9.9\r\n";
    ASSERT_EQ(parse_once(parser, bad).http_status, 505);

    EXPECT_EQ(parse_once(parser, bad + "more").http_status, 505);
    EXPECT_FALSE(parser.is_head_complete());
    parser.reset();
    EXPECT_EQ(parse_once(parser, valid_requests()[0]).status, parse_status::complete);
}

TEST(RequestParser, ReadsTheSameAtEverySplitPoint) {
    for (const std::string& input : valid_requests()) {
        SCOPED_TRACE(input);
        const auto whole = internal::trace_requests(input, input.size(), {});
        ASSERT_EQ(whole.requests.size(), 1u) << whole.last.reason;
        ASSERT_EQ(whole.consumed, input.size());

        for (std::size_t split = 0; split < input.size(); ++split) {
            request_parser parser;
            const auto front = std::make_unique<std::string>(input.substr(0, split));
            ASSERT_EQ(parse_once(parser, *front).status, parse_status::need_more) << split;
            const std::string all = input;
            const parse_result got = parse_once(parser, all);

            std::string broken;
            ASSERT_EQ(got.status, parse_status::complete) << split;
            EXPECT_EQ(got.consumed, input.size());
            EXPECT_EQ(internal::print_request(parser.request(), all, broken), whole.requests[0]);
            EXPECT_EQ(broken, "");
        }
        EXPECT_EQ(internal::check_request_parser(input, {}), "");
    }
}

TEST(RequestParser, SplitsTheRequestIntoItsParts) {
    request_parser parser;
    const std::string input = valid_requests()[2];

    const parse_result got = parse_once(parser, input);

    ASSERT_EQ(got.status, parse_status::complete);
    const http_request& request = parser.request();
    EXPECT_EQ(request.method, "GET");
    EXPECT_EQ(request.target, "/a/b%20c?x=1&y=%41");
    EXPECT_EQ(request.path, "/a/b%20c");
    EXPECT_EQ(request.query, "x=1&y=%41");
    EXPECT_EQ(request.host, "example.com:8080");
    EXPECT_EQ(request.version_minor, 1);
    ASSERT_EQ(request.headers.size(), 2u);
    EXPECT_EQ(request.headers[1].name, "Accept");
    EXPECT_EQ(request.headers.find("aCCEPT"), "*/*");
    EXPECT_EQ(request.headers.find("none"), std::nullopt);
    EXPECT_TRUE(request.body.is_empty());
    EXPECT_EQ(request.body.contiguous(), "");
}

TEST(RequestParser, TrimsBlanksAroundValuesOnly) {
    request_parser parser;

    ASSERT_EQ(parse_once(parser, valid_requests()[8]).status, parse_status::complete);

    EXPECT_EQ(parser.request().method, "M-SEARCH");
    EXPECT_EQ(parser.request().headers.find("Empty"), "");
    EXPECT_EQ(parser.request().headers.find("Tabs"), "x");
    EXPECT_EQ(parser.request().headers.find("Opaque"), "\xff\xe4");
}

TEST(RequestParser, JudgesEveryByteOfAValueAtEveryPlace) {
    for (int byte = 0; byte < 256; ++byte) {
        const bool valid = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
        for (std::size_t at = 1; at < 19; ++at) {
            std::string value(20, 'v');
            value[at] = static_cast<char>(byte);
            request_parser parser;
            const std::string input = with_headers("A: " + value + "\r\n");
            const parse_result got = parse_once(parser, input);
            ASSERT_EQ(got.status, valid ? parse_status::complete : parse_status::error)
                << byte << " at " << at;
        }
    }
}

TEST(RequestParser, LetsTheHostOfAnAddressOverrideTheField) {
    struct {
        std::size_t index;
        std::string_view host, path, query;
    } const cases[] = {
        {5, "h.example", "/p", "q"}, {6, "h:1", "/", "q"}, {7, "h", "/", ""}, {0, "a", "/", ""}};
    for (const auto& [index, host, path, query] : cases) {
        request_parser parser;
        ASSERT_EQ(parse_once(parser, valid_requests()[index]).status, parse_status::complete);

        EXPECT_EQ(parser.request().host, host);
        EXPECT_EQ(parser.request().path, path);
        EXPECT_EQ(parser.request().query, query);
    }
}

TEST(RequestParser, DecidesKeepAliveByVersionAndConnection) {
    struct {
        std::string head;
        bool keep_alive;
    } const cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: te , Close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, keep-alive\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false},
    };
    for (const auto& [head, keep_alive] : cases) {
        SCOPED_TRACE(head);
        request_parser parser;
        ASSERT_EQ(parse_once(parser, head).status, parse_status::complete);
        EXPECT_EQ(parser.request().keep_alive, keep_alive);
        EXPECT_EQ(parser.request().version_minor, head.find("1.1") != head.npos ? 1 : 0);
    }
}

TEST(RequestParser, FlagsExpectContinueBeforeTheBody) {
    const std::string input = valid_requests()[12];
    const std::size_t head_size = input.size() - 2;
    request_parser parser;
    ASSERT_EQ(parse_once(parser, input.substr(0, head_size - 1)).status, parse_status::need_more);
    EXPECT_FALSE(parser.is_head_complete());

    ASSERT_EQ(parse_once(parser, input.substr(0, head_size)).status, parse_status::need_more);

    EXPECT_TRUE(parser.is_head_complete());
    EXPECT_TRUE(parser.expects_continue());
}

TEST(RequestParser, IgnoresExpectWithoutABodyAndInHttp10) {
    for (const std::string& input : {valid_requests()[11],
                                     "POST / HTTP/1.0\r\nExpect: 100-continue\r\n"
                                     "Content-Length: 1\r\n\r\nx"s}) {
        request_parser parser;
        ASSERT_EQ(parse_once(parser, input).status, parse_status::complete);
        EXPECT_FALSE(parser.expects_continue());
    }
}

TEST(RequestParser, DecodesChunks) {
    request_parser parser;
    const std::string input = valid_requests()[14];
    // The second chunk has a CRLF among its 10 bytes.
    ASSERT_EQ(parse_once(parser, input).status, parse_status::complete);
    const body_view& body = parser.request().body;

    std::string content(body.size(), '\0');
    EXPECT_EQ(body.copy_to(content), body.size());

    EXPECT_EQ(content, "hello, world\r\n!");
    EXPECT_TRUE(body.is_chunked());
    EXPECT_EQ(body.contiguous(), std::nullopt);
    EXPECT_EQ(parser.request().headers.find("Digest"), std::nullopt);
    char little[3];
    EXPECT_EQ(body.copy_to(little), 3u);
}

TEST(RequestParser, GivesASingleChunkInOnePiece) {
    request_parser parser;
    const std::string input = chunked("5\r\nhello\r\n0\r\n\r\n");

    ASSERT_EQ(parse_once(parser, input).status, parse_status::complete);

    EXPECT_EQ(parser.request().body.contiguous(), "hello");
}

TEST(RequestParser, ReadsThreePipelinedRequests) {
    const std::string first = valid_requests()[9];
    const std::string second = valid_requests()[14];
    const std::string third = valid_requests()[2];
    const std::string all = first + second + third;
    request_parser parser;
    std::string_view rest = all;

    for (const std::string& expected : {first, second, third}) {
        const parse_result got = parse_once(parser, rest);
        ASSERT_EQ(got.status, parse_status::complete);
        EXPECT_EQ(got.consumed, expected.size());
        rest.remove_prefix(got.consumed);
        parser.reset();
    }

    EXPECT_TRUE(rest.empty());
    EXPECT_EQ(parse_once(parser, rest).status, parse_status::need_more);
    for (std::size_t step = 1; step <= all.size(); ++step) {
        EXPECT_EQ(internal::trace_requests(all, step, {}).requests.size(), 3u) << step;
    }
}

TEST(RequestParser, CompleteIsReportedAgainUntilReset) {
    request_parser parser;
    const std::string input = valid_requests()[0];
    ASSERT_EQ(parse_once(parser, input).status, parse_status::complete);

    const parse_result again = parse_once(parser, input + "GET");

    EXPECT_EQ(again.status, parse_status::complete);
    EXPECT_EQ(again.consumed, input.size());
}

struct limit_case {
    const char* what;
    parser_limits limits;
    std::string at_bound;
    std::string past_bound;
    int http_status;
};

std::string times(std::size_t count, std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) {
        out += text;
    }
    return out;
}

std::vector<limit_case> head_limit_cases() {
    const std::string end = " HTTP/1.1\r\nHost: a\r\n\r\n";
    const std::string start = "POST / HTTP/1.1\r\nHost: a\r\n";
    return {
        {"request line",
         {},
         "GET /" + times(8192 - 14, "a") + end,
         "GET /" + times(8192 - 13, "a") + end,
         414},
        {"endless request line", {}, "GET /", times(8194, "a"), 414},
        // "Host: a\r\n" 9, "A: " and CRLF 5, the blank line 2.
        {"header bytes",
         {},
         start + "A: " + times(16384 - 16, "b") + "\r\n\r\n",
         start + "A: " + times(16384 - 15, "b") + "\r\n\r\n",
         431},
        {"endless header", {}, start, start + times(16384, "a"), 431},
        {"header count",
         {},
         start + times(63, "A: b\r\n") + "\r\n",
         start + times(64, "A: b\r\n") + "\r\n",
         431},
    };
}

std::vector<limit_case> body_limit_cases() {
    const std::string start = "POST / HTTP/1.1\r\nHost: a\r\n";
    const std::string te = start + "Transfer-Encoding: chunked\r\n\r\n";
    return {
        {"body",
         {},
         start + "Content-Length: 1048576\r\n\r\n" + times(1 << 20, "x"),
         start + "Content-Length: 1048577\r\n\r\n",
         413},
        {"one chunk",
         {.body_bytes_max = 16},
         te + "10\r\n0123456789abcdef\r\n0\r\n\r\n",
         te + "11\r\n",
         413},
        {"sum of chunks",
         {.body_bytes_max = 3},
         te + "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
         te + "1\r\na\r\n3\r\n",
         413},
        // "2\r\n" and CRLF 5, "0;" and CRLF 4: 2 + 46 bytes of framing are allowed.
        {"chunk framing",
         {.header_bytes_max = 46, .body_bytes_max = 2},
         te + "2\r\nab\r\n0;" + times(39, "x") + "\r\n\r\n",
         te + "2\r\nab\r\n0;" + times(40, "x") + "\r\n\r\n",
         413},
        {"trailer count",
         {.headers_max = 2},
         te + "0\r\n" + times(2, "A: b\r\n") + "\r\n",
         te + "0\r\n" + times(3, "A: b\r\n") + "\r\n",
         431},
        {"trailer bytes",
         {.header_bytes_max = 46},
         te + "0\r\nA: " + times(39, "b") + "\r\n\r\n",
         te + "0\r\nA: " + times(40, "b") + "\r\n\r\n",
         431},
    };
}

std::vector<limit_case> limit_cases() {
    std::vector<limit_case> cases = head_limit_cases();
    for (const limit_case& body_case : body_limit_cases()) {
        cases.push_back(body_case);
    }
    return cases;
}

TEST(RequestParser, TakesWhatIsAtALimitAndRefusesOneMore) {
    for (const auto& [what, limits, at_bound, past_bound, http_status] : limit_cases()) {
        SCOPED_TRACE(what);
        request_parser parser(limits);
        const bool whole = at_bound.find("\r\n\r\n") != at_bound.npos;
        const parse_result good = parse_once(parser, at_bound);
        EXPECT_EQ(good.status, whole ? parse_status::complete : parse_status::need_more)
            << good.reason;

        parser.reset();
        const parse_result bad = parse_once(parser, past_bound);

        EXPECT_EQ(bad.status, parse_status::error);
        EXPECT_EQ(bad.http_status, http_status) << bad.reason;
        EXPECT_LE(at_bound.size(), message_bytes_max(limits));
    }
}

TEST(RequestParser, RefusesALongLineAtTheSameByteHoweverItIsSplit) {
    for (const auto& [what, limits, at_bound, past_bound, http_status] : limit_cases()) {
        if (at_bound.size() + past_bound.size() > 2000) {
            continue;  // Copied once a byte, the large ones take too long.
        }
        EXPECT_EQ(internal::check_request_parser(at_bound, limits), "") << what;
        EXPECT_EQ(internal::check_request_parser(past_bound, limits), "") << what;
    }
}

TEST(RequestParser, AFullBufferOfTheStatedSizeIsNeverAskedForMore) {
    // Garbage of every kind that could go on for ever.
    const parser_limits limits = {.request_line_bytes_max = 20,
                                  .header_bytes_max = 60,
                                  .headers_max = 4,
                                  .body_bytes_max = 10};
    const std::string te = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    const std::string starts[] = {
        "",           "\r\n",         "GET / HTTP/1.1\r\n", te, te + "a\r\n0123456789\r\n",
        te + "0\r\n", te + "0\r\nA: "};
    for (const std::string& start : starts) {
        for (const char filler : {'a', '1', '0'}) {
            std::string input = start;
            input.resize(message_bytes_max(limits), filler);
            request_parser parser(limits);
            EXPECT_NE(parse_once(parser, input).status, parse_status::need_more) << input;
        }
    }
}

TEST(RequestParser, CountsTheCrlfAfterTheDataAsFramingInAdvance) {
    // 48 bytes of framing: "2;", the filler, the CRLF of the line and that of the data.
    const parser_limits limits = {.header_bytes_max = 46, .body_bytes_max = 2};
    for (const std::size_t filler : {42, 43}) {
        request_parser parser(limits);
        const parse_result got = parse_once(parser, chunked("2;" + times(filler, "x") + "\r\n"));
        EXPECT_EQ(got.status, filler == 42 ? parse_status::need_more : parse_status::error);
        EXPECT_EQ(got.http_status, filler == 42 ? 0 : 413);
    }
}

TEST(RequestParser, NeverLooksAgainAtBytesThatItHasScanned) {
    // What a caller must not do shows it: a LF put among the bytes of the first call goes unseen.
    const std::string starts[] = {"", "GET / HTTP/1.1\r\n", chunked(""), chunked("1\r\na\r\n"),
                                  chunked("0\r\n")};
    for (const std::string& start : starts) {
        SCOPED_TRACE(start);
        request_parser parser;
        std::string input = start + "1;23456789";
        ASSERT_EQ(parse_once(parser, input).status, parse_status::need_more);
        input[start.size() + 3] = '\n';

        EXPECT_EQ(parse_once(parser, input + "0").status, parse_status::need_more);
    }
}

TEST(RequestParser, ReadsAMebibyteThatTricklesIn) {
    std::string input = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    input += times(1 << 17, "3\r\nabc\r\n") + "0\r\n\r\n";
    request_parser parser;

    parse_result got;
    for (std::size_t size = 1; size <= input.size(); ++size) {
        got = parse_once(parser, std::string_view(input).substr(0, size));
        ASSERT_EQ(got.status == parse_status::need_more, size < input.size());
    }

    EXPECT_EQ(got.status, parse_status::complete);
    EXPECT_EQ(parser.request().body.size(), std::size_t{3} << 17);
}

TEST(RequestParser, StaysSmall) {
    EXPECT_LE(sizeof(request_parser), 1024u);
}

/// One seeded change of a pipeline of valid requests: cut, repeat, overwrite or insert.
std::string mutate(prng& random, std::string text) {
    static constexpr std::string_view spicy[] = {"\r\n",
                                                 "\n",
                                                 "\r",
                                                 "\0",
                                                 " ",
                                                 "\t",
                                                 ":",
                                                 "%",
                                                 "0",
                                                 "Host: b\r\n",
                                                 "Content-Length: 3\r\n",
                                                 "Transfer-Encoding: chunked\r\n",
                                                 "HTTP/1.0",
                                                 "ffffffffffffffff",
                                                 ";",
                                                 ",",
                                                 "\x7f"};
    for (std::uint64_t changes = 1 + random.below(4); changes > 0 && !text.empty(); --changes) {
        const std::size_t at = random.below(text.size());
        const std::size_t count = random.below(12);
        switch (random.below(5)) {
            case 0:
                text.erase(at, count);
                break;
            case 1:
                text.insert(at, text.substr(at, count));
                break;
            case 2:
                text[at] = static_cast<char>(random.below(256));
                break;
            case 3:
                text.insert(at, spicy[random.below(std::size(spicy))]);
                break;
            default:
                text.resize(at);
                break;
        }
    }
    return text;
}

TEST(RequestParser, KeepsItsPropertiesUnderSeededMutations) {
    const parser_limits small = {.request_line_bytes_max = 40,
                                 .header_bytes_max = 90,
                                 .headers_max = 3,
                                 .body_bytes_max = 12};
    for (std::uint64_t seed = 1; seed <= 600; ++seed) {
        prng random(seed);
        std::string input;
        for (std::uint64_t count = 1 + random.below(3); count > 0; --count) {
            input += valid_requests()[random.below(valid_requests().size())];
        }
        input = mutate(random, input);
        const parser_limits limits = seed % 2 == 0 ? parser_limits{} : small;

        ASSERT_EQ(internal::check_request_parser(input, limits), "") << "seed=" << seed << input;
    }
}

TEST(RequestParserDeathTest, AssertsThatTheBufferOnlyGrows) {
    request_parser parser;
    const std::string input = "GET / HTTP/1.1\r\nHost: a\r\n";
    ASSERT_EQ(parse_once(parser, input).status, parse_status::need_more);
    EXPECT_DEATH((void)parse_once(parser, input.substr(0, 5)), "fewer bytes");
    EXPECT_DEATH((void)parser.request(), "before parse");
}

}  // namespace
}  // namespace drama
