// SPDX-License-Identifier: Apache-2.0
// What start() says where a part of the runtime cannot be made, and after the end.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "drama/io/forwarding_system.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/runtime/world/forwarding_world.hpp"
#include "drama/runtime/world/real_world.hpp"

namespace drama {
namespace {

runtime_options two_workers() {
    runtime_options options;
    options.workers = 2;
    options.log = [](const std::string&) {};
    return options;
}

class world_without_io final : public forwarding_world {
  public:
    using forwarding_world::forwarding_world;
    result<std::unique_ptr<io_system>> make_io(std::string_view, std::string&) override {
        return fail(errc::not_supported);
    }
};

class one_backend final : public forwarding_system {
  public:
    using forwarding_system::forwarding_system;
    result<std::unique_ptr<io_backend>> make_backend(std::size_t core) override {
        if (core > 0) {
            return fail(errc::not_supported);
        }
        return forwarding_system::make_backend(core);
    }
};

class world_with_one_backend final : public forwarding_world {
  public:
    using forwarding_world::forwarding_world;
    result<std::unique_ptr<io_system>> make_io(std::string_view choice, std::string& why) override {
        auto made = within().make_io(choice, why);
        if (!made) {
            return made;
        }
        return std::make_unique<one_backend>(*std::move(made));
    }
};

TEST(RuntimeStart, FailsWithoutIo) {
    real_world machine;
    world_without_io in(machine);
    runtime rt(in, two_workers());

    const auto started = rt.start();

    ASSERT_FALSE(started);
    EXPECT_EQ(started.error(), errc::not_supported);
}

TEST(RuntimeStart, FailsWithABackendThatDoesNotExist) {
    runtime_options options = two_workers();
    options.io = "nonsense";
    runtime rt(options);

    const auto started = rt.start();

    ASSERT_FALSE(started);
    EXPECT_EQ(started.error(), errc::bad_argument);
}

TEST(RuntimeStart, TakesTheBackendThatTheEnvironmentNamesWhereTheProgramNamesNone) {
    for (const char* const choice : {"auto", ""}) {
        runtime_options options = two_workers();
        options.io = choice;
        ::setenv("DRAMA_IO", "nonsense", 1);
        runtime rt(options);

        const auto started = rt.start();
        ::unsetenv("DRAMA_IO");

        ASSERT_FALSE(started) << choice;
        EXPECT_EQ(started.error(), errc::bad_argument) << choice;
    }
}

TEST(RuntimeStart, FailsIfACoreHasNoBackend) {
    real_world machine;
    world_with_one_backend in(machine);
    runtime rt(in, two_workers());

    const auto started = rt.start();

    ASSERT_FALSE(started);
    EXPECT_EQ(started.error(), errc::not_supported);
}

TEST(RuntimeStart, FailsAfterTheEnd) {
    runtime rt(two_workers());
    ASSERT_TRUE(rt.start());
    ASSERT_TRUE(rt.stop());

    const auto again = rt.start();

    ASSERT_FALSE(again);
    EXPECT_EQ(again.error(), errc::shutting_down);
}

}  // namespace
}  // namespace drama
