// SPDX-License-Identifier: Apache-2.0
// D13, D19: ends that wait for what has ended, and peers that take nothing.
#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "drama/coro/context.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/net/tcp_stream.hpp"
#include "drama/sync/channel.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/oneshot.hpp"
#include "tests/deadlock/arena.hpp"

namespace drama::deadlock {
namespace {

// D13: the teardown of one task asks another, which was stopped before.

struct question {
    oneshot_sender<int> answer;
};

struct orderly {
    channel<question> questions{1};
    event stop_asker;
    std::atomic<int> torn_down{0};
};

task<result<void>> answer_until_stopped(orderly* in) {
    for (;;) {
        auto next = co_await in->questions.pop();
        if (!next) {
            in->questions.close();
            co_return fail(next.error());
        }
        auto sent = next->answer.send(1);
        static_cast<void>(sent);
    }
}

task<result<void>> ask(orderly* in) {
    auto [sender, receiver] = oneshot<int>();
    question put{std::move(sender)};
    auto asked = co_await in->questions.push(std::move(put));
    if (!asked) {
        co_return fail(asked.error());
    }
    DRAMA_CO_TRY([[maybe_unused]] auto answered, co_await receiver.receive());
    co_return result<void>();
}

// Its last act is a question.
task<result<void>> work_then_ask(orderly* in) {
    auto told = co_await in->stop_asker.wait();
    if (!told) {
        co_return fail(told.error());
    }
    auto said = co_await ask(in);
    if (!said && said.error() != errc::closed) {
        co_return said;
    }
    ++in->torn_down;
    co_return result<void>();
}

task<result<void>> stop_in_the_wrong_order(scope_handle scope, arena* all, orderly* in) {
    auto server = scope.spawn(answer_until_stopped, in);
    bool all_there = server.has_value();
    for (std::size_t i = 0; i < all->size; ++i) {
        all_there = scope.spawn(work_then_ask, in).has_value() && all_there;
    }
    all->check(all_there, "a child was refused");
    auto slept = co_await sleep_for(all->some(200us));
    if (!slept) {
        co_return fail(slept.error());
    }
    server->request_stop();
    auto ended = co_await server->join();
    static_cast<void>(ended);
    in->stop_asker.set();
    co_return result<void>();
}

task<result<void>> run_orderly(arena* all, orderly* in) {
    co_return co_await in_scope(stop_in_the_wrong_order, all, in);
}

std::shared_ptr<void> start_orderly(arena& all) {
    auto made = std::make_shared<orderly>();
    all.start(1, run_orderly, &all, made.get());
    return made;
}

void judge_orderly(arena& all, void* state) {
    all.check(static_cast<orderly*>(state)->torn_down == static_cast<int>(all.size),
              "a teardown did not end");
}

// D19: a tenant writes to peers that never read, another one goes on, and a deadline ends it.

constexpr std::size_t echoes_wanted = 10;
constexpr std::size_t flood_bytes = 8 * 1024 * 1024;

struct unread {
    event is_over;
    std::vector<std::byte> flood = std::vector<std::byte>(flood_bytes);
    std::atomic<std::size_t> given_up{0};
    std::atomic<std::size_t> echoed{0};
};

task<result<void>> never_read(unread* in, tcp_stream stream) {
    static_cast<void>(stream);
    co_return co_await in->is_over.wait();
}

task<result<void>> echo_byte(tcp_stream* stream) {
    std::array<std::byte, 1> one{};
    DRAMA_CO_TRY(const std::size_t got, co_await stream->read_some(one));
    if (got == 0) {
        co_return fail(errc::end_of_stream);
    }
    co_return co_await stream->write_all(one);
}

task<result<void>> serve_peer(unread* in, tcp_stream stream, bool reads) {
    if (!reads) {
        co_return co_await never_read(in, std::move(stream));
    }
    for (std::size_t i = 0; i < echoes_wanted; ++i) {
        auto echoed = co_await echo_byte(&stream);
        if (!echoed) {
            co_return echoed;
        }
    }
    co_return result<void>();
}

task<result<void>> accept_all(scope_handle scope, arena* all, unread* in, bool reads,
                              tcp_listener* listener) {
    for (std::size_t i = 0; i < all->size; ++i) {
        DRAMA_CO_TRY(auto stream, co_await listener->accept());
        all->check(scope.spawn(serve_peer, in, std::move(stream), reads).has_value(),
                   "a child was refused");
    }
    co_return result<void>();
}

task<result<void>> run_server(arena* all, unread* in, bool reads, tcp_listener* listener) {
    co_return co_await in_scope(accept_all, all, in, reads, listener);
}

task<result<void>> flood(unread* in, endpoint where) {
    DRAMA_CO_TRY(auto stream, co_await tcp_connect(std::move(where)));
    auto sent = co_await with_deadline(30ms, stream.write_all(in->flood));
    if (!sent && sent.error() == errc::deadline_exceeded) {
        ++in->given_up;
    }
    co_return result<void>();
}

task<result<void>> talk(unread* in, endpoint where) {
    DRAMA_CO_TRY(auto stream, co_await tcp_connect(std::move(where)));
    std::array<std::byte, 1> one{};
    for (std::size_t i = 0; i < echoes_wanted; ++i) {
        auto sent = co_await stream.write_all(one);
        if (!sent) {
            co_return fail(sent.error());
        }
        DRAMA_CO_TRY(const std::size_t got, co_await stream.read_some(one));
        in->echoed += got;
    }
    co_return result<void>();
}

using client = task<result<void>> (*)(unread*, endpoint);

task<result<void>> run_clients(scope_handle scope, arena* all, unread* in, endpoint where,
                               client each) {
    for (std::size_t i = 0; i < all->size; ++i) {
        all->check(scope.spawn(each, in, where).has_value(), "a child was refused");
    }
    co_return result<void>();
}

task<result<void>> serve_and_call(scope_handle scope, arena* all, unread* in, bool reads) {
    endpoint anywhere("127.0.0.1", 0);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(anywhere)));
    DRAMA_CO_TRY(const socket_address at, listener.local());
    auto server = scope.spawn(run_server, all, in, reads, &listener);
    all->check(server.has_value(), "a child was refused");
    const endpoint where("127.0.0.1", endpoint::of(at).port);
    auto called = co_await in_scope(run_clients, all, in, where, reads ? &talk : &flood);
    if (!reads) {
        in->is_over.set();
    }
    auto served = co_await server->join();  // it accepts from the listener of this frame
    static_cast<void>(served);
    co_return called;
}

task<result<void>> run_peers(arena* all, unread* in, bool reads) {
    co_return co_await in_scope(serve_and_call, all, in, reads);
}

std::shared_ptr<void> start_unread(arena& all) {
    auto made = std::make_shared<unread>();
    all.start(1, run_peers, &all, made.get(), false);
    all.start(2, run_peers, &all, made.get(), true);
    return made;
}

void judge_unread(arena& all, void* state) {
    const auto& seen = *static_cast<unread*>(state);
    all.check(seen.given_up == all.size, "a write to a peer that never reads was not given up");
    all.check(seen.echoed == all.size * echoes_wanted, "another tenant was held up");
}

constexpr scenario scenarios[] = {
    {"D13", start_orderly, nullptr, judge_orderly},
    {"D19", start_unread, nullptr, judge_unread},
};

}  // namespace

std::span<const scenario> end_scenarios() {
    return scenarios;
}

}  // namespace drama::deadlock
