// SPDX-License-Identifier: Apache-2.0
// A call on a thread pool, awaited by a coroutine on its own executor.
#pragma once

#include <asio.hpp>

#include <utility>

/// Runs `work` on a thread of `pool`; the awaiting coroutine goes on where it was. Its context is
/// kept alive meanwhile.
template <class Work>
asio::awaitable<void> offload(asio::thread_pool* pool, Work work) {
    auto initiate = [pool](auto handler, Work call) {
        auto executor = asio::prefer(asio::get_associated_executor(handler),
                                     asio::execution::outstanding_work.tracked);
        asio::post(*pool, [executor = std::move(executor), handler = std::move(handler),
                           call = std::move(call)]() mutable {
            call();
            asio::post(executor, std::move(handler));
        });
    };
    co_await asio::async_initiate<decltype(asio::use_awaitable), void()>(
        initiate, asio::use_awaitable, std::move(work));
}
