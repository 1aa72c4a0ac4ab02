// SPDX-License-Identifier: Apache-2.0
#include "drama/coro/frame_pool.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "drama/base/prng.hpp"
#include "drama/coro/task.hpp"
#include "tests/support/test_host.hpp"

namespace drama {
namespace {

using testing::test_account;
using testing::test_host;

task<int> recurse(int depth) {
    if (depth == 0) {
        co_return 0;
    }
    const int below = co_await recurse(depth - 1);
    co_return below + 1;
}

TEST(FramePool, GivesBackTheBlockFreedLast) {
    frame_pool pool;
    void* const first = pool.allocate(200);
    pool.free_local(first, 200);
    EXPECT_EQ(pool.allocate(193), first);  // the same 16-byte step
    EXPECT_NE(pool.allocate(200), first);
}

TEST(FramePool, TakesBackAFewAtATime) {
    constexpr std::size_t blocks = 1000;
    frame_pool pool;
    std::vector<void*> taken(blocks);
    for (void*& each : taken) {
        each = pool.allocate(200);
    }
    for (void* each : taken) {
        pool.free_remote(each, 200);
    }

    const std::size_t held = pool.held_bytes();
    std::uint64_t before = 0;
    for (std::size_t i = 0; i < blocks; ++i) {
        static_cast<void>(pool.allocate(200));
        EXPECT_LE(pool.taken_back() - before, frame_pool::taken_back_at_once);
        before = pool.taken_back();
    }

    EXPECT_EQ(pool.taken_back(), blocks);
    EXPECT_EQ(pool.held_bytes(), held);
}

TEST(FramePool, NeverHandsOutOverlappingBlocks) {
    const std::uint64_t seed = 7;
    prng random(seed);
    frame_pool pool;
    struct block {
        unsigned char* at;
        std::size_t bytes;
        unsigned char mark;
    };
    std::vector<block> held;
    for (int step = 0; step < 20'000; ++step) {
        if (held.size() < 100 || random.below(2) == 0) {
            const std::size_t bytes = 32 + random.below(frame_pool::pooled_bytes_max - 32 + 1);
            auto* const at = static_cast<unsigned char*>(pool.allocate(bytes));
            const auto mark = static_cast<unsigned char>(random.next());
            std::memset(at, mark, bytes);
            held.push_back({at, bytes, mark});
            continue;
        }
        const std::size_t index = random.below(held.size());
        const block taken = held[index];
        held[index] = held.back();
        held.pop_back();
        for (std::size_t i = 0; i < taken.bytes; ++i) {
            ASSERT_EQ(taken.at[i], taken.mark) << "seed=" << seed << " step=" << step;
        }
        random.below(4) == 0 ? pool.free_remote(taken.at, taken.bytes)
                             : pool.free_local(taken.at, taken.bytes);
    }
}

TEST(FramePool, BlocksFreedOnAnotherThreadComeBack) {
    frame_pool pool;
    std::set<void*> given;
    std::vector<void*> blocks;
    for (int i = 0; i < 1000; ++i) {
        blocks.push_back(pool.allocate(256));
        given.insert(blocks.back());
    }
    std::thread other([&] {
        for (void* block : blocks) {
            pool.free_remote(block, 256);
        }
    });
    other.join();
    std::size_t reused = 0;
    for (int i = 0; i < 1000; ++i) {
        reused += given.count(pool.allocate(256));
    }
    EXPECT_GE(reused, 900U);  // what was left of the slab goes first
}

TEST(FramePool, FramesMayBeFreedOnAThreadWithoutThePool) {
    test_account account;
    frame_pool pool;
    void* frame = nullptr;
    {
        const frame_pool_binding bound(pool);
        const internal::spawn_frame_request request(&account);
        frame = internal::allocate_frame(300);
        EXPECT_NE(request.prefix_of(frame), nullptr);
        EXPECT_EQ(request.prefix_of(&account), nullptr);
    }
    EXPECT_EQ(account.frame_bytes(), frame_pool::rounded(300 + 16 + internal::spawn_prefix_bytes));
    std::thread other([&] { internal::free_frame(frame, 300); });
    other.join();
    EXPECT_EQ(account.frame_bytes(), 0);
}

TEST(FramePool, OnlyTheFirstFrameOfARequestCarriesThePrefix) {
    test_account account;
    const internal::spawn_frame_request request(&account);
    void* const first = internal::allocate_frame(100);
    void* const second = internal::allocate_frame(100);
    EXPECT_NE(request.prefix_of(first), nullptr);
    EXPECT_EQ(request.prefix_of(second), nullptr);
    internal::free_frame(second, 100);
    internal::free_frame(first, 100);
    EXPECT_EQ(account.frame_bytes(), 0);
}

TEST(FramePool, LargeFramesComeFromTheHeap) {
    test_account account;
    frame_pool pool;
    const frame_pool_binding bound(pool);
    const internal::spawn_frame_request request(&account);
    void* const frame = internal::allocate_frame(frame_pool::pooled_bytes_max);
    std::memset(frame, 1, frame_pool::pooled_bytes_max);
    internal::free_frame(frame, frame_pool::pooled_bytes_max);
    EXPECT_EQ(account.frame_bytes(), 0);
}

TEST(FramePool, ServesTasks) {
    frame_pool pool;
    const frame_pool_binding bound(pool);
    test_host host;
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(host.run(recurse, 1000), 1000);
        EXPECT_EQ(host.account().frame_bytes(), 0);
    }
}

struct plain_account final : account {
    plain_account() : account(1) {}
};

TEST(FrameTally, ChargesTheSumAtItsEndAndBeforeItGetsLarge) {
    plain_account payer;
    void* kept = nullptr;
    {
        const internal::spawn_frame_request charged_to(&payer);
        const frame_tally tally(payer);
        kept = internal::allocate_frame(1000);
        EXPECT_EQ(payer.frame_bytes(), 0);
        void* const large = internal::allocate_frame(frame_tally::tally_bytes_max);
        EXPECT_GT(payer.frame_bytes(), frame_tally::tally_bytes_max);
        internal::free_frame(large, frame_tally::tally_bytes_max);
    }

    EXPECT_GT(payer.frame_bytes(), 1000);
    EXPECT_LT(payer.frame_bytes(), 1500);
    internal::free_frame(kept, 1000);
    EXPECT_EQ(payer.frame_bytes(), 0);
}

}  // namespace
}  // namespace drama
