// SPDX-License-Identifier: Apache-2.0
// The file routes behind a server, in one process with its clients, in any world.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "drama/coro/scope.hpp"
#include "drama/http/server.hpp"
#include "drama/net/tcp_stream.hpp"
#include "drama/runtime/runtime.hpp"
#include "serve/files/file_store.hpp"
#include "serve/routes.hpp"
#include "serve/service.hpp"

namespace drama::testing_support {

struct reply_seen {
    int status = 0;  ///< 0: the connection ended without an answer
    std::string body;
};

struct request_sent {
    std::string method;
    std::string path;
    std::string body;
    std::string tenant = "someone";
};

inline task<result<void>> ask_once(endpoint where, request_sent what, reply_seen* seen) {
    const std::string text =
        what.method + " " + what.path +
        " HTTP/1.1\r\nHost: a\r\nConnection: close\r\nDrama-Tenant: " + what.tenant +
        "\r\nContent-Length: " + std::to_string(what.body.size()) + "\r\n\r\n" + what.body;
    auto connecting = tcp_connect(std::move(where));
    DRAMA_CO_TRY(auto stream, co_await std::move(connecting));
    auto sent = co_await stream.write_all(std::as_bytes(std::span(text)));
    if (!sent) {
        co_return sent;
    }
    std::string all;
    std::array<char, 4096> space;
    for (;;) {
        auto got = co_await stream.read_some(std::as_writable_bytes(std::span(space)));
        if (!got || *got == 0) {
            break;
        }
        all.append(space.data(), *got);
    }
    if (all.starts_with("HTTP/1.1 ") && all.size() > 12) {
        seen->status = std::stoi(all.substr(9, 3));
        seen->body = all.substr(std::min(all.find("\r\n\r\n"), all.size() - 4) + 4);
    }
    co_return result<void>();
}

inline task<result<void>> prepare_store(cli::file_store* store) {
    auto preparing = store->prepare();
    co_return co_await std::move(preparing);
}

inline task<result<void>> bind_server(http_server* server) {
    endpoint where("127.0.0.1", 0);
    auto binding = server->bind(std::move(where));
    co_return co_await std::move(binding);
}

inline task<result<void>> run_server(http_server* server) {
    auto serving = server->serve();
    co_return co_await std::move(serving);
}

/// Threads: the world's owner.
class file_server {
  public:
    file_server(world& in, const std::string& io, const std::string& data,
                std::size_t tenants_max = 1000)
        : rt_(in, options_of(io, tenants_max)), store_(data) {}
    ~file_server() { end(); }

    /// False: this world has no such IO.
    bool start() {
        if (!rt_.start()) {
            return false;
        }
        shared_.files = &store_;
        std::vector<http_route> routes;
        cli::add_file_routes(routes);
        for (http_route& each : routes) {
            each.context = &shared_;
        }
        server_.emplace(std::move(routes));
        EXPECT_TRUE(rt_.sync_wait(rt_.tenants().system(), prepare_store, &store_));
        EXPECT_TRUE(rt_.sync_wait(rt_.tenants().system(), bind_server, &*server_));
        serving_ = *rt_.try_spawn(rt_.tenants().system(), run_server, &*server_);
        return true;
    }
    reply_seen ask(const std::string& method, const std::string& path, std::string body = {},
                   std::string tenant = "someone") {
        reply_seen seen;
        auto asked = begin({method, path, std::move(body), std::move(tenant)}, &seen);
        EXPECT_TRUE(rt_.sync_wait(std::move(asked)));
        return seen;
    }
    /// Lifetime: `seen` stays until the handle is done.
    join_handle<result<void>> begin(request_sent what, reply_seen* seen) {
        const tenant client = rt_.tenants().get_or_create("client");
        return *rt_.try_spawn(client, ask_once, server_->local(), std::move(what), seen);
    }
    endpoint where() const { return server_->local(); }
    void drain(duration grace) { server_->drain(grace); }
    runtime& on() noexcept { return rt_; }
    cli::file_store& store() noexcept { return store_; }

    void end() {
        if (server_) {
            server_->drain(duration::zero());
            EXPECT_TRUE(rt_.sync_wait(*std::exchange(serving_, std::nullopt)));
            server_.reset();
        }
        EXPECT_TRUE(rt_.stop());
    }

  private:
    static runtime_options options_of(const std::string& io, std::size_t tenants_max) {
        runtime_options made;
        made.tenants_max = tenants_max;
        made.workers = 2;
        made.io = io;
        made.log = [](const std::string&) {};
        made.on_stall = [](const stall_report&) {};
        return made;
    }

    runtime rt_;
    cli::file_store store_;
    cli::service shared_;
    std::optional<http_server> server_;
    std::optional<join_handle<result<void>>> serving_;
};

}  // namespace drama::testing_support
