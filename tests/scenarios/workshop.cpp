// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/workshop.hpp"

#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/sim/sim_world.hpp"

namespace drama::scenarios {
namespace {

task<result<void>> produce(workshop* shop) {
    auto opened = co_await shop->is_open.wait();
    if (!opened) {
        co_return opened;
    }
    for (std::uint64_t number = 0; number < shop->orders_each; ++number) {
        auto ends = oneshot<std::uint64_t>();
        order placed{number, std::move(ends.sender)};
        auto pushed = co_await shop->orders.push(std::move(placed));
        if (!pushed) {
            co_return pushed;
        }
        DRAMA_CO_TRY(const std::uint64_t answer, co_await ends.receiver.receive());
        shop->check(answer == number + 1, "a wrong answer");
        ++shop->answered;
    }
    if (--shop->producing == 0) {
        shop->orders.close();
    }
    co_return result<void>();
}

task<result<void>> read_catalogue(workshop* shop) {
    DRAMA_CO_TRY(auto shared, co_await shop->catalogue.lock_shared());
    ++shop->readers;
    shop->check(shop->writers == 0, "one reads while another writes");
    auto slept = co_await sleep_for(shop->some(100us));
    --shop->readers;
    co_return slept;
}

task<result<void>> write_catalogue(workshop* shop) {
    DRAMA_CO_TRY(auto alone, co_await shop->catalogue.lock());
    ++shop->writers;
    shop->check(shop->writers == 1 && shop->readers == 0, "a writer is not alone");
    auto yielded = co_await yield_now();
    --shop->writers;
    co_return yielded;
}

task<result<void>> use_tools(workshop* shop) {
    const std::size_t wanted = 1 + shop->random.below(shop->tools);
    DRAMA_CO_TRY(auto taken, co_await shop->free_tools.acquire(wanted));
    shop->tools_in_use += wanted;
    shop->check(shop->tools_in_use <= shop->tools, "more tools than there are");
    auto slept = co_await sleep_for(shop->some(200us));
    shop->tools_in_use -= wanted;
    co_return slept;
}

task<result<void>> fit(workshop* shop) {
    for (;;) {
        auto next = co_await shop->orders.pop();
        if (!next) {
            co_return next.error() == errc::closed ? result<void>() : fail(next.error());
        }
        auto used = co_await use_tools(shop);
        if (!used) {
            co_return used;
        }
        if (shop->random.below(3) == 0) {
            auto wrote = co_await write_catalogue(shop);
            if (!wrote) {
                co_return wrote;
            }
        } else {
            auto read = co_await read_catalogue(shop);
            if (!read) {
                co_return read;
            }
        }
        auto sent = next->answer.send(next->number + 1);
        if (!sent) {
            co_return sent;
        }
    }
}

task<void> hurry(workshop* shop) {
    sim::spend(shop->some(20us));
    ++shop->crowd_done;
    co_return;
}

task<result<void>> open_shop(scope_handle tasks, workshop* shop) {
    bool all_there = true;
    for (std::uint64_t i = 0; i < shop->producers; ++i) {
        all_there = tasks.spawn(produce, shop).has_value() && all_there;
    }
    for (std::uint64_t i = 0; i < shop->fitters; ++i) {
        all_there = tasks.spawn(fit, shop).has_value() && all_there;
    }
    auto slept = co_await sleep_for(shop->some(500us));
    if (!slept) {
        co_return slept;
    }
    shop->is_open.set();
    for (std::uint64_t i = 0; i < shop->crowd; ++i) {
        all_there = tasks.spawn(hurry, shop).has_value() && all_there;
    }
    shop->check(all_there, "a child was refused");
    co_return result<void>();
}

}  // namespace

workshop::workshop(std::uint64_t seed)
    : random(seed),
      producers(1 + random.below(4)),
      orders_each(1 + random.below(5)),
      fitters(1 + random.below(3)),
      crowd(4 + random.below(8)),
      tools(1 + random.below(3)),
      orders(1 + random.below(2)),
      free_tools(tools),
      producing(producers) {
}

task<result<void>> run_workshop(workshop* shop) {
    co_return co_await in_scope(open_shop, shop);
}

}  // namespace drama::scenarios
