// SPDX-License-Identifier: Apache-2.0
// Routes that spend time, on a worker, on the compute pool or on a blocking thread.
#include "serve/routes.hpp"

#include <algorithm>
#include <stop_token>
#include <string>

#include <time.h>

#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/http/query.hpp"
#include "drama/runtime/blocking.hpp"
#include "serve/service.hpp"

namespace drama::cli {
namespace {

constexpr std::uint64_t echo_bytes_max = 1024 * 1024;
constexpr std::uint64_t hog_ms_max = 60'000;
constexpr std::uint64_t compute_us_max = 60'000'000;
constexpr std::uint64_t block_ms_max = 600'000;
constexpr std::uint64_t spawn_tasks_max = 10'000'000;
constexpr std::uint64_t spawn_us_max = 1'000'000;
constexpr std::uint64_t spawn_burst = 256;

result<std::uint64_t> number_of(const http_exchange& exchange, std::string_view key,
                                std::uint64_t otherwise, std::uint64_t most) {
    return query_number_or(exchange.request->target, key, otherwise, {.min = 0, .max = most});
}

http_reply bad_number(std::string_view key, std::error_code error, std::uint64_t most) {
    return text_reply(
        400, std::string(key) + ": " + error.message() + " (0 to " + std::to_string(most) + ")");
}

void spin(std::uint64_t microseconds) noexcept {
    const drama::clock clock;
    const instant end = clock.now() + std::chrono::microseconds(microseconds);
    while (clock.now() < end) {
    }
}

// A library call that sleeps; it looks at its stop token now and then, as good ones do.
void nap(std::stop_token stop, std::uint64_t milliseconds) {
    constexpr std::uint64_t piece_ms = 100;
    while (milliseconds > 0 && !stop.stop_requested()) {
        const std::uint64_t piece = std::min(milliseconds, piece_ms);
        const timespec span{0, static_cast<long>(piece * 1'000'000)};
        ::nanosleep(&span, nullptr);
        milliseconds -= piece;
    }
}

task<result<http_reply>> echo(http_exchange exchange) {
    auto bytes = number_of(exchange, "bytes", 64, echo_bytes_max);
    if (!bytes) {
        co_return bad_number("bytes", bytes.error(), echo_bytes_max);
    }
    http_reply reply;
    reply.body.assign(*bytes, 'x');
    co_return std::move(reply);
}

task<result<http_reply>> echo_back(http_exchange exchange) {
    http_reply reply;
    reply.content_type = "application/octet-stream";
    reply.body.resize(exchange.request->body.size());
    exchange.request->body.copy_to(reply.body);
    co_return std::move(reply);
}

// Never yields: what a task must not do.
task<result<http_reply>> hog(http_exchange exchange) {
    auto ms = number_of(exchange, "ms", 20, hog_ms_max);
    if (!ms) {
        co_return bad_number("ms", ms.error(), hog_ms_max);
    }
    spin(*ms * 1000);
    co_return text_reply(200, "spun " + std::to_string(*ms) + " ms on a worker");
}

task<result<http_reply>> compute_for(http_exchange exchange) {
    auto us = number_of(exchange, "us", 1000, compute_us_max);
    if (!us) {
        co_return bad_number("us", us.error(), compute_us_max);
    }
    auto computed = co_await compute(spin, *us);
    if (!computed) {
        co_return fail(computed.error());
    }
    co_return text_reply(200, "computed for " + std::to_string(*us) + " us");
}

task<result<http_reply>> block(http_exchange exchange) {
    auto ms = number_of(exchange, "ms", 50, block_ms_max);
    if (!ms) {
        co_return bad_number("ms", ms.error(), block_ms_max);
    }
    auto slept = co_await blocking(nap, *ms);
    if (!slept) {
        co_return fail(slept.error());
    }
    co_return text_reply(200, "blocked for " + std::to_string(*ms) + " ms");
}

task<void> spin_once(std::uint64_t microseconds) {
    spin(microseconds);
    co_return;
}

// Gives way after each burst, so that not all of them are alive at once.
task<result<void>> spawn_children(scope_handle scope, std::uint64_t count, std::uint64_t us) {
    for (std::uint64_t i = 0; i < count; ++i) {
        auto child = scope.spawn(spin_once, us);
        if (!child) {
            co_return fail(child.error());
        }
        if (i % spawn_burst == spawn_burst - 1) {
            auto gone_on = co_await yield_now();
            if (!gone_on) {
                co_return fail(gone_on.error());
            }
        }
    }
    co_return result<void>();
}

task<result<http_reply>> spawn_tasks(http_exchange exchange) {
    auto count = number_of(exchange, "n", 1000, spawn_tasks_max);
    if (!count) {
        co_return bad_number("n", count.error(), spawn_tasks_max);
    }
    auto us = number_of(exchange, "us", 1, spawn_us_max);
    if (!us) {
        co_return bad_number("us", us.error(), spawn_us_max);
    }
    auto spawning = in_scope(spawn_children, *count, *us);
    auto done = co_await std::move(spawning);
    if (!done) {
        co_return fail(done.error());
    }
    co_return text_reply(200, "spawned " + std::to_string(*count) + " tasks");
}

task<result<http_reply>> health(http_exchange exchange) {
    if (service_of(exchange).is_draining.load(std::memory_order_relaxed)) {
        co_return text_reply(503, "draining");
    }
    co_return text_reply(200, "ok");
}

}  // namespace

void add_work_routes(std::vector<http_route>& to) {
    to.insert(to.end(),
              {{"GET", "/echo", echo},
               {"POST", "/echo", echo_back},
               {"GET", "/hog", hog},
               {.method = "GET", .path = "/compute", .handler = compute_for, .computes = true},
               {"GET", "/block", block},
               {"POST", "/spawn", spawn_tasks},
               {"GET", "/healthz", health}});
}

}  // namespace drama::cli
