// SPDX-License-Identifier: Apache-2.0
// Stops and deadlines that come at a bad moment: between a permit and its use, after an item was
// taken, in the middle of a write, while a lock is handed over, while a connection is being made,
// and loads whose failure only one of those who wait hears of.
#include <array>
#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "drama/base/spinlock.hpp"
#include "drama/coro/context.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/net/tcp_stream.hpp"
#include "drama/sync/channel.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/mutex.hpp"
#include "drama/sync/semaphore.hpp"
#include "tests/hunt/hunt.hpp"

namespace drama::hunt {
namespace {

// A permit is taken out of its guard, to be given back by hand: not when the task is stopped.

struct workshop {
    explicit workshop(std::size_t most) : tools(most) {}
    semaphore tools;
};

template <bool Mended>
task<result<void>> use_tool(workshop* in) {
    DRAMA_CO_TRY(auto permit, co_await in->tools.acquire());
    if constexpr (!Mended) {
        static_cast<void>(permit.detach());
    }
    auto worked = co_await sleep_for(20us);
    if (!worked) {
        co_return worked;
    }
    if constexpr (!Mended) {
        in->tools.release();
    }
    co_return result<void>();
}

template <bool Mended>
task<result<void>> use_tools(workshop* in) {
    for (int i = 0; i < 3; ++i) {
        auto used = co_await use_tool<Mended>(in);
        if (!used) {
            co_return used;
        }
    }
    co_return result<void>();
}

template <bool Mended>
void stop_between_permit_and_use(sim_test_world& world) {
    auto& in = world.keep<workshop>(world.capacity(2));
    for (std::size_t i = 0; i < 4; ++i) {
        world.start_as("node", tenant_name(i), use_tools<Mended>, &in);
    }
    world.survives_stops();
}

// A reader with a deadline takes an item, and the deadline comes before it has put it away.

struct mail {
    channel<int> letters{8};
    spinlock lock;
    std::deque<int> read;
    int sent = 0;

    void keep(int letter) {
        lock.lock();
        read.push_back(letter);
        lock.unlock();
    }
};

template <bool Mended>
task<result<int>> take_a_letter(mail* in) {
    DRAMA_CO_TRY(const int letter, co_await in->letters.pop());
    if constexpr (Mended) {
        in->keep(letter);  // before the next await
    }
    auto noted = co_await sleep_for(15us);
    if (!noted) {
        co_return fail(noted.error());
    }
    co_return letter;
}

template <bool Mended>
task<result<void>> read_letters(mail* in) {
    for (int i = 0; i < 100; ++i) {
        auto got = co_await with_deadline(40us, take_a_letter<Mended>(in));
        if (!got && got.error() != errc::deadline_exceeded) {
            co_return got.error() == errc::closed ? result<void>() : fail(got.error());
        }
        if (got && !Mended) {
            in->keep(*got);
        }
    }
    co_return result<void>();
}

task<result<void>> send_letters(mail* in) {
    for (int i = 0; i < 5; ++i) {
        auto slept = co_await sleep_for(35us);
        if (!slept) {
            break;
        }
        int letter = i;
        auto sent = in->letters.try_push(std::move(letter));
        in->sent += sent ? 1 : 0;
    }
    in->letters.close();
    co_return result<void>();
}

template <bool Mended>
void drop_what_was_taken(sim_test_world& world) {
    auto& in = world.keep<mail>();
    world.start_as("node", "reader", read_letters<Mended>, &in);
    world.start_as("node", "writer", send_letters, &in);
    world.finally([&in] {
        const auto left = static_cast<int>(in.letters.size());
        return static_cast<int>(in.read.size()) + left == in.sent;
    });
}

// A lock of one's own is handed to the first who waits, who has just given up waiting.

template <bool Mended>
class handed_lock {
  public:
    struct waiter {
        event given;
    };
    task<result<void>> lock(duration most) {
        auto me = std::make_shared<waiter>();
        guard_.lock();
        const bool is_free = !std::exchange(held_, true);
        if (!is_free) {
            line_.push_back(me);
        }
        guard_.unlock();
        if (is_free) {
            co_return result<void>();
        }
        auto given = co_await me->given.wait(most);
        if (!given && leave(me.get())) {
            co_return given;
        }
        co_return result<void>();
    }
    void unlock() {
        std::shared_ptr<waiter> next;
        guard_.lock();
        if (line_.empty()) {
            held_ = false;
        } else {
            next = std::move(line_.front());
            line_.pop_front();
        }
        guard_.unlock();
        if (next != nullptr) {
            next->given.set();
        }
    }

  private:
    // True if the lock was not got: the mended one had it if it stands in the line no more.
    bool leave(const waiter* me) {
        guard_.lock();
        const std::size_t gone =
            std::erase_if(line_, [me](const auto& each) { return each.get() == me; });
        guard_.unlock();
        return !Mended || gone != 0;
    }

    spinlock guard_;
    bool held_ = false;
    std::deque<std::shared_ptr<waiter>> line_;
};

template <bool Mended>
task<result<void>> lock_for_a_while(handed_lock<Mended>* in) {
    for (int i = 0; i < 4; ++i) {
        auto locked = co_await in->lock(30us);
        if (!locked) {
            continue;
        }
        auto used = co_await sleep_for(25us);
        in->unlock();
        if (!used) {
            co_return used;
        }
    }
    co_return result<void>();
}

template <bool Mended>
task<result<void>> lock_in_the_end(handed_lock<Mended>* in) {
    auto slept = co_await sleep_for(100us);
    if (!slept) {
        co_return slept;
    }
    auto locked = co_await in->lock(duration::max());
    if (!locked) {
        co_return locked;
    }
    in->unlock();
    co_return result<void>();
}

template <bool Mended>
void hand_it_to_who_gave_up(sim_test_world& world) {
    auto& in = world.keep<handed_lock<Mended>>();
    for (std::size_t i = 0; i < 3; ++i) {
        world.start_as("node", tenant_name(i), lock_for_a_while<Mended>, &in);
    }
    world.start_as("node", "last", lock_in_the_end<Mended>, &in);
}

// The first who wants a value loads it, the others wait for that: also when it fails.

class shared_load {
  public:
    enum class part { have_it, wait, load };

    part join(std::shared_ptr<event>& waits) {
        lock_.lock();
        const part mine = value_ ? part::have_it : is_loading_ ? part::wait : part::load;
        is_loading_ = is_loading_ || mine == part::load;
        waits = over_;
        lock_.unlock();
        return mine;
    }
    void end(std::optional<int> loaded) {
        lock_.lock();
        value_ = loaded;
        is_loading_ = false;
        const std::shared_ptr<event> told = std::exchange(over_, std::make_shared<event>());
        lock_.unlock();
        told->set();
    }

    std::atomic<int> tries{0};

  private:
    spinlock lock_;
    bool is_loading_ = false;
    std::optional<int> value_;
    std::shared_ptr<event> over_ = std::make_shared<event>();
};

task<result<int>> load(shared_load* in) {
    const duration needs = ++in->tries % 2 == 1 ? 50us : 5us;
    auto slept = co_await sleep_for(needs);
    if (!slept) {
        co_return fail(slept.error());
    }
    co_return 1;
}

template <bool Mended>
task<result<void>> get_loaded(shared_load* in) {
    std::shared_ptr<event> waits;
    const shared_load::part mine = in->join(waits);
    if (mine == shared_load::part::have_it) {
        co_return result<void>();
    }
    if (mine == shared_load::part::wait) {
        co_return co_await waits->wait();
    }
    auto loaded = co_await with_deadline(30us, load(in));
    if (!loaded) {
        if constexpr (Mended) {
            in->end(std::nullopt);
        }
        co_return fail(loaded.error());
    }
    in->end(*loaded);
    co_return result<void>();
}

template <bool Mended>
void tell_nobody_of_the_failure(sim_test_world& world) {
    auto& in = world.keep<shared_load>();
    for (std::size_t i = 0; i < 3; ++i) {
        world.start_as("node", tenant_name(i), get_loaded<Mended>, &in);
    }
}

// A write that was given up half-way leaves its bytes, and the connection is used again.

constexpr std::size_t message_bytes = 64;
using message = std::array<std::byte, message_bytes>;

struct reused {
    tcp_stream* stream = nullptr;
    std::atomic<bool> was_mixed{false};
};

task<result<void>> send_message(tcp_stream* to, int number) {
    message all{};
    all.fill(static_cast<std::byte>(number));
    co_return co_await to->write_all(all);
}

task<result<void>> read_messages(reused* in, tcp_listener* at) {
    DRAMA_CO_TRY(auto stream, co_await at->accept());
    for (;;) {
        message all{};
        std::size_t got = 0;
        while (got < all.size()) {
            DRAMA_CO_TRY(const std::size_t some,
                         co_await stream.read_some(std::span(all).subspan(got)));
            if (some == 0) {
                co_return result<void>();
            }
            got += some;
        }
        for (const std::byte each : all) {
            if (each != all[0]) {
                in->was_mixed = true;
            }
        }
        auto slept = co_await sleep_for(40us);
        if (!slept) {
            co_return slept;
        }
    }
}

template <bool Mended>
task<result<void>> send_messages(endpoint where) {
    DRAMA_CO_TRY(auto stream, co_await tcp_connect(where));
    for (int i = 1; i < 6; ++i) {
        auto sent = co_await with_deadline(50us, send_message(&stream, i));
        if (!sent && sent.error() != errc::deadline_exceeded) {
            co_return sent;
        }
        if (!sent && Mended) {
            co_return result<void>();  // nobody knows what went out
        }
    }
    co_return result<void>();
}

template <bool Mended>
task<result<void>> send_and_read(scope_handle scope, reused* in) {
    endpoint anywhere("127.0.0.1", 0);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(anywhere)));
    DRAMA_CO_TRY(const socket_address at, listener.local());
    auto reader = scope.spawn(read_messages, in, &listener);
    if (!reader) {
        co_return fail(reader.error().code());
    }
    endpoint where("127.0.0.1", endpoint::of(at).port);
    auto sent = co_await send_messages<Mended>(std::move(where));
    auto read = co_await reader->join();
    static_cast<void>(read);
    co_return sent;
}

template <bool Mended>
task<result<void>> run_messages(reused* in) {
    co_return co_await in_scope(send_and_read<Mended>, in);
}

template <bool Mended>
void go_on_after_half_a_write(sim_test_world& world) {
    auto& in = world.keep<reused>();
    world.start("node", run_messages<Mended>, &in);
    world.always([&in] { return !in.was_mixed; });
}

// Whoever connects says so, that others wait; a stop in the middle leaves them waiting.

template <bool Mended>
task<result<void>> connect_or_wait(shared_load* in) {
    std::shared_ptr<event> waits;
    shared_load::part mine = in->join(waits);
    while (mine == shared_load::part::wait) {
        auto told = co_await waits->wait();
        if (!told) {
            co_return told;
        }
        mine = in->join(waits);
    }
    if (mine == shared_load::part::have_it) {
        co_return result<void>();
    }
    auto shaken = co_await sleep_for(30us);
    if (shaken) {
        in->end(1);
    } else if (Mended) {
        in->end(std::nullopt);
    }
    co_return shaken;
}

template <bool Mended>
void stop_while_connecting(sim_test_world& world) {
    auto& in = world.keep<shared_load>();
    for (std::size_t i = 0; i < 3; ++i) {
        world.start_as("node", tenant_name(i), connect_or_wait<Mended>, &in);
    }
    world.survives_stops();
}

constexpr program programs[] = {
    {"StopsBetweenPermitAndUse", stop_between_permit_and_use<false>,
     stop_between_permit_and_use<true>, "dormant_holder orphan"},
    {"DropsWhatWasTaken", drop_what_was_taken<false>, drop_what_was_taken<true>, "invariant"},
    {"HandsItToWhoGaveUp", hand_it_to_who_gave_up<false>, hand_it_to_who_gave_up<true>,
     "orphan late"},
    {"TellsNobodyOfTheFailure", tell_nobody_of_the_failure<false>, tell_nobody_of_the_failure<true>,
     "orphan"},
    {"GoesOnAfterHalfAWrite", go_on_after_half_a_write<false>, go_on_after_half_a_write<true>,
     "invariant"},
    {"StopsWhileConnecting", stop_while_connecting<false>, stop_while_connecting<true>, "orphan"},
};

}  // namespace

std::span<const program> cancel_programs() {
    return programs;
}

}  // namespace drama::hunt
