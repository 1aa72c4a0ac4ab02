// SPDX-License-Identifier: Apache-2.0
// Small worlds around what passes values and signals: nothing is lost, nothing comes twice, and a
// close reaches everybody.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/sim/explore/sim_test.hpp"
#include "drama/sync/broadcast.hpp"
#include "drama/sync/channel.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/oneshot.hpp"

namespace drama {
namespace {

struct line {
    explicit line(std::size_t capacity, std::size_t pushers) : items(capacity), pushing(pushers) {}
    channel<int> items;
    std::size_t pushing;
    std::vector<int> came;
};

task<result<void>> push_some(line* into, int first, int count) {
    for (int i = 0; i != count; ++i) {
        auto pushed = co_await into->items.push(first + i);
        if (!pushed) {
            co_return pushed;
        }
    }
    if (--into->pushing == 0) {
        into->items.close();
    }
    co_return result<void>();
}

task<result<void>> pop_all(line* from) {
    for (;;) {
        auto next = co_await from->items.pop();
        if (!next) {
            EXPECT_EQ(next.error(), errc::closed);
            co_return result<void>();
        }
        from->came.push_back(*next);
    }
}

DRAMA_SIM_TEST(ChannelScenario, EveryValueComesOnceAndInItsPushersOrder) {
    const std::size_t pushers = world.capacity(4);
    auto& through = world.keep<line>(world.capacity(4), pushers);
    const int count = static_cast<int>(world.capacity(8));
    for (std::size_t i = 0; i != pushers; ++i) {
        world.start_as("node", "pusher " + std::to_string(i), push_some, &through,
                       static_cast<int>(i) * 100, count);
    }
    const std::size_t poppers = world.capacity(3);
    for (std::size_t i = 0; i != poppers; ++i) {
        world.start_as("node", "poppers", pop_all, &through);
    }
    world.always([&through] { return through.items.size() <= through.items.capacity(); });
    world.finally([&through, pushers, count, poppers] {
        EXPECT_EQ(through.came.size(), pushers * static_cast<std::size_t>(count));
        std::vector<int> last(pushers, -1);
        for (const int each : through.came) {
            int& before = last[static_cast<std::size_t>(each / 100)];
            EXPECT_TRUE(poppers > 1 || each % 100 > before) << "out of order";
            before = each % 100;
        }
    });
}

struct ring {
    explicit ring(std::size_t capacity) : there(capacity), back(capacity) {}
    channel<int> there;
    channel<int> back;
    int rounds = 0;
};

task<result<void>> ask(ring* in, int times) {
    for (int i = 0; i != times; ++i) {
        auto asked = co_await in->there.push(i);
        if (!asked) {
            co_return asked;
        }
        DRAMA_CO_TRY(const int answer, co_await in->back.pop());
        EXPECT_EQ(answer, i + 1);
        ++in->rounds;
    }
    in->there.close();
    co_return result<void>();
}

task<result<void>> answer(ring* in) {
    for (;;) {
        auto asked = co_await in->there.pop();
        if (!asked) {
            co_return result<void>();
        }
        auto answered = co_await in->back.push(*asked + 1);
        if (!answered) {
            co_return answered;
        }
    }
}

DRAMA_SIM_TEST(ChannelScenario, TwoChannelsCarryQuestionsAndAnswers) {
    auto& in = world.keep<ring>(world.capacity(2));
    const int times = static_cast<int>(world.capacity(10));
    world.start_as("node", "asking", ask, &in, times);
    world.start_as("node", "answering", answer, &in);
    world.finally([&in, times] { EXPECT_EQ(in.rounds, times); });
}

task<result<void>> pop_impatiently(line* from, duration patience) {
    for (;;) {
        auto next = co_await from->items.pop(patience);
        if (next) {
            from->came.push_back(*next);
        } else if (next.error() != errc::deadline_exceeded) {
            EXPECT_EQ(next.error(), errc::closed);
            co_return result<void>();
        }
    }
}

task<result<void>> push_slowly(line* into, int count, duration pause) {
    for (int i = 0; i != count; ++i) {
        auto slept = co_await sleep_for(pause);
        auto pushed = co_await into->items.push(i);
        if (!slept || !pushed) {
            co_return pushed;
        }
    }
    into->items.close();
    co_return result<void>();
}

DRAMA_SIM_TEST(ChannelScenario, AValueThatMeetsADeadlineIsNotLost) {
    auto& through = world.keep<line>(world.capacity(2), 1);
    const int count = static_cast<int>(world.capacity(8));
    const duration pause(10us + 5us * static_cast<int>(world.random().below(10)));
    world.start_as("node", "slow", push_slowly, &through, count, pause);
    world.start_as("node", "hasty", pop_impatiently, &through, pause);
    world.start_as("node", "hasty", pop_impatiently, &through, pause + 3us);
    world.finally(
        [&through, count] { EXPECT_EQ(through.came.size(), static_cast<std::size_t>(count)); });
}

struct promise_desk {
    int answered = 0;
    int dropped = 0;
    int late = 0;
};

task<result<void>> keep_promise(oneshot_sender<int> sender, duration after, bool keeps) {
    auto slept = co_await sleep_for(after);
    if (slept && keeps) {
        co_return sender.send(7);
    }
    co_return slept;
}

task<result<void>> wait_for_promise(promise_desk* at, oneshot_receiver<int> receiver,
                                    duration patience) {
    auto got = co_await receiver.receive(patience);
    if (!got && got.error() == errc::deadline_exceeded) {
        ++at->late;
        auto once_more = co_await receiver.receive();
        at->answered += once_more ? 1 : 0;
        at->dropped += once_more ? 0 : 1;
        co_return result<void>();
    }
    at->answered += got ? 1 : 0;
    at->dropped += got ? 0 : 1;
    EXPECT_TRUE(got ? *got == 7 : got.error() == errc::closed);
    co_return result<void>();
}

DRAMA_SIM_TEST(ChannelScenario, AOneshotIsAnsweredOrDroppedAndNeverBoth) {
    auto& at = world.keep<promise_desk>();
    const int pairs = static_cast<int>(world.capacity(5));
    int kept = 0;
    for (int i = 0; i != pairs; ++i) {
        auto ends = oneshot<int>();
        const bool keeps = world.random().below(3) != 0;
        kept += keeps ? 1 : 0;
        const duration after(static_cast<int>(world.random().below(60)) * 1us);
        world.start_as("node", "senders", keep_promise, std::move(ends.sender), after, keeps);
        world.start_as("node", "receivers", wait_for_promise, &at, std::move(ends.receiver),
                       duration(30us));
    }
    world.finally([&at, pairs, kept] {
        EXPECT_EQ(at.answered, kept);
        EXPECT_EQ(at.dropped, pairs - kept);
    });
}

struct station {
    explicit station(std::size_t capacity) : news(capacity) {}
    broadcast<int> news;
    std::uint64_t heard = 0;
};

task<result<void>> send_news(station* from, int count) {
    for (int i = 0; i != count; ++i) {
        auto sent = from->news.send(i);
        auto slept = co_await sleep_for(duration(7us) * (i % 4));
        if (!sent || !slept) {
            co_return sent;
        }
    }
    from->news.close();
    co_return result<void>();
}

task<result<void>> hear_news(station* at, broadcast_receiver<int> mine, std::uint64_t count) {
    std::uint64_t seen = 0;
    int last = -1;
    for (;;) {
        auto next = co_await mine.next();
        if (!next) {
            EXPECT_EQ(next.error(), errc::closed);
            EXPECT_EQ(seen, count) << "heard and lost make up all that was sent";
            co_return result<void>();
        }
        EXPECT_GT(next->value, last);
        last = next->value;
        seen += 1 + next->lagged;
        ++at->heard;
        auto slept = co_await sleep_for(11us);
        EXPECT_TRUE(slept);
    }
}

DRAMA_SIM_TEST(ChannelScenario, ABroadcastTellsHowMuchASlowReceiverLost) {
    auto& at = world.keep<station>(world.capacity(4));
    const std::size_t count = world.capacity(12);
    const std::size_t receivers = world.capacity(3);
    for (std::size_t i = 0; i != receivers; ++i) {
        world.start_as("node", "listeners", hear_news, &at, at.news.subscribe(),
                       static_cast<std::uint64_t>(count));
    }
    world.start_as("node", "station", send_news, &at, static_cast<int>(count));
    world.finally([&at, receivers] { EXPECT_GE(at.heard, receivers); });
}

struct gate {
    event open;
    auto_reset_event next;
    int through = 0;
    int served = 0;
};

task<result<void>> pass_gate(gate* at) {
    auto waited = co_await at->open.wait();
    at->through += waited ? 1 : 0;
    auto turn = co_await at->next.wait();
    ++at->served;
    at->next.set();
    co_return turn;
}

task<result<void>> open_gate(gate* at, duration after) {
    auto slept = co_await sleep_for(after);
    EXPECT_EQ(at->through, 0);
    at->open.set();
    at->next.set();
    co_return slept;
}

DRAMA_SIM_TEST(ChannelScenario, EventsWakeAllOrOneAtATime) {
    auto& at = world.keep<gate>();
    const int crowd = static_cast<int>(world.capacity(6));
    for (int i = 0; i != crowd; ++i) {
        world.start_as("node", "crowd " + std::to_string(i % 2), pass_gate, &at);
    }
    world.start_as("node", "keeper", open_gate, &at, duration(40us));
    world.finally([&at, crowd] {
        EXPECT_EQ(at.through, crowd);
        EXPECT_EQ(at.served, crowd);
    });
}

}  // namespace
}  // namespace drama
