// SPDX-License-Identifier: Apache-2.0
// Channels: the plain kind for one thread, the locked kind for more.
#include <asio/experimental/channel.hpp>
#include <asio/experimental/concurrent_channel.hpp>

#include <chrono>
#include <memory>
#include <thread>

#include "micro.hpp"

namespace micro {
namespace {

using plain = asio::experimental::channel<void(asio::error_code, long)>;
using locked = asio::experimental::concurrent_channel<void(asio::error_code, long)>;

template <class Channel>
struct ends {
    Channel there;
    Channel back;
    ends(asio::io_context& first, asio::io_context& second, std::size_t capacity)
        : there(first, capacity), back(second, capacity) {}
};

template <class Channel>
asio::awaitable<void> send_back(std::shared_ptr<ends<Channel>> on, long rounds) {
    for (long i = 0; i < rounds; ++i) {
        const long item = co_await on->there.async_receive(asio::use_awaitable);
        co_await on->back.async_send(asio::error_code(), item, asio::use_awaitable);
    }
}

template <class Channel>
asio::awaitable<void> play(std::shared_ptr<ends<Channel>> on, long rounds) {
    for (long i = 0; i < rounds; ++i) {
        co_await on->there.async_send(asio::error_code(), i, asio::use_awaitable);
        co_await on->back.async_receive(asio::use_awaitable);
    }
}

template <class Channel>
void start_ping_pong(asio::io_context& context, long rounds) {
    auto on = std::make_shared<ends<Channel>>(context, context, 1);
    asio::co_spawn(context, send_back(on, rounds), asio::detached);
    asio::co_spawn(context, play(on, rounds), asio::detached);
}

template <class Channel>
asio::awaitable<void> produce(std::shared_ptr<Channel> to, long count) {
    for (long i = 0; i < count; ++i) {
        co_await to->async_send(asio::error_code(), i, asio::use_awaitable);
    }
}

template <class Channel>
asio::awaitable<void> consume(std::shared_ptr<Channel> from, long count) {
    for (long i = 0; i < count; ++i) {
        co_await from->async_receive(asio::use_awaitable);
    }
}

template <class Channel>
void start_transfer(asio::io_context& context, int producers) {
    auto items = std::make_shared<Channel>(context, 1024);
    for (int i = 0; i < producers; ++i) {
        asio::co_spawn(context, produce(items, million / producers), asio::detached);
    }
    asio::co_spawn(context, consume(items, million), asio::detached);
}

}  // namespace

void ping_pong(asio::io_context& context, int threads) {
    threads == 1 ? start_ping_pong<plain>(context, 500'000)
                 : start_ping_pong<locked>(context, 500'000);
}

void channel_1to1(asio::io_context& context, int threads) {
    threads == 1 ? start_transfer<plain>(context, 1) : start_transfer<locked>(context, 1);
}

void channel_4to1(asio::io_context& context, int threads) {
    threads == 1 ? start_transfer<plain>(context, 4) : start_transfer<locked>(context, 4);
}

double ping_pong_across() {
    constexpr long rounds = 50'000;
    asio::io_context here(1);
    asio::io_context other(1);
    auto on = std::make_shared<ends<locked>>(other, here, 1);
    asio::co_spawn(other, send_back(on, rounds), asio::detached);
    asio::co_spawn(here, play(on, rounds), asio::detached);
    const auto began = std::chrono::steady_clock::now();
    std::thread partner([&other] { other.run(); });
    here.run();
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
    partner.join();
    return took.count() / rounds;
}

}  // namespace micro
