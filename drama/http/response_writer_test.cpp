// SPDX-License-Identifier: Apache-2.0
#include "drama/http/response_writer.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

#include "drama/http/response_parser.hpp"

namespace drama {
namespace {

using namespace std::string_view_literals;

std::string written(const response_head& head) {
    std::array<char, 512> out;
    const auto size = write_response_head(out, head);
    return size ? std::string(out.data(), *size) : "refused: " + size.error().message();
}

TEST(ResponseWriter, WritesEveryField) {
    const header_field extra[] = {{"X-Load", "0.5"}, {"Empty", ""}};
    const response_head head = {.status = 503,
                                .content_type = "text/plain",
                                .content_length = 12,
                                .keep_alive = false,
                                .date_unix_s = 784111777,
                                .retry_after_s = 7,
                                .extra = extra};

    EXPECT_EQ(written(head),
              "HTTP/1.1 503 Service Unavailable\r\n"
              "Content-Length: 12\r\n"
              "Connection: close\r\n"
              "Content-Type: text/plain\r\n"
              "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
              "Retry-After: 7\r\n"
              "X-Load: 0.5\r\n"
              "Empty: \r\n\r\n");
}

TEST(ResponseWriter, ChoosesFramingByStatusAndVersion) {
    EXPECT_EQ(written({.content_length = 0}), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(written({}), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(written({.chunked = true}), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    EXPECT_EQ(written({.status = 100, .content_length = 5}), "HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_EQ(written({.status = 204, .chunked = true}), "HTTP/1.1 204 No Content\r\n\r\n");
    EXPECT_EQ(written({.status = 304}), "HTTP/1.1 304 Not Modified\r\n\r\n");
    EXPECT_EQ(written({.content_length = 1, .version_1_0 = true}),
              "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(written({.status = 299, .content_length = 1}),
              "HTTP/1.1 299 Status\r\nContent-Length: 1\r\n\r\n");
}

TEST(ResponseWriter, WritesDatesOfTheWholeRange) {
    const auto date = [](std::int64_t unix_s) {
        const std::string head = written({.content_length = 0, .date_unix_s = unix_s});
        const std::size_t at = head.find("Date: ");
        return at == head.npos ? head : head.substr(at + 6, 29);
    };
    EXPECT_EQ(date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    EXPECT_EQ(date(951827696), "Tue, 29 Feb 2000 12:34:56 GMT");
    EXPECT_EQ(date(253402300799), "Fri, 31 Dec 9999 23:59:59 GMT");
}

TEST(ResponseWriter, RefusesInjection) {
    const auto is_refused = [](const response_head& head) {
        std::array<char, 512> out;
        const auto size = write_response_head(out, head);
        return !size && size.error() == errc::bad_argument;
    };
    for (const std::string_view value :
         {"a\r\nSet-Cookie: b"sv, "a\r"sv, "a\n"sv, "a\0b"sv, "\x7f"sv}) {
        const header_field extra[] = {{"X", value}};
        EXPECT_TRUE(is_refused({.content_length = 0, .extra = extra}));
        EXPECT_TRUE(is_refused({.content_type = value, .content_length = 0}));
    }
    for (const std::string_view name :
         {""sv, "A B"sv, "A:"sv, "A\r\n"sv, "content-length"sv, "Transfer-Encoding"sv}) {
        const header_field extra[] = {{name, "1"}};
        EXPECT_TRUE(is_refused({.content_length = 0, .extra = extra})) << name;
    }
    EXPECT_TRUE(is_refused({.status = 99}));
    EXPECT_TRUE(is_refused({.status = 600}));
    EXPECT_TRUE(is_refused({.content_length = 1, .chunked = true}));
    EXPECT_TRUE(is_refused({.chunked = true, .version_1_0 = true}));
    EXPECT_TRUE(is_refused({.date_unix_s = -1}));
    EXPECT_TRUE(is_refused({.date_unix_s = 253402300800}));
}

TEST(ResponseWriter, SaysWhenTheBufferIsTooSmall) {
    const response_head head = {
        .content_type = "text/html", .content_length = 77, .date_unix_s = 1, .retry_after_s = 1};
    const std::size_t size = written(head).size();
    for (std::size_t room = 0; room <= size + 1; ++room) {
        // Exactly sized, so that a write past the end is an error under the address sanitizer.
        std::string out(room, '?');
        const auto got = write_response_head(out, head);
        EXPECT_EQ(got.has_value(), room >= size) << room;
        if (!got) {
            EXPECT_EQ(got.error(), std::errc::no_buffer_space);
        }
    }
}

TEST(ResponseWriter, IsReadBackByTheParser) {
    const header_field extra[] = {{"X-Load", "0.5"}};
    std::string message =
        written({.status = 202, .content_type = "a/b", .chunked = true, .extra = extra});
    std::array<char, chunk_head_bytes_max> chunk;
    const auto size = write_chunk_head(chunk, 26);
    ASSERT_TRUE(size.has_value());
    message.append(chunk.data(), *size).append(std::string(26, 'z')).append("\r\n0\r\n\r\n");
    response_parser parser;

    const parse_result got = parser.parse(message);

    ASSERT_EQ(got.status, parse_status::complete) << got.reason;
    EXPECT_EQ(parser.response().status, 202);
    EXPECT_EQ(parser.response().headers.find("x-load"), "0.5");
    EXPECT_EQ(parser.response().body.contiguous(), std::string(26, 'z'));
}

TEST(ResponseWriter, FitsTheLargestChunkHead) {
    std::array<char, chunk_head_bytes_max> out;
    EXPECT_EQ(write_chunk_head(out, UINT64_MAX), chunk_head_bytes_max);
    EXPECT_EQ(write_chunk_head(std::span(out).first(17), UINT64_MAX).error(),
              std::errc::no_buffer_space);
}

}  // namespace
}  // namespace drama
