// SPDX-License-Identifier: Apache-2.0
// A timer is armed, disarmed and fired by three threads: it fires or is disarmed, never both, and
// whoever waited for it may destroy it.
#include <gtest/gtest.h>

#include <memory>

#include "drama/runtime/core/timer_wheel_body.hpp"
#include "tests/model/primitive.hpp"

namespace drama {
namespace {

using wheel = basic_timer_wheel<check::atomics>;
using node = basic_timer_node<check::atomics>;

constexpr instant begin = instant(duration(1'000'000));
constexpr instant due = begin + duration(1);
constexpr instant later = begin + duration(100'000'000);

enum class twin { none, destroys_without_waiting, touches_after_firing, relaxed_last_touch };

template <twin Is>
struct owner : node {
    check::plain<int> fired{0};
    check::plain<int>* report = nullptr;

    static void on_fire(node& timer) noexcept {
        auto& me = static_cast<owner&>(timer);
        ++me.fired;
        timer.firing.store(false, Is == twin::relaxed_last_touch ? std::memory_order_relaxed
                                                                 : std::memory_order_release);
        if (Is == twin::touches_after_firing) {
            ++me.fired;
        }
    }
};

struct as_host {
    bool disarm(node& timer) { return wheel::disarm(timer); }
};

template <twin Is>
void disarm(node& timer) {
    as_host host;
    if (Is == twin::destroys_without_waiting) {
        host.disarm(timer);
    } else {
        disarm_and_wait(host, timer);
    }
}

// The owner arms a timer that is due, gives it up and destroys it; the core's holder fires.
template <twin Is>
void fired_meanwhile(check::run& run) {
    const auto timers = std::make_unique<wheel>(begin);
    run.threads(check::named{"owner",
                             [&] {
                                 owner<Is> timer;
                                 timer.when = due;
                                 timer.fire = &owner<Is>::on_fire;
                                 timers->arm(timer);
                                 disarm<Is>(timer);
                             }},
                check::named{"holder", [&] { timers->fire_due(later); }});
    run.require(timers->size() == 0, "no timer is left");
}

// Somebody else disarms it, while it is armed or before; the outcome must be one thing.
template <twin Is>
void stopped_meanwhile(check::run& run) {
    const auto timers = std::make_unique<wheel>(begin);
    owner<Is> timer;
    timer.when = due;
    timer.fire = &owner<Is>::on_fire;
    bool armed = false;
    bool disarmed = false;
    std::size_t fired = 0;
    run.threads(check::named{"owner", [&] { armed = timers->arm(timer); }},
                check::named{"stopper", [&] { disarmed = wheel::disarm(timer); }},
                check::named{"holder", [&] { fired = timers->fire_due(later); }});
    fired += timers->fire_due(later);
    run.require(!disarmed || armed, "what is disarmed was armed");
    run.require(fired + (disarmed ? 1 : 0) == (armed ? 1U : 0U), "it fires, or is disarmed");
    run.require(timer.fired.read() == static_cast<int>(fired), "it fires once");
    run.require(timers->next_expiry() == never, "nothing is expected");
}

TEST(TimerProtocol, FiresOrIsDisarmed) {
    const auto found = check::explore({.preemptions = 3}, stopped_meanwhile<twin::none>);

    EXPECT_TRUE(found.passed()) << found;
}

TEST(TimerProtocol, LetsItsOwnerDestroyIt) {
    const auto found =
        check::explore({.preemptions = check::unbounded}, fired_meanwhile<twin::none>);

    EXPECT_TRUE(found.passed()) << found;
    EXPECT_TRUE(found.is_complete);
}

TEST(TimerProtocol, WouldFireATimerThatIsGone) {
    const auto found =
        check::explore({.preemptions = 3}, fired_meanwhile<twin::destroys_without_waiting>);

    EXPECT_TRUE(found.failed());
}

TEST(TimerProtocol, WouldTouchATimerThatIsGone) {
    const auto found =
        check::explore({.preemptions = 3}, fired_meanwhile<twin::touches_after_firing>);

    EXPECT_TRUE(found.failed());
}

TEST(TimerProtocol, NeedsTheReleaseOfItsLastTouch) {
    const auto found =
        check::explore({.preemptions = 3}, fired_meanwhile<twin::relaxed_last_touch>);

    EXPECT_TRUE(found.failed());
}

TEST(TimerProtocol, NeedsItsOrders) {
    const auto audited = check::audit({.preemptions = 2}, stopped_meanwhile<twin::none>);

    EXPECT_TRUE(testing::notices(audited, "timer_wheel_body.hpp", "release"))
        << "of arm(): " << testing::unneeded(audited);
    EXPECT_TRUE(testing::notices(audited, "timer_wheel_body.hpp", "acquire"))
        << "of disarm(): " << testing::unneeded(audited);
}

}  // namespace
}  // namespace drama
