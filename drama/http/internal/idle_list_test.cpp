// SPDX-License-Identifier: Apache-2.0
#include "drama/http/internal/idle_list.hpp"

#include <gtest/gtest.h>

#include <array>

namespace drama {
namespace {

using internal::idle_list;
using internal::idle_node;

struct waiting {
    runnable task;
    idle_node node;
};

void begin(idle_list& list, waiting& one, instant since) {
    one.node.task = &one.task;
    one.node.since = since;
    one.node.shard = static_cast<std::size_t>(since.time_since_epoch().count());
    one.task.push_scope(one.node.scope);
    list.add(one.node);
}

void end(idle_list& list, waiting& one) {
    list.remove(one.node);
    one.task.pop_scope(one.node.scope);
}

TEST(IdleList, EndsOnlyWaitsThatAreOlderThanTheLimit) {
    idle_list list;
    std::array<waiting, 40> all;
    for (std::size_t i = 0; i < all.size(); ++i) {
        begin(list, all[i], instant(duration(100 + i)));
    }

    const std::size_t ended = list.end_older_than(instant(duration(110)));

    EXPECT_EQ(ended, 10U);
    EXPECT_EQ(list.oldest(), instant(duration(110)));
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(all[i].task.is_stopping(), i < 10) << i;
        end(list, all[i]);
        EXPECT_FALSE(all[i].task.is_stopping()) << i;
    }
    EXPECT_EQ(list.oldest(), never);
}

TEST(IdleList, EndsEveryWaitWhenItDrains) {
    idle_list list;
    std::array<waiting, 9> all;
    for (waiting& each : all) {
        begin(list, each, instant(duration(7)));
    }

    EXPECT_EQ(list.end_older_than(never), all.size());
    EXPECT_EQ(list.end_older_than(never), 0U);

    for (waiting& each : all) {
        EXPECT_EQ(each.task.stop_reason(), errc::closed);
        end(list, each);
    }
}

}  // namespace
}  // namespace drama
