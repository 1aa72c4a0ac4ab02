// SPDX-License-Identifier: Apache-2.0
// A pool of a few connections that many tasks share. Tasks give up waiting, and are stopped while
// they hold one; no connection is lent twice, none is lost.
#include <gtest/gtest.h>

#include <cstddef>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/sim/explore/sim_test.hpp"
#include "drama/sync/semaphore.hpp"

using namespace drama;

namespace {

struct connection {
    bool is_lent = false;
};

class pool {
  public:
    explicit pool(std::size_t size) : free_(size), connections_(size) {
        for (connection& each : connections_) {
            idle_.push_back(&each);
        }
    }

    /// Goes back when it is destroyed.
    class lease {
      public:
        lease(pool& from, semaphore_permit permit)
            : from_(&from), permit_(std::move(permit)), lent_(from.take_idle()) {
            EXPECT_FALSE(std::exchange(lent_->is_lent, true)) << "lent twice";
        }
        lease(lease&& other) noexcept
            : from_(other.from_),
              permit_(std::move(other.permit_)),
              lent_(std::exchange(other.lent_, nullptr)) {}
        lease& operator=(lease&&) = delete;
        ~lease() {
            if (lent_ != nullptr) {
                lent_->is_lent = false;
                from_->give_back(*lent_);
            }
        }

      private:
        pool* from_;
        semaphore_permit permit_;  // goes back after the connection: it is destroyed later
        connection* lent_;
    };

    /// Errors: errc::deadline_exceeded after `patience`; errc::stop_requested.
    task<result<lease>> take(duration patience) {
        DRAMA_CO_TRY(auto permit, co_await free_.acquire(1, patience));
        co_return lease(*this, std::move(permit));
    }

    std::size_t idle() const noexcept { return idle_.size(); }

  private:
    connection* take_idle() {
        const std::lock_guard guard(lock_);
        EXPECT_FALSE(idle_.empty()) << "a permit without a connection";
        connection* const taken = idle_.back();
        idle_.pop_back();
        return taken;
    }
    void give_back(connection& used) {
        const std::lock_guard guard(lock_);
        idle_.push_back(&used);
    }

    semaphore free_;
    std::vector<connection> connections_;
    std::mutex lock_;  // guards what follows, between awaits: two workers may be here at once
    std::vector<connection*> idle_;
};

task<void> use(pool* shared, duration patience, duration length) {
    for (int i = 0; i < 4; ++i) {
        auto lent = co_await shared->take(patience);
        if (!lent) {
            continue;
        }
        auto slept = co_await sleep_for(length);
        if (!slept) {
            co_return;  // the connection goes back
        }
    }
}

task<void> use_briefly(pool* shared, duration patience) {
    auto ended = co_await with_deadline(patience, use(shared, 1h, 1ms));
    static_cast<void>(ended);
}

DRAMA_SIM_TEST(ConnectionPool, LendsEachConnectionOnceAndLosesNone) {
    const std::size_t size = world.capacity(3);
    auto& shared = world.keep<pool>(size);
    world.survives_stops();
    world.survives({fault_kind::allocation_fails, fault_kind::timer_late});
    for (std::size_t i = 0; i < 4; ++i) {
        const duration some(1 + world.random().below(1'000'000));
        world.start_as("app", "tenant " + std::to_string(i), use, &shared, some, some / 2);
        world.start_as("app", "hasty", use_briefly, &shared, some * 2);
    }
    world.finally([&shared, size] { EXPECT_EQ(shared.idle(), size) << "a connection is lost"; });
}

}  // namespace
