// SPDX-License-Identifier: Apache-2.0
// The server of the echo benchmark: `echo_server THREADS`. Prints its port; serves until it is
// killed.
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "drama/coro/scope.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/net/tcp_stream.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama::bench {
namespace {

task<void> echo(tcp_stream stream) {
    std::array<std::byte, 4096> buffer;
    for (;;) {
        auto got = co_await stream.read_some(buffer);
        if (!got || *got == 0) {
            co_return;
        }
        auto sent = co_await stream.write_all(std::span(buffer).first(*got));
        if (!sent) {
            co_return;
        }
    }
}

task<result<void>> serve(scope_handle connections) {
    const endpoint any("127.0.0.1", 0);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(any));
    DRAMA_CO_TRY(auto where, listener.local());
    std::printf("drama serves http://%s\n", where.to_string().c_str());
    std::fflush(stdout);
    for (;;) {
        DRAMA_CO_TRY(auto stream, co_await listener.accept());
        auto child = connections.spawn(echo, std::move(stream));
        if (!child) {
            co_return fail(child.error());
        }
    }
}

}  // namespace
}  // namespace drama::bench

int main(int argc, char** argv) {
    drama::runtime_options options;
    options.workers = argc > 1 ? static_cast<std::size_t>(std::atoi(argv[1])) : 0;
    drama::runtime rt(options);
    const auto served = rt.run(drama::in_scope(drama::bench::serve));
    std::fprintf(stderr, "echo_server: %s\n", served.error().message().c_str());
    return 1;
}
