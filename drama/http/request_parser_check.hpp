// SPDX-License-Identifier: Apache-2.0
// The properties of request_parser that hold for every input; shared by the fuzz target and the
// seeded mutation test. check_request_parser() names the first one that is broken.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drama/http/request_parser.hpp"

namespace drama::inline v0::internal {

/// Everything that a caller can see of one pipelined run, copied out of the buffer.
struct parse_trace {
    std::vector<std::string> requests;  ///< one printed form for each complete request
    parse_result last;                  ///< the outcome after them
    std::size_t consumed = 0;
    std::string broken;  ///< the first broken property; empty if none
};

inline bool lies_inside(std::string_view part, std::string_view whole) {
    return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

/// Prints `request` and checks that all of its views stand in the consumed bytes.
inline std::string print_request(const http_request& request, std::string_view consumed,
                                 std::string& broken) {
    std::string out;
    const auto add = [&](std::string_view part) {
        if (!lies_inside(part, consumed)) {
            broken = "a view outside the consumed bytes";
            return;
        }
        out.append(part).push_back('\n');
    };
    add(request.method);
    add(request.target);
    add(request.path);
    add(request.query);
    add(request.host);
    out += std::to_string(request.version_minor) + (request.keep_alive ? "k" : "c");
    for (const header_field field : request.headers) {
        add(field.name);
        add(field.value);
    }
    add(request.body.raw());
    std::string content(request.body.size(), '\0');
    if (request.body.copy_to(content) != content.size()) {
        broken = "the pieces of the body are not its size";
    }
    body_reader reader(request.body);
    for (auto piece = reader.next(); !piece.empty(); piece = reader.next()) {
        add(piece);
    }
    if (!request.path.starts_with('/')) {
        broken = "a path without its slash";
    }
    return out + content;
}

inline void check_result(const parse_result& result, std::size_t size, std::string& broken) {
    const bool is_error = result.status == parse_status::error;
    const bool is_complete = result.status == parse_status::complete;
    const std::vector<int> statuses = {400, 413, 414, 431, 501, 505};
    if (result.consumed > size || (is_complete != (result.consumed > 0))) {
        broken = "consumed is wrong";
    }
    if (is_error != (result.http_status != 0) || is_error == result.reason.empty() ||
        (is_error && std::ranges::find(statuses, result.http_status) == statuses.end())) {
        broken = "the error is not described";
    }
}

/// Parses the pipeline in `input`, giving the parser `step` more bytes each time. Each call gets
/// its own exactly sized copy: a parser that keeps pointers or reads too far is caught.
inline parse_trace trace_requests(std::string_view input, std::size_t step,
                                  const parser_limits& limits) {
    parse_trace trace;
    request_parser parser(limits);
    std::size_t begin = 0;
    std::size_t end = std::min(step, input.size());
    for (;;) {
        const std::size_t size = end - begin;
        const auto copy = std::make_unique<char[]>(size);
        std::copy_n(input.data() + begin, size, copy.get());
        trace.last = parser.parse({copy.get(), size});
        check_result(trace.last, size, trace.broken);
        if (trace.last.status == parse_status::complete && trace.broken.empty()) {
            const std::string_view used(copy.get(), trace.last.consumed);
            trace.requests.push_back(print_request(parser.request(), used, trace.broken));
            begin += trace.last.consumed;
            trace.consumed = begin;
            parser.reset();
        } else if (trace.last.status == parse_status::error || end == input.size()) {
            return trace;
        } else {
            end = std::min(end + step, input.size());
        }
        if (!trace.broken.empty()) {
            return trace;
        }
    }
}

/// Empty if every property holds for `input`, else the one that does not.
inline std::string check_request_parser(std::string_view input, const parser_limits& limits) {
    const parse_trace whole = trace_requests(input, input.size() + 1, limits);
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}}) {
        const parse_trace split = trace_requests(input, step, limits);
        if (!whole.broken.empty() || !split.broken.empty()) {
            return whole.broken + split.broken;
        }
        if (whole.requests != split.requests || whole.consumed != split.consumed ||
            whole.last.status != split.last.status || whole.last.reason != split.last.reason ||
            whole.last.http_status != split.last.http_status) {
            return "steps of " + std::to_string(step) + " bytes and one call differ";
        }
    }
    return {};
}

}  // namespace drama::inline v0::internal
