// SPDX-License-Identifier: Apache-2.0
// What a thread of the machine tells of itself to who holds its handle.
#include "drama/runtime/world/real_thread.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <optional>
#include <thread>

#include "drama/runtime/world/real_world.hpp"

namespace drama {
namespace {

/// One step: shuts its ears, and opens them when it may.
class deaf_at_first final : public thread_body {
  public:
    explicit deaf_at_first(world& in) : spot_(in.make_parker()) {}

    instant step() noexcept override {
        sigset_t all;
        sigset_t before;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        is_deaf = true;
        while (!may_hear) {
            std::this_thread::yield();
        }
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        while (!may_end) {
            std::this_thread::yield();
        }
        is_over_ = true;
        return never;
    }
    parker& parked_on() noexcept override { return *spot_; }
    bool is_finished() const noexcept override { return is_over_; }

    std::atomic<bool> is_deaf{false};
    std::atomic<bool> may_hear{false};
    std::atomic<bool> may_end{false};

  private:
    std::unique_ptr<parker> spot_;
    std::atomic<bool> is_over_{false};
};

#if defined(__SANITIZE_THREAD__)
#define DRAMA_SIGNALS_COME_LATE 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DRAMA_SIGNALS_COME_LATE 1
#endif
#endif

TEST(RealThread, HasNoStackToShowBeforeItHasAnswered) {
#ifdef DRAMA_SIGNALS_COME_LATE
    GTEST_SKIP() << "the thread sanitizer puts signals off until the thread calls the C library";
#endif
    real_world machine;
    deaf_at_first body(machine);
    auto thread = machine.start_thread(thread_role::admin, body);
    ASSERT_TRUE(thread);
    while (!body.is_deaf) {
        std::this_thread::yield();
    }
    std::array<void*, 64> frames{};

    ASSERT_TRUE((*thread)->request_stack());
    EXPECT_EQ((*thread)->take_stack(frames), std::nullopt);
    body.may_hear = true;
    std::optional<std::size_t> shown;
    while (!shown) {
        std::this_thread::yield();
        shown = (*thread)->take_stack(frames);
    }

    EXPECT_GT(*shown, 0U);
    EXPECT_NE(frames[0], nullptr);
    body.may_end = true;
}

}  // namespace
}  // namespace drama
