// SPDX-License-Identifier: Apache-2.0
#include "drama/http/request_parser.hpp"

#include <algorithm>

#include "drama/base/assert.hpp"
#include "drama/http/internal/grammar.hpp"

namespace drama::inline v0 {

using internal::scan;

namespace {

constexpr internal::rejection line_too_large = {414, "the request line is too large"};

bool is_version_shape(std::string_view text) noexcept {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    return text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) && text[6] == '.' &&
           is_digit(text[7]);
}

std::size_t scheme_size(std::string_view target) noexcept {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (internal::equals_ignore_case(target.substr(0, scheme.size()), scheme)) {
            return scheme.size();
        }
    }
    return 0;
}

}  // namespace

void request_parser::reset() noexcept {
    scanner_.reset();
    stage_ = stage::request_line;
    skipped_blank_line_ = false;
    expects_continue_ = false;
    host_ = {};
}

const http_request& request_parser::request() const noexcept {
    DRAMA_ASSERT(stage_ == stage::complete, "request() before parse() returned complete");
    return request_;
}

parse_result request_parser::parse(std::span<const char> buffer) noexcept {
    const std::string_view text(buffer.data(), buffer.size());
    DRAMA_ASSERT(text.size() >= scanner_.position() && text.size() >= scanner_.scanned(),
                 "parse() got fewer bytes than before");
    while (stage_ < stage::complete) {
        scan got = scan::done;
        switch (stage_) {
            case stage::request_line:
                got = read_request_line(text);
                break;
            case stage::headers:
                got = scanner_.read_headers(text);
                if (got == scan::done) {
                    got = read_head_end(text);
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

parse_result request_parser::outcome() const noexcept {
    if (stage_ == stage::error) {
        const internal::rejection& error = scanner_.error();
        return {parse_status::error, error.http_status, error.reason, 0};
    }
    return {parse_status::complete, 0, {}, scanner_.position()};
}

scan request_parser::read_request_line(std::string_view text) noexcept {
    for (;;) {
        std::string_view line;
        const std::size_t bytes_max = scanner_.limits().request_line_bytes_max + 2;
        const scan got = scanner_.next_line(text, bytes_max, line_too_large, line);
        if (got != scan::done) {
            return got;
        }
        // RFC 9112 2.2: old clients send one CRLF too much after a body.
        if (line.empty() && !skipped_blank_line_) {
            skipped_blank_line_ = true;
            continue;
        }
        return split_request_line(text, line);
    }
}

scan request_parser::split_request_line(std::string_view text, std::string_view line) noexcept {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == line.npos || first == last) {
        return scanner_.fail(400, "the request line is not: method target version");
    }
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (!internal::is_token(method)) {
        return scanner_.fail(400, "the method has an invalid character");
    }
    if (!is_version_shape(version)) {
        return scanner_.fail(400, "the version is not HTTP/digit.digit");
    }
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
        return scanner_.fail(505, "the version is neither HTTP/1.1 nor HTTP/1.0");
    }
    if (method == "CONNECT") {
        return scanner_.fail(501, "CONNECT is not implemented");
    }
    version_minor_ = static_cast<std::uint8_t>(version.back() - '0');
    method_ = {static_cast<std::uint32_t>(method.data() - text.data()),
               static_cast<std::uint32_t>(method.size())};
    return split_target(text, target);
}

scan request_parser::split_target(std::string_view text, std::string_view target) noexcept {
    if (!internal::is_target_text(target)) {
        return scanner_.fail(400, "the target has an invalid character");
    }
    const auto part_of = [text](std::string_view piece) {
        return part{static_cast<std::uint32_t>(piece.data() - text.data()),
                    static_cast<std::uint32_t>(piece.size())};
    };
    target_ = part_of(target);
    host_ = {};
    std::string_view rest = target;
    if (!target.starts_with('/')) {
        const std::size_t scheme = scheme_size(target);
        if (scheme == 0) {
            return scanner_.fail(400, "the target is neither a path nor an http address");
        }
        const std::size_t end = std::min(target.find_first_of("/?", scheme), target.size());
        const std::string_view authority = target.substr(scheme, end - scheme);
        if (authority.empty() || !internal::is_authority(authority)) {
            return scanner_.fail(400, "the target's host is invalid");
        }
        host_ = part_of(authority);
        rest = target.substr(end);
    }
    const std::size_t mark = std::min(rest.find('?'), rest.size());
    query_ = part_of(rest.substr(std::min(mark + 1, rest.size())));
    // An address without a path means "/"; one stands in the scheme's "//".
    path_ = mark > 0 ? part_of(rest.substr(0, mark)) : part{host_.at - 1, 1};
    return scan::done;
}

scan request_parser::read_head_end(std::string_view text) noexcept {
    const internal::framing_fields& fields = scanner_.fields();
    if (fields.hosts > 1) {
        return scanner_.fail(400, "two Host fields");
    }
    if (fields.hosts == 0 && version_minor_ == 1) {
        return scanner_.fail(400, "an HTTP/1.1 request without Host");
    }
    if (fields.hosts == 1) {
        const std::string_view host = scanner_.headers(text)[fields.host_slot].value;
        if (!internal::is_authority(host)) {
            return scanner_.fail(400, "the Host field is invalid");
        }
        // RFC 9112 3.2.2: a host in the target overrides the field.
        if (host_.size == 0) {
            host_ = {static_cast<std::uint32_t>(host.data() - text.data()),
                     static_cast<std::uint32_t>(host.size())};
        }
    }
    return choose_body();
}

scan request_parser::choose_body() noexcept {
    const internal::framing_fields& fields = scanner_.fields();
    const std::uint64_t length = fields.content_length.value_or(0);
    if (fields.transfer_encodings > 0) {
        if (fields.content_length) {
            return scanner_.fail(400, "both Content-Length and Transfer-Encoding");
        }
        if (fields.transfer_encodings > 1) {
            return scanner_.fail(400, "two Transfer-Encoding fields");
        }
        if (version_minor_ == 0) {
            return scanner_.fail(400, "Transfer-Encoding in an HTTP/1.0 request");
        }
        if (!fields.chunked) {
            return scanner_.fail(501, "the transfer coding is not exactly chunked");
        }
        scanner_.expect_body(internal::body_framing::chunked, 0);
    } else {
        if (length > scanner_.limits().body_bytes_max) {
            return scanner_.fail(413, "the body is too large");
        }
        scanner_.expect_body(internal::body_framing::length, static_cast<std::size_t>(length));
    }
    const bool has_body = fields.chunked || length > 0;
    expects_continue_ = fields.expect_continue && has_body && version_minor_ == 1;
    return scan::done;
}

void request_parser::publish(std::string_view text) noexcept {
    const auto view_of = [text](part piece) { return text.substr(piece.at, piece.size); };
    const internal::framing_fields& fields = scanner_.fields();
    request_.method = view_of(method_);
    request_.target = view_of(target_);
    request_.path = view_of(path_);
    request_.query = view_of(query_);
    request_.host = view_of(host_);
    request_.version_minor = version_minor_;
    request_.keep_alive =
        !fields.connection_close && (version_minor_ == 1 || fields.connection_keep_alive);
    request_.headers = scanner_.headers(text);
    request_.body = scanner_.body(text);
}

}  // namespace drama::inline v0
