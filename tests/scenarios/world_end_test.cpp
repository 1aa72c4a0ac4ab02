// SPDX-License-Identifier: Apache-2.0
// How a world ends: with what tasks have left in the values that a test keeps for them.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "drama/coro/task.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/sim/node/sim_test_world.hpp"

namespace drama {
namespace {

struct open_door {
    std::optional<tcp_listener> listener;
};

task<result<void>> leave_the_door_open(open_door* in) {
    endpoint where("", 80);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(where)));
    in->listener.emplace(std::move(listener));
    co_return result<void>();
}

TEST(KeptValues, WithAnOpenDescriptorAreALeakAndCloseItThemselves) {
    for (const bool is_killed : {false, true}) {
        auto world = std::make_unique<sim_test_world>(sim_test_setup{.seed = 1});
        auto& in = world->keep<open_door>();
        world->start("node", leave_the_door_open, &in);
        if (is_killed) {
            world->after(1s, [&world] { world->kill("node"); });
        }
        EXPECT_EQ(world->finish().word, is_killed ? "" : "leak") << world->verdict().what;
        EXPECT_TRUE(in.listener->is_open());
        world.reset();
    }
}

struct says_when_it_goes {
    std::string* to;
    char name;
    says_when_it_goes(std::string* tell, char is) noexcept : to(tell), name(is) {}
    says_when_it_goes(const says_when_it_goes&) = delete;
    says_when_it_goes& operator=(const says_when_it_goes&) = delete;
    ~says_when_it_goes() { to->push_back(name); }
};

TEST(KeptValues, GoInTheReverseOrderOfTheirMaking) {
    std::string gone;
    {
        sim_test_world world({.seed = 1});
        world.keep<says_when_it_goes>(&gone, 'a');
        world.keep<says_when_it_goes>(&gone, 'b');
    }
    EXPECT_EQ(gone, "ba");
}

}  // namespace
}  // namespace drama
