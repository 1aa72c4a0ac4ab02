// SPDX-License-Identifier: Apache-2.0
// What C++ allows is found, what it forbids is not; and what a search says about it.
#include "drama/check/explore.hpp"

#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace drama::check {
namespace {

using order = std::memory_order;
using pair = std::pair<int, int>;

const explore_options all_orders{.preemptions = unbounded};

// The outcomes of a program of two loads.
template <class Program>
std::set<pair> outcomes(Program program, explore_options options = all_orders) {
    std::set<pair> seen;
    const verdict found = explore(options, [&](run& now) { seen.insert(program(now)); });
    EXPECT_TRUE(found.passed()) << found;
    return seen;
}

auto store_buffering(order stores, order loads) {
    return [=](run& now) {
        atomic<int> x{0};
        atomic<int> y{0};
        pair read;
        now.threads(
            [&] {
                x.store(1, stores);
                read.first = y.load(loads);
            },
            [&] {
                y.store(1, stores);
                read.second = x.load(loads);
            });
        return read;
    };
}

TEST(Memory, LetsStoresWaitUnlessTheyAreSequentiallyConsistent) {
    const std::set<pair> weak{{0, 0}, {0, 1}, {1, 0}, {1, 1}};
    const std::set<pair> strong{{0, 1}, {1, 0}, {1, 1}};

    EXPECT_EQ(outcomes(store_buffering(order::release, order::acquire)), weak);
    EXPECT_EQ(outcomes(store_buffering(order::seq_cst, order::acquire)), weak);
    EXPECT_EQ(outcomes(store_buffering(order::seq_cst, order::seq_cst)), strong);
}

TEST(Memory, OrdersBySequentiallyConsistentFences) {
    const auto fenced = [](order by) {
        return [by](run& now) {
            atomic<int> x{0};
            atomic<int> y{0};
            pair read;
            now.threads(
                [&] {
                    x.store(1, order::relaxed);
                    atomics::fence(by);
                    read.first = y.load(order::relaxed);
                },
                [&] {
                    y.store(1, order::relaxed);
                    atomics::fence(by);
                    read.second = x.load(order::relaxed);
                });
            return read;
        };
    };

    EXPECT_FALSE(outcomes(fenced(order::seq_cst)).contains({0, 0}));
    EXPECT_TRUE(outcomes(fenced(order::acq_rel)).contains({0, 0}));
}

TEST(Memory, FencesEverywhereForThreadsThatDoNot) {
    const auto asymmetric = [](bool has_barrier) {
        return [has_barrier](run& now) {
            atomic<int> x{0};
            atomic<int> y{0};
            pair read;
            now.threads(
                [&] {
                    x.store(1, order::relaxed);
                    read.first = y.load(order::relaxed);
                },
                [&] {
                    y.store(1, order::relaxed);
                    if (has_barrier) {
                        fence_everywhere();
                    }
                    read.second = x.load(order::relaxed);
                });
            return read;
        };
    };

    EXPECT_FALSE(outcomes(asymmetric(true)).contains({0, 0}));
    EXPECT_TRUE(outcomes(asymmetric(false)).contains({0, 0}));
}

auto message(order stores, order loads) {
    return [=](run& now) {
        atomic<int> data{0};
        atomic<int> flag{0};
        pair read;
        now.threads(
            [&] {
                data.store(1, order::relaxed);
                flag.store(1, stores);
            },
            [&] {
                read.first = flag.load(loads);
                read.second = data.load(order::relaxed);
            });
        return read;
    };
}

TEST(Memory, PassesOnWhatWasReleasedToWhoAcquires) {
    EXPECT_FALSE(outcomes(message(order::release, order::acquire)).contains({1, 0}));
    EXPECT_TRUE(outcomes(message(order::relaxed, order::acquire)).contains({1, 0}));
    EXPECT_TRUE(outcomes(message(order::release, order::relaxed)).contains({1, 0}));
}

TEST(Memory, PassesOnByFences) {
    const auto found = outcomes([](run& now) {
        atomic<int> data{0};
        atomic<int> flag{0};
        pair read;
        now.threads(
            [&] {
                data.store(1, order::relaxed);
                atomics::fence(order::release);
                flag.store(1, order::relaxed);
            },
            [&] {
                read.first = flag.load(order::relaxed);
                atomics::fence(order::acquire);
                read.second = data.load(order::relaxed);
            });
        return read;
    });

    EXPECT_EQ(found, (std::set<pair>{{0, 0}, {0, 1}, {1, 1}}));
}

TEST(Memory, CarriesAReleaseOnThroughReadModifyWrites) {
    const auto passed_on = [](bool by_store) {
        return [by_store](run& now) {
            atomic<int> data{0};
            atomic<int> flag{0};
            pair read;
            now.threads(
                [&] {
                    data.store(1, order::relaxed);
                    flag.store(1, order::release);
                },
                [&] {
                    if (by_store) {
                        if (flag.load(order::relaxed) == 1) {
                            flag.store(2, order::relaxed);
                        }
                    } else {
                        int one = 1;
                        flag.compare_exchange_strong(one, 2, order::relaxed);
                    }
                },
                [&] {
                    read.first = flag.load(order::acquire);
                    read.second = data.load(order::relaxed);
                });
            return read;
        };
    };

    EXPECT_FALSE(outcomes(passed_on(false)).contains({2, 0}));
    EXPECT_TRUE(outcomes(passed_on(true)).contains({2, 0}));
}

TEST(Memory, NeverGoesBackInOneObject) {
    const auto found = outcomes([](run& now) {
        atomic<int> x{0};
        pair read;
        now.threads([&] { x.store(1, order::relaxed); },
                    [&] {
                        read.first = x.load(order::relaxed);
                        read.second = x.load(order::relaxed);
                    });
        return read;
    });

    EXPECT_EQ(found, (std::set<pair>{{0, 0}, {0, 1}, {1, 1}}));
}

// Two readers may disagree about the order of two independent stores, unless all is sequentially
// consistent.
TEST(Memory, AgreesOnOneOrderOnlyWhenAskedTo) {
    const auto disagree = [](order stores, order loads) {
        bool seen = false;
        const verdict found = explore(all_orders, [&](run& now) {
            atomic<int> x{0};
            atomic<int> y{0};
            pair left;
            pair right;
            now.threads([&] { x.store(1, stores); }, [&] { y.store(1, stores); },
                        [&] {
                            left.first = x.load(loads);
                            left.second = y.load(loads);
                        },
                        [&] {
                            right.first = y.load(loads);
                            right.second = x.load(loads);
                        });
            seen = seen || (left == pair{1, 0} && right == pair{1, 0});
        });
        EXPECT_TRUE(found.is_complete);
        return seen;
    };

    EXPECT_TRUE(disagree(order::release, order::acquire));
    EXPECT_FALSE(disagree(order::seq_cst, order::seq_cst));
}

TEST(Memory, LosesNoReadModifyWrite) {
    const auto found = explore(all_orders, [](run& now) {
        atomic<int> count{0};
        const auto twice = [&] {
            count.fetch_add(1, order::relaxed);
            int seen = count.load(order::relaxed);
            while (!count.compare_exchange_weak(seen, seen + 1, order::relaxed)) {
            }
        };
        now.threads(twice, twice);
        now.require(count.load() == 4, "four in all");
    });

    EXPECT_TRUE(found.passed()) << found;
    EXPECT_TRUE(found.is_complete);
}

TEST(Explore, FindsADataRace) {
    const auto published = [](order stores, order loads) {
        return explore([=](run& now) {
            atomic<bool> ready{false};
            plain<int> data{0};
            now.threads(named{"writer",
                              [&] {
                                  data = 1;
                                  ready.store(true, stores);
                              }},
                        named{"reader", [&] {
                                  if (ready.load(loads)) {
                                      now.require(data.read() == 1, "the data is there");
                                  }
                              }});
        });
    };

    EXPECT_TRUE(published(order::release, order::acquire).passed());
    const verdict relaxed = published(order::relaxed, order::acquire);
    EXPECT_TRUE(relaxed.failure.starts_with("reader: data race: reads what writer writes"))
        << relaxed;
    EXPECT_TRUE(published(order::release, order::relaxed).failed());
}

TEST(Explore, FindsADestructionThatNobodyWaitedFor) {
    const auto freed = [](order last) {
        return explore([=](run& now) {
            now.threads([] {});
            auto shared = std::make_unique<atomic<int>>(2);
            atomic<int>& count = *shared;
            const auto drop = [&] {
                if (count.fetch_sub(1, last) == 1) {
                    shared.reset();
                }
            };
            now.threads(drop, drop);
        });
    };

    EXPECT_TRUE(freed(order::acq_rel).passed());
    EXPECT_NE(freed(order::release).failure.find("destroys an atomic"), std::string::npos);
}

TEST(Explore, FindsThatNobodyCanGoOn) {
    const verdict found = explore([](run& now) {
        atomic<bool> left{false};
        atomic<bool> right{false};
        const auto lock_both = [](atomic<bool>& first, atomic<bool>& second) {
            for (atomic<bool>* each : {&first, &second}) {
                while (each->exchange(true)) {
                    atomics::yield();
                }
            }
            second.store(false);
            first.store(false);
        };
        now.threads(named{"one", [&] { lock_both(left, right); }},
                    named{"other", [&] { lock_both(right, left); }});
    });

    EXPECT_TRUE(found.failure.starts_with("nobody can go on: one spins")) << found;
    EXPECT_EQ(found.preemptions, 1U);
}

TEST(Explore, FindsALostNotification) {
    const auto waits = [](bool notifies) {
        return explore([=](run& now) {
            atomic<int> ready{0};
            now.threads([&] { ready.wait(0); },
                        [&] {
                            ready.store(1);
                            if (notifies) {
                                ready.notify_one();
                            }
                        });
            now.require(ready.load() == 1, "it is ready");
        });
    };

    EXPECT_TRUE(waits(true).passed());
    EXPECT_TRUE(waits(false).failure.starts_with("nobody can go on: thread 1 waits"));
}

TEST(Explore, FindsALoopThatDoesNotSayThatItWaits) {
    const verdict found = explore({.steps_max = 100}, [](run& now) {
        atomic<bool> stop{false};
        now.threads([&] {
            while (!stop.load()) {
            }
        });
    });

    EXPECT_NE(found.failure.find("more than 100 steps"), std::string::npos) << found;
}

TEST(Explore, ReportsAnExceptionThatLeavesAThread) {
    const verdict found =
        explore([](run& now) { now.threads([] { throw std::runtime_error("no more"); }); });

    EXPECT_NE(found.failure.find("it throws: no more"), std::string::npos) << found;
}

// A counter that is not changed in one step loses a change only if a thread is preempted in it.
auto torn_counter() {
    return [](run& now) {
        atomic<int> count{0};
        const auto add = [&] { count.store(count.load() + 1); };
        now.threads(add, add);
        now.require(count.load() == 2, "two in all");
    };
}

TEST(Explore, FindsNothingBelowTheBoundThatABugNeeds) {
    EXPECT_TRUE(explore({.preemptions = 0}, torn_counter()).passed());
    const verdict found = explore({.preemptions = 1}, torn_counter());
    EXPECT_TRUE(found.failed());
    EXPECT_EQ(found.preemptions, 1U);
}

TEST(Explore, WritesDownWhatHappenedAndRunsItAgain) {
    const verdict found = explore(torn_counter());
    ASSERT_TRUE(found.failed());

    EXPECT_EQ(found.trace.size(), 5U) << found;
    EXPECT_NE(found.trace[0].find("thread 1"), std::string::npos) << found;
    EXPECT_NE(found.trace[0].find("loads 0, seq_cst"), std::string::npos) << found;
    EXPECT_NE(found.trace[0].find("explore_test.cpp:"), std::string::npos) << found;
    const verdict again = explore({.replay = found.token}, torn_counter());
    EXPECT_EQ(again.failure, found.failure);
    EXPECT_EQ(again.trace, found.trace);
    EXPECT_EQ(again.schedules, 1U);
    std::ostringstream text;
    text << found;
    EXPECT_NE(text.str().find(found.token), std::string::npos);
}

TEST(Explore, RunsARunWithOldValuesAgain) {
    const auto both_old = [](run& now) {
        now.require(store_buffering(order::release, order::acquire)(now) != pair{0, 0}, "one sees");
    };
    for (const unsigned bound : {0U, unbounded}) {
        const verdict found = explore({.preemptions = bound}, both_old);
        ASSERT_TRUE(found.failed());
        const verdict again = explore({.replay = found.token}, both_old);
        EXPECT_EQ(again.failure, found.failure);
        EXPECT_EQ(again.trace, found.trace);
    }
}

TEST(Explore, RefusesATokenThatIsNone) {
    for (const char* const wrong : {"1.1", "b.x", "b1", "b.1.", "u.70000"}) {
        EXPECT_EQ(explore({.replay = wrong}, torn_counter()).failure,
                  std::string("no schedule: ") + wrong);
    }
}

TEST(Explore, TriesOneOfManyOrdersThatCannotDiffer) {
    const verdict found = explore(all_orders, [](run& now) {
        atomic<int> x{0};
        atomic<int> y{0};
        atomic<int> z{0};
        const auto thrice = [](atomic<int>& of) {
            return [&of] {
                for (int i = 0; i < 3; ++i) {
                    of.fetch_add(1);
                }
            };
        };
        now.threads(thrice(x), thrice(y), thrice(z));
    });

    EXPECT_TRUE(found.is_complete);
    EXPECT_EQ(found.schedules - found.redundant, 1U);
}

// n threads that each change one object k times: each order of the changes is one of its own.
TEST(Explore, TriesEveryOrderThatCanDiffer) {
    std::set<int> seen;
    const verdict found = explore(all_orders, [&](run& now) {
        atomic<int> x{0};
        const auto append = [&](int digit) {
            return [&x, digit] {
                for (int i = 0; i < 2; ++i) {
                    int before = x.load(order::relaxed);
                    while (!x.compare_exchange_strong(before, before * 10 + digit)) {
                    }
                }
            };
        };
        now.threads(append(1), append(2), append(3));
        seen.insert(x.load());
    });

    EXPECT_TRUE(found.is_complete);
    EXPECT_EQ(seen.size(), 90U);  // 6! / (2! 2! 2!)
}

TEST(Explore, SeesTheSameBoundedAndComplete) {
    const auto program = store_buffering(order::release, order::acquire);

    EXPECT_EQ(outcomes(program, {.preemptions = 3}), outcomes(program));
}

TEST(Explore, EndsWhenItsBudgetIsSpent) {
    std::uint64_t told = 0;
    explore_options options{.schedules_max = 5};
    EXPECT_TRUE(explore(options, message(order::release, order::acquire)).is_cut_short);

    options.schedules_max = 1'000;
    options.progress_every = 2;
    options.on_progress = [&](const progress& now) {
        told = now.schedules;
        return now.schedules < 4;
    };
    const verdict found = explore(options, message(order::release, order::acquire));
    EXPECT_TRUE(found.is_cut_short);
    EXPECT_FALSE(found.passed());
    EXPECT_EQ(told, 4U);
}

TEST(Audit, TellsWhichOrdersAreNeeded) {
    const auto needs = audit(all_orders, [](run& now) {
        atomic<bool> ready{false};
        atomic<int> idle{0};
        plain<int> data{0};
        now.threads(
            [&] {
                data = 1;
                ready.store(true, order::release);
                idle.store(1, order::release);
            },
            [&] {
                if (ready.load(order::acquire)) {
                    static_cast<void>(data.read());
                }
            });
    });

    ASSERT_EQ(needs.size(), 3U);
    EXPECT_TRUE(needs[0].is_needed) << needs[0].place;
    EXPECT_EQ(needs[0].order, "release");
    EXPECT_EQ(needs[1].order, "release");
    EXPECT_FALSE(needs[1].is_needed) << needs[1].place;
    EXPECT_TRUE(needs[2].is_needed);
    EXPECT_EQ(needs[2].order, "acquire");
}

TEST(Atomic, HasTheOperationsOfStdAtomic) {
    const verdict found = explore([](run& now) {
        atomic<int> number{6};
        int expected = 1;
        now.require(!number.compare_exchange_strong(expected, 0) && expected == 6, "compare");
        now.require(number.fetch_add(2) == 6 && number.fetch_sub(1) == 8, "add and subtract");
        now.require(number.fetch_and(5) == 7 && number.fetch_or(2) == 5, "and, or");
        now.require(number.fetch_xor(1) == 7 && number.exchange(3) == 6, "xor, exchange");
        now.require(++number == 4 && number++ == 4 && --number == 4 && number-- == 4, "by one");
        now.require((number += 2) == 5 && (number -= 1) == 4 && (number |= 1) == 5, "assign");
        now.require((number &= 4) == 4 && (number ^= 6) == 2 && (number = 9) == 9, "assign");
        now.require(number == 9 && number.is_lock_free(), "conversion");
        int values[2] = {};
        atomic<int*> place{values};
        now.require(place.fetch_add(1) == values && place.load() == values + 1, "pointers");
        number.wait(8);
        number.notify_all();
    });

    EXPECT_TRUE(found.passed()) << found;
}

TEST(Atomic, IsAPlainValueOutsideOfASearch) {
    atomic<int> number{1};
    plain<int> value{2};

    number.store(number.fetch_add(1) + 4);
    value += 3;

    EXPECT_EQ(number.load(), 5);
    EXPECT_EQ(value.read(), 5);
}

}  // namespace
}  // namespace drama::check
