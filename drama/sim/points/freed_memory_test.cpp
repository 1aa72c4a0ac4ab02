// SPDX-License-Identifier: Apache-2.0
// That a program whose accesses are points holds freed memory back, tests/hunt shows.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>

#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define DRAMA_HAS_OWN_HEAP 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer) || \
    __has_feature(memory_sanitizer)
#define DRAMA_HAS_OWN_HEAP 1
#endif
#endif

namespace drama {
namespace {

// A size that nothing else has; volatile, so that no compiler leaves the pair out.
constexpr std::size_t bytes = 777;

std::uintptr_t address_of_new_block() {
    void* volatile block = ::operator new(bytes);
    const auto address = reinterpret_cast<std::uintptr_t>(block);
    ::operator delete(block);
    return address;
}

task<void> take_and_give_back(bool* is_same) {
    const std::uintptr_t first = address_of_new_block();
    *is_same = first == address_of_new_block();
    co_return;
}

TEST(FreedMemory, IsUsedAgainAtOnceWhereAccessesAreNoPoints) {
#ifdef DRAMA_HAS_OWN_HEAP
    GTEST_SKIP() << "a sanitizer holds it back";
#endif
    simulation sim(1);
    runtime_options options;
    options.log = [](const std::string&) {};
    runtime rt(sim.world(), std::move(options));
    sim.watch(rt);
    ASSERT_TRUE(rt.start());
    bool is_same = false;
    ASSERT_TRUE(rt.try_spawn(rt.tenants().system(), take_and_give_back, &is_same));
    EXPECT_TRUE(sim.run_to_end());
    EXPECT_TRUE(is_same);
    EXPECT_TRUE(rt.stop());
}

}  // namespace
}  // namespace drama
