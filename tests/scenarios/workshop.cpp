// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/workshop.hpp"

#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/sim/sim_world.hpp"

namespace drama::scenarios {
namespace {

task<result<void>> produce(workshop* shop, std::uint64_t who) {
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
        shop->note(who);
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
    auto slept = co_await sleep_for(shop->some(300us));
    --shop->readers;
    co_return slept;
}

task<result<void>> write_catalogue(workshop* shop) {
    DRAMA_CO_TRY(auto alone, co_await shop->catalogue.lock());
    ++shop->writers;
    shop->check(shop->writers == 1 && shop->readers == 0, "a writer is not alone");
    auto slept = co_await sleep_for(shop->some(100us));
    --shop->writers;
    co_return slept;
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

task<result<void>> fit(workshop* shop, std::uint64_t who) {
    for (;;) {
        auto next = co_await shop->orders.pop();
        shop->note(who);
        if (!next) {
            co_return next.error() == errc::closed ? result<void>() : fail(next.error());
        }
        auto used = co_await use_tools(shop);
        if (!used) {
            co_return used;
        }
        if (shop->random.below(2) == 0) {
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

int press(duration cost) {
    sim::spend(cost);
    return 1;
}

// One in three needs a CPU for long.
task<void> hurry(workshop* shop, std::uint64_t who) {
    if (who % 3 == 0) {
        auto pressed = co_await compute(press, shop->some(2ms));
        shop->check(pressed.has_value(), "a compute call failed");
    } else {
        sim::spend(shop->some(20us));
    }
    shop->note(who);
    ++shop->crowd_done;
}

task<result<void>> open_shop(scope_handle tasks, workshop* shop) {
    bool all_there = true;
    for (std::uint64_t i = 0; i < shop->producers; ++i) {
        all_there = tasks.spawn(produce, shop, i).has_value() && all_there;
    }
    for (std::uint64_t i = 0; i < shop->fitters; ++i) {
        all_there = tasks.spawn(fit, shop, 100 + i).has_value() && all_there;
    }
    auto slept = co_await sleep_for(shop->some(500us));
    if (!slept) {
        co_return slept;
    }
    shop->is_open.set();
    for (std::uint64_t i = 0; i < shop->crowd; ++i) {
        all_there = tasks.spawn(hurry, shop, 200 + i).has_value() && all_there;
    }
    shop->check(all_there, "a child was refused");
    co_return result<void>();
}

}  // namespace

workshop::workshop(std::uint64_t seed)
    : random(seed),
      producers(2 + random.below(5)),
      orders_each(1 + random.below(4)),
      fitters(2 + random.below(4)),
      crowd(4 + random.below(12)),
      tools(2 + random.below(4)),
      orders(1 + random.below(2)),
      free_tools(tools),
      producing(producers) {
}

task<result<void>> run_workshop(workshop* shop) {
    co_return co_await in_scope(open_shop, shop);
}

}  // namespace drama::scenarios
