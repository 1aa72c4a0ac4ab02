// SPDX-License-Identifier: Apache-2.0
#include "tests/deadlock/every_operation.hpp"

#include <array>
#include <iterator>
#include <new>
#include <span>
#include <utility>

#include "drama/coro/context.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/coro/when.hpp"
#include "drama/fs/directory.hpp"
#include "drama/fs/file.hpp"
#include "drama/net/pipe.hpp"
#include "drama/net/poll_fd.hpp"
#include "drama/net/resolve.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/net/tcp_stream.hpp"
#include "drama/net/udp_socket.hpp"
#include "drama/net/unix_socket.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/spawn.hpp"
#include "drama/sync/oneshot.hpp"

namespace drama::deadlock {
namespace {

using state = every_operation;
using done = task<result<void>>;
using bytes = std::array<std::byte, 8>;

task<result<void>> nothing() {
    co_return result<void>();
}

task<result<void>> child_of_a_scope(scope_handle scope) {
    auto child = scope.spawn(nothing);
    if (!child) {
        co_return fail(child.error().code());
    }
    auto joined = co_await std::move(*child).join();
    co_return joined;
}

task<result<void>> spawns(state*) {
    co_return co_await in_scope(child_of_a_scope);
}

task<result<void>> joins_all(state*) {
    auto both = co_await when_all(nothing(), nothing());
    co_return both ? result<void>() : fail(both.error());
}

task<result<void>> takes_any(state*) {
    auto first = co_await when_any(nothing(), nothing());
    co_return first ? result<void>() : fail(first.error());
}

task<result<void>> is_in_time(state*) {
    co_return co_await with_deadline(1s, nothing());
}

task<result<void>> tries_again(state*) {
    backoff schedule;
    schedule.first = 10us;
    schedule.limit = 2;
    co_return co_await retry(schedule, nothing);
}

task<result<void>> pays_for_another(state*) {
    auto other = this_runtime().tenant("other");
    co_return co_await as_tenant(other, nothing);
}

task<result<void>> spawns_a_root(state*) {
    auto other = this_runtime().tenant("other");
    auto root = co_await spawn(other, nothing);
    if (!root) {
        co_return fail(root.error().code());
    }
    auto joined = co_await root->join();
    co_return joined;
}

int one() {
    return 1;
}

task<result<void>> blocks(state*) {
    auto got = co_await blocking(one);
    co_return got ? result<void>() : fail(got.error());
}

task<result<void>> computes(state*) {
    auto got = co_await compute(one);
    co_return got ? result<void>() : fail(got.error());
}

task<result<void>> locks(state* in) {
    DRAMA_CO_TRY(auto held, co_await in->lock.lock(1s));
    DRAMA_CO_TRY(auto permit, co_await in->permits.acquire(1, 1s));
    auto told = co_await in->changed.wait(held, 1us);
    if (!told && told.error() != errc::deadline_exceeded) {
        co_return told;
    }
    in->given.set();
    co_return co_await in->given.wait();
}

task<result<void>> reads_and_writes_locked(state* in) {
    DRAMA_CO_TRY(auto reading, co_await in->shared.lock_shared());
    reading.unlock();
    DRAMA_CO_TRY(auto writing, co_await in->shared.lock());
    co_return result<void>();
}

task<result<void>> passes_a_value(state* in) {
    auto pushed = co_await in->line.push(1, 1s);
    if (!pushed) {
        co_return pushed;
    }
    DRAMA_CO_TRY(const int got, co_await in->line.pop(1s));
    auto [sender, receiver] = oneshot<int>();
    auto sent = sender.send(got);
    if (!sent) {
        co_return sent;
    }
    auto received = co_await receiver.receive();
    co_return received ? result<void>() : fail(received.error());
}

task<result<void>> hears_news(state* in) {
    auto listener = in->news.subscribe();
    auto told = in->news.send(1);
    if (!told) {
        co_return told;
    }
    DRAMA_CO_TRY([[maybe_unused]] const auto heard, co_await listener.next(1s));
    co_return result<void>();
}

template <class Stream>
task<result<void>> echo_once(Stream stream) {
    bytes some;
    DRAMA_CO_TRY(const std::size_t got, co_await stream.read_some(some));
    co_return co_await stream.write_all(std::span<const std::byte>(some).first(got));
}

template <class Stream>
task<result<void>> ask_once(Stream stream) {
    bytes some{};
    auto sent = co_await stream.write_all(some);
    if (!sent) {
        co_return sent;
    }
    DRAMA_CO_TRY(const std::size_t got, co_await stream.read_some(some));
    co_return got == 0 ? fail(errc::end_of_stream) : result<void>();
}

template <class Listener>
task<result<void>> accept_once(Listener* listener) {
    DRAMA_CO_TRY(auto stream, co_await listener->accept());
    co_return co_await echo_once(std::move(stream));
}

task<result<void>> call_once(std::uint16_t port) {
    endpoint where("127.0.0.1", port);
    DRAMA_CO_TRY(auto stream, co_await tcp_connect(std::move(where)));
    co_return co_await ask_once(std::move(stream));
}

task<result<void>> talks(state*) {
    endpoint anywhere("127.0.0.1", 0);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(anywhere)));
    DRAMA_CO_TRY(const socket_address at, listener.local());
    auto both = co_await when_all(accept_once(&listener), call_once(endpoint::of(at).port));
    co_return both ? result<void>() : fail(both.error());
}

task<result<void>> call_by_path(std::string path) {
    DRAMA_CO_TRY(auto stream, co_await unix_stream::connect(path));
    co_return co_await ask_once(std::move(stream));
}

task<result<void>> talks_on_one_machine(state* in) {
    const std::string path = in->directory + "/socket";
    DRAMA_CO_TRY(auto listener, co_await unix_listener::bind(path));
    auto both = co_await when_all(accept_once(&listener), call_by_path(path));
    co_return both ? result<void>() : fail(both.error());
}

task<result<void>> sends_packets(state*) {
    endpoint anywhere("127.0.0.1", 0);
    DRAMA_CO_TRY(auto here, co_await udp_socket::bind(std::move(anywhere)));
    DRAMA_CO_TRY(const socket_address at, here.local());
    endpoint there = endpoint::of(at);
    DRAMA_CO_TRY(auto peer, co_await udp_socket::connect(std::move(there)));
    bytes some{};
    auto sent = co_await peer.send(some);
    if (!sent) {
        co_return sent;
    }
    DRAMA_CO_TRY([[maybe_unused]] const datagram got, co_await here.receive_from(some));
    co_return result<void>();
}

task<result<void>> write_into(pipe_writer* to) {
    const bytes some{};
    co_return co_await to->write_all(some);
}

task<result<void>> passes_through_a_pipe(state*) {
    DRAMA_CO_TRY(auto ends, make_pipe());
    auto wrote = co_await write_into(&ends.writer);
    if (!wrote) {
        co_return wrote;
    }
    DRAMA_CO_TRY([[maybe_unused]] const auto ready,
                 co_await poll_fd(ends.reader.fd(), events::readable));
    bytes some{};
    DRAMA_CO_TRY([[maybe_unused]] const std::size_t got, co_await ends.reader.read_some(some));
    co_return result<void>();
}

task<result<void>> asks_for_a_name(state*) {
    DRAMA_CO_TRY([[maybe_unused]] const auto found, co_await resolve("localhost", "80"));
    co_return result<void>();
}

task<result<void>> keeps(state* in) {
    open_options how;
    how.access = file_access::read_write;
    how.create = true;
    DRAMA_CO_TRY(auto kept, co_await file::open(in->directory + "/kept", how));
    bytes some{};
    auto wrote = co_await kept.write_all_at(0, some);
    if (!wrote) {
        co_return wrote;
    }
    auto read = co_await kept.read_exactly_at(0, some);
    if (!read) {
        co_return read;
    }
    auto synced = co_await kept.sync();
    co_await kept.close();
    co_return synced;
}

task<result<void>> puts_names_in_order(state* in) {
    const std::string below = in->directory + "/below";
    auto made = co_await make_directory(below);
    if (!made) {
        co_return made;
    }
    auto named = co_await rename_file(below, in->directory + "/beneath");
    if (!named) {
        co_return named;
    }
    auto synced = co_await sync_directory(in->directory);
    if (!synced) {
        co_return synced;
    }
    DRAMA_CO_TRY([[maybe_unused]] const auto items, co_await list_directory(in->directory));
    co_return co_await remove_directory(in->directory + "/beneath");
}

using operation_body = done (*)(state*);
constexpr operation_body operations[] = {
    spawns,
    joins_all,
    takes_any,
    is_in_time,
    tries_again,
    pays_for_another,
    spawns_a_root,
    blocks,
    computes,
    locks,
    passes_a_value,
    reads_and_writes_locked,
    hears_news,
    talks,
    sends_packets,
    talks_on_one_machine,
    passes_through_a_pipe,
    asks_for_a_name,
    keeps,
    puts_names_in_order,
};

}  // namespace

const int operations_there_are = std::size(operations);

task<void> use_every_operation(every_operation* in) {
    for (const operation_body each : operations) {
        const int number = in->tried++;
        try {
            auto call = each(in);
            auto ended = co_await std::move(call);
            if (!ended) {
                ++in->failed;
                in->errors += std::to_string(number) + ": " + ended.error().message() + '\n';
            }
        } catch (const std::bad_alloc&) {
            ++in->failed;
        }
    }
}

}  // namespace drama::deadlock
