// SPDX-License-Identifier: Apache-2.0
#include "drama/io/epoll/epoll_backend.hpp"

#include <atomic>

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "drama/io/io_harness.hpp"

namespace {

std::atomic<int> questions{0};

}  // namespace

// Before that of the C library: counts what the backends ask the kernel.
extern "C" int epoll_pwait2(int epoll, epoll_event* events, int count, const timespec* limit,
                            const sigset_t* mask) {
    questions.fetch_add(1, std::memory_order_relaxed);
    return static_cast<int>(::syscall(SYS_epoll_pwait2, epoll, events, count, limit, mask, 8));
}

namespace drama::inline v0::internal {
namespace {

using IoBackendPoll = IoBackend;

INSTANTIATE_TEST_SUITE_P(Real, IoBackendPoll, ::testing::Values(io_choice::epoll, io_choice::uring),
                         choice_name);

int questions_in(const std::function<void()>& act) {
    const int before = questions.load();
    act();
    return questions.load() - before;
}

TEST_P(IoBackendPoll, AsksTheKernelOnlyWhileSomethingIsInFlightOrToWait) {
    const auto [left, right] = socket_pair();
    char got = 0;
    counted_op receiving;
    const auto poll = [this] { core().reap(duration::zero()); };

    EXPECT_EQ(questions_in(poll), 0);
    ASSERT_TRUE(is_pending(receiving.on(op_code::recv, right).with(&got, 1)));
    EXPECT_EQ(questions_in(poll), 1);
    ASSERT_EQ(::send(left, "a", 1, 0), 1);
    finish(receiving);
    EXPECT_EQ(questions_in(poll), 0);
    core().wake();
    EXPECT_EQ(questions_in([this] { core().reap(duration::max()); }), 1);
}

// The home of the descriptor polls for those of other cores.
TEST_P(IoBackendPoll, AsksForOperationsThatOthersQueued) {
    const auto [left, right] = socket_pair();
    char got = 0;
    counted_op first;
    counted_op second;
    ASSERT_TRUE(is_pending(first.on(op_code::recv, right).with(&got, 1)));
    ASSERT_EQ(::send(left, "a", 1, 0), 1);
    finish(first);

    ASSERT_TRUE(is_pending(second.on(op_code::recv, right).with(&got, 1), 1));
    ASSERT_EQ(::send(left, "b", 1, 0), 1);
    core().reap(duration::zero());

    EXPECT_EQ(second.completions.load(), 1);
    EXPECT_EQ(got, 'b');
}

// News that came while nobody asked is told to the next one who does.
TEST_P(IoBackendPoll, KeepsTheEdgeThatCameWhileNothingWasInFlight) {
    const auto [left, right] = socket_pair();
    char got[16] = {};
    counted_op first;
    counted_op second;
    ASSERT_TRUE(is_pending(first.on(op_code::recv, right).with(got, 16)));
    ASSERT_EQ(::send(left, "a", 1, 0), 1);
    finish(first);

    ASSERT_EQ(::send(left, "bc", 2, 0), 2);
    core().reap(duration::zero());
    run(second.on(op_code::recv, right).with(got, 16));

    EXPECT_EQ(second.outcome, 2);
}

TEST_P(IoBackendPoll, CompletesWhatWasPostedWithoutAWait) {
    const auto [left, right] = socket_pair();
    char text = 'p';
    counted_op sending;
    core().post(sending.on(op_code::send, left).with(&text, 1));

    core().reap(duration::zero());

    EXPECT_EQ(sending.completions.load(), 1);
    EXPECT_EQ(sending.outcome, 1);
}

}  // namespace
}  // namespace drama::inline v0::internal
