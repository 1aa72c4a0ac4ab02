// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/storm.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <exception>
#include <span>
#include <string>
#include <utility>

#include "drama/coro/context.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/fault/fault_mix.hpp"
#include "drama/fs/file.hpp"
#include "drama/net/pooled_buffer.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/net/tcp_stream.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/sim/sim_world.hpp"

namespace drama::faults {
namespace {

constexpr duration patience = 200ms;
constexpr std::size_t message_bytes = 1'500;

endpoint at(std::uint16_t port) {
    return {"127.0.0.1", port};
}

std::array<std::byte, message_bytes> make_message(std::uint64_t number) {
    std::array<std::byte, message_bytes> made{};
    for (std::size_t i = 0; i < made.size(); ++i) {
        made[i] = static_cast<std::byte>(number + i * 7);
    }
    return made;
}

// The echo server.

task<result<void>> echo(tcp_stream* stream) {
    for (;;) {
        auto ready = co_await stream->wait_readable();
        if (!ready) {
            co_return fail(ready.error());
        }
        const pooled_buffer buffer;
        auto got = co_await stream->read_some(buffer.span());
        if (!got || *got == 0) {
            co_return result<void>();
        }
        auto sent = co_await stream->write_all(buffer.span().first(*got));
        if (!sent) {
            co_return sent;
        }
    }
}

task<void> serve_one(tcp_stream stream) {
    try {
        auto work = echo(&stream);
        auto served = co_await with_deadline(2 * patience, std::move(work));
        static_cast<void>(served);
    } catch (const std::exception&) {
        co_return;  // no memory: this connection ends, the others go on
    }
}

task<result<tcp_stream>> next_connection(tcp_listener* listener) {
    co_return co_await listener->accept();
}

task<result<void>> serve_all(scope_handle connections, storm* all, tcp_listener* listener) {
    while (all->talkers > 0) {
        auto next = next_connection(listener);
        auto stream = co_await with_deadline(20ms, std::move(next));
        if (stream) {
            static_cast<void>(connections.spawn(serve_one, std::move(*stream)));
        }
    }
    co_return result<void>();
}

task<result<void>> listen_and_serve(storm_work in) {
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(at(in.port)));
    co_return co_await in_scope(serve_all, in.all, &listener);
}

// The pieces of work.

// The server may begin later than its clients.
task<result<tcp_stream>> reach_server(std::uint16_t port) {
    for (;;) {
        auto connected = co_await tcp_connect(at(port));
        if (connected || connected.error() != errno_code(ECONNREFUSED)) {
            co_return std::move(connected);
        }
        auto slept = co_await sleep_for(5ms);
        if (!slept) {
            co_return fail(slept.error());
        }
    }
}

task<result<void>> talk(storm_work in) {
    auto reaching = reach_server(in.port);
    auto reached = co_await std::move(reaching);
    if (!reached) {
        co_return fail(reached.error());
    }
    tcp_stream stream = *std::move(reached);
    const auto message = make_message(in.port);
    auto sent = co_await stream.write_all(message);
    if (!sent) {
        co_return sent;
    }
    std::array<std::byte, message_bytes> answer{};
    std::span<std::byte> rest(answer);
    while (!rest.empty()) {
        DRAMA_CO_TRY(const std::size_t got, co_await stream.read_some(rest));
        if (got == 0) {
            co_return fail(errc::end_of_stream);
        }
        rest = rest.subspan(got);
    }
    in.all->wrong += answer == message ? 0 : 1;
    co_return result<void>();
}

task<result<void>> store(storm_work in) {
    open_options options;
    options.access = file_access::read_write;
    options.create = true;
    // A disk does not forget that a file is broken: other storms have other files.
    const std::string path =
        "/storm" + std::to_string(in.port) + '-' + std::to_string(++in.all->files);
    DRAMA_CO_TRY(auto kept, co_await file::open(path, options));
    const auto message = make_message(in.all->files);
    auto written = co_await kept.write_all_at(0, message);
    if (!written) {
        co_return written;
    }
    auto synced = co_await kept.sync();
    if (!synced) {
        co_return synced;
    }
    std::array<std::byte, message_bytes> answer{};
    co_return co_await kept.read_exactly_at(0, answer);
}

int look_up() {
    throw_point("storm.call");
    sim::block(50us);
    return 1;
}

int reckon() {
    sim::spend(30us);
    return 1;
}

task<result<void>> call(storm_work) {
    DRAMA_CO_TRY(const int found, co_await blocking(look_up));
    DRAMA_CO_TRY(const int sum, co_await compute(reckon));
    static_cast<void>(found + sum);
    co_return result<void>();
}

task<result<void>> share(storm_work in) {
    auto guard = co_await in.all->lock.lock(patience / 2);
    if (!guard) {
        co_return fail(guard.error());
    }
    if (fault_point("storm.share")) {
        co_return fail(errc::closed);
    }
    auto slept = co_await sleep_for(100us);
    co_return slept;
}

task<result<void>> pass_on(storm_work in) {
    auto pushed = co_await in.all->line.push(1);
    if (!pushed) {
        co_return pushed;
    }
    auto popped = co_await in.all->line.pop();
    co_return popped ? result<void>() : fail(popped.error());
}

}  // namespace

task<void> storm_server(storm_work in) {
    while (in.all->talkers > 0) {
        try {
            auto served = co_await listen_and_serve(in);
            static_cast<void>(served);
        } catch (const std::exception&) {
            ++in.all->restarts;
        }
        auto slept = co_await sleep_for(1ms);
        if (!slept) {
            co_return;
        }
    }
}

// The frame of the outermost coroutine is the only memory that must be had.
task<void> go_through(storm_work in, storm_part part) {
    ++in.all->started;
    for (int round = 0; round < in.all->rounds; ++round) {
        try {
            auto work = part.work(in);
            auto done = co_await with_deadline(patience, std::move(work));
            ++(done ? in.all->worked : in.all->failed);
            if (!done && in.all->first_failure.empty()) {
                in.all->first_failure = std::string(part.name) + ": " + done.error().message();
            }
        } catch (const std::exception&) {
            ++in.all->failed;
        }
    }
    in.all->talkers -= part.talks ? 1 : 0;
}

std::span<const storm_part> storm_parts() noexcept {
    static constexpr std::array<storm_part, 7> parts{{{"talk", talk, true},
                                                      {"talk", talk, true},
                                                      {"store", store},
                                                      {"call", call},
                                                      {"share", share},
                                                      {"share", share},
                                                      {"pass on", pass_on}}};
    return parts;
}

std::vector<fault_rule> draw_weather(prng& random) {
    fault_mix mix{.kinds = {}, .part = 0.3};
    for (const char* family : {"network", "disk", "threads", "time", "tenant", "user"}) {
        const auto kinds = kinds_of(family);
        mix.kinds.insert(mix.kinds.end(), kinds.begin(), kinds.end());
    }
    std::erase(mix.kinds, fault_kind::stale_reply);  // only numbered messages tell it apart
    std::vector<fault_rule> drawn = draw_faults(random, mix);
    for (fault_rule& rule : drawn) {
        switch (rule.kind) {
            case fault_kind::thread_unavailable:
                rule.site = random.below(2) == 0 ? "thread.blocking" : "thread.compute";
                break;
            case fault_kind::tenant_floods:
                rule.value = 50;
                break;
            case fault_kind::blocking_stalls:
            case fault_kind::worker_paused:
                rule.value = 50'000'000;
                break;
            default:
                break;
        }
    }
    return drawn;
}

}  // namespace drama::faults
