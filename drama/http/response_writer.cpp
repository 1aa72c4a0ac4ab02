// SPDX-License-Identifier: Apache-2.0
#include "drama/http/response_writer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <iterator>

#include "drama/base/assert.hpp"
#include "drama/http/internal/grammar.hpp"

namespace drama::inline v0 {
namespace {

constexpr std::int64_t year_10000_unix_s = 253402300800;

struct phrase {
    int status;
    std::string_view text;
};

// In order of status: searched by halves.
constexpr phrase phrases[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};
static_assert(std::ranges::is_sorted(phrases, {}, &phrase::status));

/// Appends to a span; past its end it only remembers that it did not fit.
class appender {
  public:
    explicit appender(std::span<char> out) noexcept : out_(out) {}

    void text(std::string_view piece) noexcept {
        if (piece.size() > out_.size() - size_) {
            overflowed_ = true;
            return;
        }
        std::copy(piece.begin(), piece.end(), out_.begin() + static_cast<std::ptrdiff_t>(size_));
        size_ += piece.size();
    }

    void number(std::uint64_t value, int base = 10) noexcept {
        std::array<char, 20> digits;
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, base);
        text({digits.data(), static_cast<std::size_t>(end.ptr - digits.data())});
    }

    void two_digits(unsigned value) noexcept {
        const char digits[2] = {static_cast<char>('0' + value / 10 % 10),
                                static_cast<char>('0' + value % 10)};
        text({digits, 2});
    }

    void field(std::string_view name, std::string_view value) noexcept {
        text(name);
        text(": ");
        text(value);
        text("\r\n");
    }

    void field(std::string_view name, std::uint64_t value) noexcept {
        text(name);
        text(": ");
        number(value);
        text("\r\n");
    }

    [[nodiscard]] result<std::size_t> finish() const noexcept {
        if (overflowed_) {
            return fail(std::make_error_code(std::errc::no_buffer_space));
        }
        return size_;
    }

  private:
    std::span<char> out_;
    std::size_t size_ = 0;
    bool overflowed_ = false;
};

bool has_no_body(int status) noexcept {
    return status < 200 || status == 204;
}

bool is_own_field(std::string_view name) noexcept {
    constexpr std::string_view own[] = {"Connection", "Content-Length", "Content-Type",
                                        "Date",       "Retry-After",    "Transfer-Encoding"};
    return std::ranges::any_of(
        own, [name](std::string_view other) { return internal::equals_ignore_case(name, other); });
}

bool is_valid(const response_head& head) noexcept {
    if (head.status < 100 || head.status > 599 || (head.chunked && head.content_length) ||
        (head.chunked && head.version_1_0) || !internal::is_field_value(head.content_type)) {
        return false;
    }
    if (head.date_unix_s && (*head.date_unix_s < 0 || *head.date_unix_s >= year_10000_unix_s)) {
        return false;
    }
    return std::ranges::all_of(head.extra, [](const header_field& field) {
        return internal::is_token(field.name) && !is_own_field(field.name) &&
               internal::is_field_value(field.value);
    });
}

// RFC 9110 5.6.7: Sun, 06 Nov 1994 08:49:37 GMT
void write_date(appender& out, std::int64_t unix_s) noexcept {
    namespace ch = std::chrono;
    constexpr std::string_view days = "SunMonTueWedThuFriSat";
    constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const ch::sys_seconds when{ch::seconds(unix_s)};
    const auto day = ch::floor<ch::days>(when);
    const ch::year_month_day date(day);
    const auto second = static_cast<unsigned>((when - day).count());
    out.text("Date: ");
    out.text(days.substr(ch::weekday(day).c_encoding() * 3, 3));
    out.text(", ");
    out.two_digits(static_cast<unsigned>(date.day()));
    out.text(" ");
    out.text(months.substr((static_cast<unsigned>(date.month()) - 1) * 3, 3));
    out.text(" ");
    const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
    out.two_digits(year / 100);
    out.two_digits(year % 100);
    out.text(" ");
    out.two_digits(second / 3600);
    out.text(":");
    out.two_digits(second / 60 % 60);
    out.text(":");
    out.two_digits(second % 60);
    out.text(" GMT\r\n");
}

void write_framing(appender& out, const response_head& head) noexcept {
    bool keep_alive = head.keep_alive;
    if (!has_no_body(head.status)) {
        if (head.chunked) {
            out.field("Transfer-Encoding", "chunked");
        } else if (head.content_length) {
            out.field("Content-Length", *head.content_length);
        } else if (head.status != 304) {
            keep_alive = false;
        }
    }
    if (head.status < 200) {
        return;
    }
    if (!keep_alive) {
        out.field("Connection", "close");
    } else if (head.version_1_0) {
        out.field("Connection", "keep-alive");
    }
}

}  // namespace

result<std::size_t> write_response_head(std::span<char> out, const response_head& head) noexcept {
    if (!is_valid(head)) {
        return fail(errc::bad_argument);
    }
    appender to(out);
    to.text("HTTP/1.1 ");
    to.number(static_cast<std::uint64_t>(head.status));
    to.text(" ");
    to.text(reason_phrase(head.status));
    to.text("\r\n");
    write_framing(to, head);
    if (!head.content_type.empty()) {
        to.field("Content-Type", head.content_type);
    }
    if (head.date_unix_s) {
        write_date(to, *head.date_unix_s);
    }
    if (head.retry_after_s) {
        to.field("Retry-After", *head.retry_after_s);
    }
    for (const header_field& field : head.extra) {
        to.field(field.name, field.value);
    }
    to.text("\r\n");
    return to.finish();
}

result<std::size_t> write_chunk_head(std::span<char> out, std::uint64_t size) noexcept {
    DRAMA_ASSERT(size > 0, "an empty chunk would end the body");
    appender to(out);
    to.number(size, 16);
    to.text("\r\n");
    return to.finish();
}

std::string_view reason_phrase(int status) noexcept {
    const auto* found = std::ranges::lower_bound(phrases, status, {}, &phrase::status);
    return found != std::end(phrases) && found->status == status ? found->text : "Status";
}

}  // namespace drama::inline v0
