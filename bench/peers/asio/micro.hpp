// SPDX-License-Identifier: Apache-2.0
// What the files of Asio's microbenchmarks share. Each form starts its work on a context; the
// caller runs it.
#pragma once

#include <asio.hpp>

#include <vector>

namespace micro {

constexpr long million = 1'000'000;

void check(bool is_right);

void spawn_join(asio::io_context& context, int threads);
void spawn_two(asio::io_context& context, int threads);
void yields(asio::io_context& context, int threads);
void skynet(asio::io_context& context, int threads);
void fib(asio::io_context& context, int threads);

void ping_pong(asio::io_context& context, int threads);
void channel_1to1(asio::io_context& context, int threads);
void channel_4to1(asio::io_context& context, int threads);
/// Nanoseconds for each round trip between two contexts, each with a thread of its own.
double ping_pong_across();

void timers_10k(asio::io_context& context, int threads);
void timers_100k(asio::io_context& context, int threads);
/// A million tasks that sleep for an hour.
void sleepers(asio::io_context& context);
/// Sorted nanoseconds of single calls, once the context has run.
void blocking(asio::io_context& context, std::vector<double>& spans);
void blocking_64(asio::io_context& context, int threads);

}  // namespace micro
