// SPDX-License-Identifier: Apache-2.0
// What one typical request costs: at once, one byte a call, and its answer's head.
#include <array>
#include <benchmark/benchmark.h>
#include <cstddef>
#include <string_view>

#include "drama/http/request_parser.hpp"
#include "drama/http/response_writer.hpp"

namespace {

constexpr std::string_view typical =
    "GET /api/v1/items?tenant=orange&limit=20 HTTP/1.1\r\n"
    "Host: shop.example.com:8080\r\n"
    "User-Agent: load/1.0\r\n"
    "Accept: application/json\r\n"
    "Accept-Encoding: identity\r\n"
    "X-Request-Id: 7f3a9c52e1b04d68\r\n"
    "\r\n";

void parse_at_once(benchmark::State& state) {
    drama::request_parser parser;
    for (auto _ : state) {
        parser.reset();
        auto got = parser.parse(typical);
        benchmark::DoNotOptimize(got);
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * typical.size()));
    state.counters["request_bytes"] = static_cast<double>(typical.size());
}
BENCHMARK(parse_at_once);

void parse_bytewise(benchmark::State& state) {
    drama::request_parser parser;
    for (auto _ : state) {
        parser.reset();
        for (std::size_t size = 1; size <= typical.size(); ++size) {
            auto got = parser.parse(typical.substr(0, size));
            benchmark::DoNotOptimize(got);
        }
    }
}
BENCHMARK(parse_bytewise);

void write_head(benchmark::State& state) {
    std::array<char, 512> out;
    const drama::response_head head = {
        .content_type = "application/json", .content_length = 1234, .date_unix_s = 1700000000};
    for (auto _ : state) {
        auto got = drama::write_response_head(out, head);
        benchmark::DoNotOptimize(got);
        benchmark::DoNotOptimize(out);
    }
}
BENCHMARK(write_head);

}  // namespace
