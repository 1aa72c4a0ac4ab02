// SPDX-License-Identifier: Apache-2.0
#include "drama/http/response_parser.hpp"

#include "drama/base/assert.hpp"
#include "drama/http/internal/grammar.hpp"

namespace drama::inline v0 {

using internal::scan;

namespace {

constexpr internal::rejection line_too_large = {502, "the status line is too large"};

}  // namespace

void response_parser::reset(request_kind next) noexcept {
    scanner_.reset();
    stage_ = stage::status_line;
    kind_ = next;
    until_close_ = false;
}

const http_response& response_parser::response() const noexcept {
    DRAMA_ASSERT(stage_ == stage::complete, "response() before parse() returned complete");
    return response_;
}

parse_result response_parser::parse(std::span<const char> buffer) noexcept {
    const std::string_view text(buffer.data(), buffer.size());
    DRAMA_ASSERT(text.size() >= scanner_.position() && text.size() >= scanner_.scanned(),
                 "parse() got fewer bytes than before");
    while (stage_ < stage::complete) {
        scan got = scan::done;
        switch (stage_) {
            case stage::status_line:
                got = read_status_line(text);
                break;
            case stage::headers:
                got = scanner_.read_headers(text);
                if (got == scan::done) {
                    got = choose_body();
                }
                break;
            default:
                got = scanner_.read_body(text);
                break;
        }
        if (got == scan::need_more) {
            return {};
        }
        if (got == scan::failed) {
            stage_ = stage::error;
            break;
        }
        stage_ = static_cast<stage>(static_cast<int>(stage_) + 1);
        if (stage_ == stage::complete) {
            publish(text);
        }
    }
    return outcome();
}

parse_result response_parser::finish(std::span<const char> buffer) noexcept {
    const parse_result got = parse(buffer);
    if (got.status != parse_status::need_more) {
        return got;
    }
    if (stage_ == stage::body && until_close_) {
        stage_ = stage::complete;
        publish({buffer.data(), buffer.size()});
    } else {
        (void)scanner_.fail(502, "the peer closed before the response was complete");
        stage_ = stage::error;
    }
    return outcome();
}

parse_result response_parser::outcome() const noexcept {
    if (stage_ == stage::error) {
        return {parse_status::error, 502, scanner_.error().reason, 0};
    }
    return {parse_status::complete, 0, {}, scanner_.position()};
}

scan response_parser::read_status_line(std::string_view text) noexcept {
    std::string_view line;
    const std::size_t bytes_max = scanner_.limits().request_line_bytes_max + 2;
    const scan got = scanner_.next_line(text, bytes_max, line_too_large, line);
    if (got != scan::done) {
        return got;
    }
    // "HTTP/1.1 200 " and a reason phrase that may be empty.
    if (line.size() < 13 || line[8] != ' ' || line[12] != ' ') {
        return scanner_.fail(502, "the status line is not: version status reason");
    }
    if (!line.starts_with("HTTP/1.1") && !line.starts_with("HTTP/1.0")) {
        return scanner_.fail(502, "the version is neither HTTP/1.1 nor HTTP/1.0");
    }
    const auto status = internal::parse_decimal(line.substr(9, 3));
    if (!status || *status < 100 || *status > 599) {
        return scanner_.fail(502, "the status is not a number from 100 to 599");
    }
    const std::string_view reason = line.substr(13);
    if (!internal::is_field_value(reason)) {
        return scanner_.fail(502, "the reason phrase has a control character");
    }
    version_minor_ = static_cast<std::uint8_t>(line[7] - '0');
    status_ = static_cast<std::uint16_t>(*status);
    reason_at_ = static_cast<std::uint32_t>(reason.data() - text.data());
    reason_size_ = static_cast<std::uint32_t>(reason.size());
    return scan::done;
}

scan response_parser::choose_body() noexcept {
    const internal::framing_fields& fields = scanner_.fields();
    if (fields.transfer_encodings > 0) {
        if (fields.content_length) {
            return scanner_.fail(502, "both Content-Length and Transfer-Encoding");
        }
        if (fields.transfer_encodings > 1 || !fields.chunked || version_minor_ == 0) {
            return scanner_.fail(502, "the transfer coding is not exactly chunked");
        }
    }
    const bool bodiless =
        kind_ == request_kind::head || status_ < 200 || status_ == 204 || status_ == 304;
    if (bodiless) {
        // Content-Length may still say what a GET would have sent.
        scanner_.expect_body(internal::body_framing::length, 0);
    } else if (fields.chunked) {
        scanner_.expect_body(internal::body_framing::chunked, 0);
    } else if (fields.content_length) {
        if (*fields.content_length > scanner_.limits().body_bytes_max) {
            return scanner_.fail(502, "the body is too large");
        }
        scanner_.expect_body(internal::body_framing::length,
                             static_cast<std::size_t>(*fields.content_length));
    } else {
        until_close_ = true;
        scanner_.expect_body(internal::body_framing::until_close, 0);
    }
    return scan::done;
}

void response_parser::publish(std::string_view text) noexcept {
    const internal::framing_fields& fields = scanner_.fields();
    response_.status = status_;
    response_.reason = text.substr(reason_at_, reason_size_);
    response_.version_minor = version_minor_;
    response_.keep_alive = !fields.connection_close && !until_close_ &&
                           (version_minor_ == 1 || fields.connection_keep_alive);
    response_.headers = scanner_.headers(text);
    response_.body = scanner_.body(text);
}

}  // namespace drama::inline v0
