// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/sim_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "drama/sim/carrier_threads.hpp"
#include "drama/sim/internal/sim_scheduler.hpp"
#include "drama/sim/seed.hpp"

namespace drama {
namespace {

thread_local const thread_body* running_body = nullptr;

// A thread whose step is a function of the test.
class scripted final : public thread_body {
  public:
    scripted(world& in, std::function<instant(scripted&)> act)
        : spot_(in.make_parker()), act_(std::move(act)) {}

    instant step() noexcept override {
        ++steps;
        return act_(*this);
    }
    parker& parked_on() noexcept override { return *spot_; }
    void enter_thread() noexcept override {
        EXPECT_EQ(running_body, nullptr);
        running_body = this;
    }
    void leave_thread() noexcept override {
        EXPECT_EQ(running_body, this);
        running_body = nullptr;
    }
    bool is_finished() const noexcept override { return finished; }
    void unpark() { spot_->unpark(); }

    int steps = 0;
    bool finished = false;
    std::unique_ptr<world_thread> thread;

  private:
    std::unique_ptr<parker> spot_;
    std::function<instant(scripted&)> act_;
};

std::unique_ptr<scripted> start(world& in, std::function<instant(scripted&)> act,
                                thread_role role = thread_role::worker) {
    auto made = std::make_unique<scripted>(in, std::move(act));
    auto thread = in.start_thread(role, *made);
    EXPECT_TRUE(thread);
    made->thread = *std::move(thread);
    return made;
}

instant end(scripted& self) {
    self.finished = true;
    return never;
}

// For bounds that are exact: nothing happens but what the test says.
sim_options exact() {
    sim_options options;
    options.step_cost = {1us, 1us};
    options.wake_delay = {1us, 1us};
    options.preempt_one_in = 0;
    options.clock_tick = 0ns;
    return options;
}

TEST(SimWorld, StepsAThreadUntilItHasFinished) {
    sim_world in(seed_or(1));
    auto body = start(in, [](scripted& self) { return self.steps == 10 ? end(self) : long_ago; });

    in.run_until_idle();

    EXPECT_EQ(body->steps, 10);
    EXPECT_GE(in.thread_cpu_time(), duration::zero());
    EXPECT_GE(body->thread->cpu_time(), 10 * 200ns);
}

TEST(SimWorld, TimeMovesOnlyWhenNobodyIsReady) {
    sim_world in(seed_or(2), exact());
    const instant began = in.clock().now();
    auto body = start(
        in, [&](scripted& self) { return self.steps == 1 ? in.clock().now() + 5s : end(self); });

    in.run_until_idle();

    EXPECT_EQ(in.clock().now() - began, 5s + 2us);  // twice a wake delay
    EXPECT_EQ(in.steps(), 2U);
}

TEST(SimWorld, RunForEndsAtThatVeryInstant) {
    sim_world in(seed_or(3));
    auto body = start(in, [&](scripted& self) {
        return self.steps == 1'000 ? end(self) : in.clock().now() + 1ms;
    });
    const instant began = in.now();

    in.run_for(100ms);

    EXPECT_EQ(in.now() - began, 100ms);
    EXPECT_GT(body->steps, 90);
    EXPECT_LE(body->steps, 101);
    in.run_until_idle();
}

TEST(SimWorld, EveryLookAtTheClockTakesTimeOnTheCpu) {
    sim_options options = exact();
    options.clock_tick = 50ns;
    sim_world in(seed_or(3), options);
    const instant began = in.now();
    auto body = start(in, [&](scripted& self) {
        while (in.clock().now() - began < 1ms) {
        }
        return end(self);
    });

    in.run_until_idle();

    EXPECT_GE(in.now() - began, 1ms);
    EXPECT_LE(in.now() - began, 1ms + 1us);
    EXPECT_GE(body->thread->cpu_time(), 999us);
}

TEST(SimWorld, ManyThreadsShareAnOsThreadAndEachFindsItsOwnPointers) {
    carrier_threads carriers;
    sim_options options;
    options.carriers = &carriers;
    sim_world in(seed_or(3), options);
    const auto act = [](scripted& self) {
        EXPECT_EQ(running_body, &self);
        if (self.steps % 4 == 0) {
            sim::spend(20us);  // others go on, on another OS thread
            EXPECT_EQ(running_body, &self);
        }
        return self.steps == 40 ? end(self) : long_ago;
    };
    std::vector<std::unique_ptr<scripted>> bodies;
    for (const thread_role role : {thread_role::worker, thread_role::blocking,
                                   thread_role::watchdog, thread_role::compute}) {
        bodies.push_back(start(in, act, role));
    }

    in.run_until_idle();

    for (const auto& each : bodies) {
        EXPECT_EQ(each->steps, 40);
    }
    EXPECT_LE(carriers.size(), bodies.size());
    EXPECT_EQ(running_body, nullptr);
}

TEST(SimWorld, ThreadsThatNeverWaitInsideAStepNeedOneOsThread) {
    carrier_threads carriers;
    sim_options options;
    options.carriers = &carriers;
    sim_world in(seed_or(3), options);
    const auto act = [](scripted& self) { return self.steps == 40 ? end(self) : long_ago; };
    const auto worker = start(in, act, thread_role::worker);
    const auto other = start(in, act, thread_role::compute);

    in.run_until_idle();

    EXPECT_EQ(carriers.size(), 1U);
}

TEST(SimWorld, AnUnparkThatComesFirstIsKept) {
    sim_world in(seed_or(4));
    auto body = start(in, [](scripted& self) { return self.steps == 2 ? end(self) : never; });

    body->unpark();
    in.run_until_idle();

    EXPECT_TRUE(body->finished);
}

TEST(SimWorld, AnUnparkEndsALongWait) {
    sim_world in(seed_or(5), exact());
    const instant began = in.clock().now();
    auto sleeper = start(
        in, [&](scripted& self) { return self.steps == 2 ? end(self) : in.clock().now() + 1h; });
    auto waker = start(in, [&](scripted& self) {
        if (self.steps == 1) {
            return in.clock().now() + 1ms;
        }
        sleeper->unpark();
        return end(self);
    });

    in.run_until_idle();

    EXPECT_TRUE(sleeper->finished);
    EXPECT_TRUE(waker->finished);
    EXPECT_LT(in.clock().now() - began, 2ms);
}

TEST(SimWorld, SpendingLetsOthersRunMeanwhile) {
    sim_world in(seed_or(6), exact());
    std::vector<std::string> order;
    auto hog = start(in, [&](scripted& self) {
        order.emplace_back("hog begins");
        sim::spend(50ms);
        order.emplace_back("hog ends");
        return end(self);
    });
    auto other = start(in, [&](scripted& self) {
        if (self.steps == 1) {
            return in.clock().now() + 10ms;
        }
        order.emplace_back("other");
        return end(self);
    });
    const instant began = in.clock().now();

    in.run_until_idle();

    EXPECT_EQ(order, (std::vector<std::string>{"hog begins", "other", "hog ends"}));
    EXPECT_EQ(in.clock().now() - began, 50ms + 1us);
    EXPECT_EQ(hog->thread->cpu_time(), 50ms + 1us);
    EXPECT_EQ(in.burning_max(), 1U);
}

TEST(SimWorld, ASpendingThreadShowsItsCpuTimeToOthers) {
    sim_world in(seed_or(7), exact());
    duration seen{};
    auto hog = start(in, [&](scripted& self) {
        sim::spend(50ms);
        return end(self);
    });
    auto watcher = start(in, [&](scripted& self) {
        if (self.steps == 1) {
            return in.clock().now() + 20ms;
        }
        seen = hog->thread->cpu_time();
        return end(self);
    });

    in.run_until_idle();

    EXPECT_GE(seen, 20ms);
    EXPECT_LT(seen, 21ms);
}

TEST(SimWorld, AParkInsideAStepEndsWithAnUnparkOrInTime) {
    sim_world in(seed_or(8), exact());
    const auto spot = in.make_parker();
    duration unparked{};
    duration timed_out{};
    auto waiter = start(
        in,
        [&](scripted& self) {
            const instant began = in.clock().now();
            spot->park(duration::max());
            unparked = in.clock().now() - began;
            spot->park(3ms);
            timed_out = in.clock().now() - began - unparked;
            return end(self);
        },
        thread_role::blocking);
    auto waker = start(in, [&](scripted& self) {
        if (self.steps == 1) {
            return in.clock().now() + 1ms;
        }
        spot->unpark();
        return end(self);
    });

    in.run_until_idle();

    EXPECT_GE(unparked, 1ms);
    EXPECT_LT(unparked, 2ms);
    EXPECT_EQ(timed_out, 3ms + 1us);
}

TEST(SimWorld, TheOwnersParkRunsTheWorld) {
    sim_world in(seed_or(9), exact());
    const auto spot = in.make_parker();
    auto waker = start(in, [&](scripted& self) {
        if (self.steps == 1) {
            return in.clock().now() + 7ms;
        }
        spot->unpark();
        return end(self);
    });
    const instant began = in.clock().now();

    spot->park(duration::max());

    EXPECT_GE(in.clock().now() - began, 7ms);
    const instant unparked = in.clock().now();
    spot->park(2ms);
    EXPECT_EQ(in.clock().now() - unparked, 2ms);
}

TEST(SimWorld, JoiningRunsTheWorldUntilTheThreadHasEnded) {
    sim_world in(seed_or(10));
    auto body = start(in, [&](scripted& self) {
        if (self.steps < 5) {
            return in.clock().now() + 1ms;
        }
        sim::spend(1ms);
        return end(self);
    });

    body->thread.reset();

    EXPECT_TRUE(body->finished);
}

TEST(SimWorld, AThreadMayJoinAnother) {
    sim_world in(seed_or(11));
    auto child = start(
        in, [&](scripted& self) { return self.steps < 5 ? in.clock().now() + 1ms : end(self); });
    bool ended_first = false;
    auto parent = start(in, [&](scripted& self) {
        child->thread.reset();
        ended_first = child->finished;
        return end(self);
    });

    in.run_until_idle();

    EXPECT_TRUE(ended_first);
}

TEST(SimWorld, ThreadsBeyondTheLimitAreRefused) {
    sim_world in(seed_or(12));
    auto first = start(in, end);
    in.fail_threads_after(1);
    scripted second(in, end);

    const auto refused = in.start_thread(thread_role::compute, second);

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), errc::thread_unavailable);
    in.run_until_idle();
}

TEST(SimWorld, AFaultThatFiresIsAnEvent) {
    const auto run = [](bool breaks) {
        sim_options options = exact();
        options.keep_events = true;
        sim_world in(seed_or(1), options);
        if (breaks) {
            in.faults().add({.kind = fault_kind::thread_unavailable, .site = "thread.compute"});
        }
        auto worker = start(in, end);
        scripted body(in, end);
        auto refused = in.start_thread(thread_role::compute, body);
        EXPECT_EQ(refused.has_value(), !breaks);
        if (!breaks) {
            body.thread = *std::move(refused);
        } else {
            EXPECT_EQ(refused.error(), errc::thread_unavailable);
            EXPECT_EQ(in.faults().fired(fault_kind::thread_unavailable), 1U);
        }
        EXPECT_EQ(in.faults().asked(fault_kind::thread_unavailable), 2U);
        in.run_until_idle();
        return std::ranges::count(in.kept_events(), sim_event::fault, &sim_event_record::what);
    };

    EXPECT_EQ(run(false), 0);
    EXPECT_EQ(run(true), 1);
}

TEST(SimWorld, CodeThatASimulatedThreadRunsAsksItsWorldsPlan) {
    sim_world in(seed_or(1));
    in.faults().add({.kind = fault_kind::user, .when = nth(2), .site = "cache"});
    std::vector<bool> answers;
    auto body = start(in, [&](scripted& self) {
        answers.push_back(fault_point("cache.fill"));
        return self.steps == 3 ? end(self) : long_ago;
    });

    in.run_until_idle();

    EXPECT_EQ(answers, (std::vector<bool>{false, true, false}));
    EXPECT_FALSE(fault_point("cache.fill")) << "the owner is in no world";
}

TEST(SimWorld, OneStepThatDoesNotWaitCostsNoOsThread) {
    carrier_threads carriers;
    sim_options options;
    options.carriers = &carriers;
    sim_world in(seed_or(13), options);
    std::vector<std::unique_ptr<scripted>> bodies;
    for (int i = 0; i < 20; ++i) {
        bodies.push_back(
            start(in, [](scripted& self) { return self.steps == 50 ? end(self) : long_ago; }));
    }

    in.run_until_idle();

    EXPECT_EQ(in.steps(), 20U * 50U);
    EXPECT_EQ(carriers.size(), 1U);
}

// Threads that park, unpark each other at random, spend and wait inside steps.
std::uint64_t run_crowd(std::uint64_t seed, carrier_threads* carriers, int rounds,
                        std::vector<sim_event_record>* kept = nullptr) {
    sim_options options;
    options.carriers = carriers;
    options.keep_events = kept != nullptr;
    sim_world in(seed, options);
    std::vector<std::unique_ptr<scripted>> crowd;
    prng user(seed);
    for (int i = 0; i < 6; ++i) {
        crowd.push_back(start(
            in,
            [&, rounds](scripted& self) {
                if (self.steps >= rounds) {
                    return end(self);
                }
                in.note(user.next());
                switch (user.below(8)) {
                    case 0:
                        sim::spend(duration(user.below(100'000)));
                        return long_ago;
                    case 1:
                        sim::block(duration(user.below(100'000)));
                        return long_ago;
                    case 2:
                        return in.clock().now() + duration(user.below(1'000'000));
                    default:
                        crowd[user.below(crowd.size())]->unpark();
                        return in.clock().now() + 50us;
                }
            },
            i % 2 == 0 ? thread_role::worker : thread_role::compute));
    }
    in.run_until_idle();
    for (const auto& each : crowd) {
        EXPECT_TRUE(each->finished);
    }
    if (kept != nullptr) {
        *kept = in.kept_events();
    }
    return in.event_hash();
}

TEST(SimWorld, TheSameSeedGivesTheSameRun) {
    carrier_threads shared;
    const std::uint64_t first = seed_or(100);
    std::vector<std::uint64_t> hashes;
    for (std::uint64_t seed = first; seed < first + 50; ++seed) {
        const std::uint64_t once = run_crowd(seed, &shared, 40);
        ASSERT_EQ(once, run_crowd(seed, &shared, 40)) << replay_line(seed);
        ASSERT_EQ(once, run_crowd(seed, nullptr, 40)) << replay_line(seed);
        hashes.push_back(once);
    }
    std::ranges::sort(hashes);
    EXPECT_EQ(std::ranges::unique(hashes).size(), 0U) << "different seeds, the same run";
}

TEST(SimWorld, KeptEventsAreTheRun) {
    std::vector<sim_event_record> once;
    std::vector<sim_event_record> again;

    run_crowd(seed_or(7), nullptr, 30, &once);
    run_crowd(seed_or(7), nullptr, 30, &again);

    EXPECT_GT(once.size(), 100U);
    EXPECT_EQ(once, again);
}

TEST(SimWorld, AnyNoteChangesTheHash) {
    sim_world one(1);
    sim_world other(1);

    one.note(1);
    other.note(2);

    EXPECT_NE(one.event_hash(), other.event_hash());
}

// As unfair as can be: whoever started first. Nothing takes time.
class always_the_first final : public random_walk {
  public:
    always_the_first() noexcept : random_walk(1) {}
    std::size_t choose(std::span<internal::sim_thread* const> ready) noexcept override {
        const auto first = std::ranges::min_element(ready, {}, &internal::sim_thread::id);
        return static_cast<std::size_t>(first - ready.begin());
    }
    std::int64_t delay_ns(schedule_delay, const internal::sim_thread&,
                          const duration_range&) noexcept override {
        return 0;
    }
    bool preempts(const internal::sim_thread&, std::uint32_t) noexcept override { return false; }
};

TEST(SimWorld, NobodyIsPassedOverMoreOftenThanTheBoundSays) {
    always_the_first unfair;
    sim_options options;
    options.strategy = &unfair;
    sim_world in(seed_or(1), options);
    bool is_over = false;
    int since = 0;
    std::vector<int> passed_over;
    auto spins = start(in, [&](scripted& self) {
        ++since;
        return is_over ? end(self) : long_ago;
    });
    auto waits = start(in, [&](scripted& self) {
        passed_over.push_back(std::exchange(since, 0));
        is_over = self.steps == 5;
        return is_over ? end(self) : long_ago;
    });

    in.run_until_idle();

    EXPECT_EQ(passed_over, std::vector<int>(5, 1'000));
}

TEST(SimWorld, AWorldThatCalmsDownIsFair) {
    always_the_first unfair;
    sim_options options;
    options.strategy = &unfair;
    sim_world in(seed_or(1), options);
    in.calm_down();
    bool is_over = false;
    auto spins = start(in, [&](scripted& self) { return is_over ? end(self) : long_ago; });
    auto waits = start(in, [&](scripted& self) {
        is_over = self.steps == 1'000;
        return is_over ? end(self) : long_ago;
    });

    in.run_until_idle();

    EXPECT_LT(spins->steps, 10'000);
}

TEST(SimWorldDeathTest, WorldsOfOneThreadEndInTheReverseOrderOfTheirMaking) {
    EXPECT_DEATH(
        {
            auto one = std::make_unique<sim_world>(1);
            const sim_world other(2);
            one.reset();
        },
        "reverse order of their making");
}

TEST(SimWorldDeathTest, AnOwnerThatWaitsForNothingIsToldSo) {
    EXPECT_DEATH(
        {
            sim_world in(1);
            in.make_parker()->park(duration::max());
        },
        "deadlock");
}

TEST(Seed, IsReadInEveryForm) {
    EXPECT_EQ(parse_seed("17"), 17U);
    EXPECT_EQ(parse_seed("0x11"), 17U);
    EXPECT_EQ(parse_seed("v1:11"), 17U);
    EXPECT_EQ(parse_seed(seed_token(~std::uint64_t{0})), ~std::uint64_t{0});
    EXPECT_FALSE(parse_seed(""));
    EXPECT_FALSE(parse_seed("v1:"));
    EXPECT_FALSE(parse_seed("v2:11"));
    EXPECT_FALSE(parse_seed("17x"));
    EXPECT_FALSE(parse_seed("-1"));
}

}  // namespace
}  // namespace drama
