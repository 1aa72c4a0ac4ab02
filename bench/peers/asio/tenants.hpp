// SPDX-License-Identifier: Apache-2.0
// The routes of `drama serve`, by Asio's own means: what computes or blocks goes to a thread pool,
// but /hog spins on its worker.
#pragma once

#include <asio.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <utility>

/// What the connections share.
struct service {
    std::string data;
    asio::thread_pool compute;
    asio::thread_pool blocking;
    std::atomic<long> requests{0};
    std::atomic<long> children_ended{0};
    std::atomic<long> files_made{0};

    /// `blocking_max` 0: Asio's default, two threads for each CPU.
    service(std::string folder, int threads, std::size_t blocking_max)
        : data(std::move(folder)),
          compute(static_cast<std::size_t>(threads)),
          blocking(blocking_max != 0 ? blocking_max : 2 * std::thread::hardware_concurrency()) {}
};

asio::awaitable<void> connection(asio::ip::tcp::socket socket, service* of);
