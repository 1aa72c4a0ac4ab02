// SPDX-License-Identifier: Apache-2.0
// What a running server takes over from a new configuration, and what it says of the rest.
#include "serve/serve_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drama::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ServeOptions, EqualSettingsNeedNothing) {
    serve_options running;
    serve_options wanted;

    EXPECT_THAT(take_over_live(running, wanted), IsEmpty());
}

TEST(ServeOptions, LiveSettingsAreTakenOver) {
    serve_options running;
    serve_options wanted;
    wanted.drain_delay_ms = 7;
    wanted.drain_ms = 8;

    EXPECT_THAT(take_over_live(running, wanted), IsEmpty());
    EXPECT_EQ(running.drain_delay_ms, 7U);
    EXPECT_EQ(running.drain_ms, 8U);
}

TEST(ServeOptions, TheOthersAreNamedAndStay) {
    serve_options running;
    serve_options wanted;
    wanted.listen = "127.0.0.1:1";
    wanted.workers = 3;
    wanted.hand_over = false;

    EXPECT_THAT(take_over_live(running, wanted),
                ElementsAre("listen needs a restart: it is '127.0.0.1:8080', not yet '127.0.0.1:1'",
                            "workers needs a restart: it is '0', not yet '3'",
                            "hand_over needs a restart: it is 'true', not yet 'false'"));
    EXPECT_EQ(running.listen, "127.0.0.1:8080");
    EXPECT_EQ(running.workers, 0U);
    EXPECT_TRUE(running.hand_over);
}

// A setting that somebody adds without thinking of reloads is named all the same.
TEST(ServeOptions, EverySettingIsEitherLiveOrNamed) {
    serve_options running;
    const std::vector<flag> now = settings_of(running);
    for (std::size_t i = 0; i < now.size(); ++i) {
        serve_options wanted = running;
        const std::vector<flag> then = settings_of(wanted);
        const std::string before = now[i].target.show();
        for (const char* value : {"17", "false", "true", "fifo", "off", "epoll", "127.0.0.1:17"}) {
            if (then[i].target.show() == before) {
                static_cast<void>(then[i].target.set(value));
            }
        }
        ASSERT_NE(then[i].target.show(), before) << now[i].name;

        const std::vector<std::string> said = take_over_live(running, wanted);

        if (is_live(key_of(now[i]))) {
            EXPECT_THAT(said, IsEmpty()) << now[i].name;
            EXPECT_EQ(now[i].target.show(), then[i].target.show());
        } else {
            ASSERT_EQ(said.size(), 1U) << now[i].name;
            EXPECT_THAT(said.front(), testing::StartsWith(key_of(now[i]) + " needs a restart"));
            EXPECT_EQ(now[i].target.show(), before);
        }
    }
}

}  // namespace
}  // namespace drama::cli
