// SPDX-License-Identifier: Apache-2.0
// DRAMA_SIM_TEST: a GoogleTest test whose body sets up a simulated world; it runs many times, each
// time under another schedule, and stops at the first run that fails. GoogleTest is needed only by
// programs that include this file.
#pragma once

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "drama/sim/explore/explorer.hpp"

namespace drama::inline v0::internal {

/// Keeps what EXPECT and ASSERT say while a run lasts.
class gtest_probe final : public expectation_probe {
  public:
    void begin() override {
        failed_ = false;
        kept_.clear();
        catcher_ = std::make_unique<catcher>(*this);
    }
    std::string end() override {
        catcher_.reset();
        return std::move(kept_);
    }
    bool (*question() const)() override {
        return [] { return failed_; };
    }
    void (*muter() const)(bool) override {
        return [](bool is_muted) { muted_ = is_muted; };
    }

  private:
    static constexpr std::size_t kept_max = 4'000;  // characters; the first failures say most

    class catcher final : public testing::ScopedFakeTestPartResultReporter {
      public:
        explicit catcher(gtest_probe& to)
            : ScopedFakeTestPartResultReporter(INTERCEPT_ALL_THREADS, &unused_), to_(to) {}
        void ReportTestPartResult(const testing::TestPartResult& result) override {
            if (!result.failed() || muted_) {
                return;
            }
            failed_ = true;
            if (to_.kept_.size() < kept_max) {
                const char* const file = result.file_name();
                to_.kept_ += std::string(file == nullptr ? "" : file) + ':' +
                             std::to_string(result.line_number()) + ": " + result.message() + '\n';
            }
        }

      private:
        testing::TestPartResultArray unused_;
        gtest_probe& to_;
    };

    static inline bool failed_ = false;  // one run at a time
    static inline bool muted_ = false;
    std::string kept_;
    std::unique_ptr<catcher> catcher_;
};

/// The body of the test that GoogleTest sees.
inline void run_sim_test(const sim_test_case& test) {
    std::string why;
    const auto options = explore_options::from_environment(why);
    if (!options) {
        FAIL() << why;
    }
    gtest_probe probe;
    const exploration seen = explore(test, *options, probe);
    if (!seen.refused.empty()) {
        FAIL() << seen.refused;
    }
    EXPECT_EQ(seen.mismatches, 0U) << "the same run gave two event hashes";
    if (seen.failure) {
        ADD_FAILURE_AT(test.file, test.line)
            << seen.failure->record.verdict.word << ": " << seen.failure->record.verdict.what;
    }
}

struct sim_test_registration {
    explicit sim_test_registration(const sim_test_case& test) {
        registered_sim_tests().push_back(test);
    }
};

}  // namespace drama::inline v0::internal

/// Defines a test that gets `sim_test_world& world`. What its expectations find, in the body, in
/// tasks or in checks, is a failure of the run that found it.
///
///     DRAMA_SIM_TEST(Transfer, NeverLosesMoney) {
///         world.serve("bank", bank_server);
///         world.start("client", transfer_many, 100);
///         world.always([&] { EXPECT_EQ(total(), 1'000'000); });
///     }
///
/// What a body shares with its tasks must outlive the run: `world.keep<state>()`.
#define DRAMA_SIM_TEST(Suite, Name)                                                              \
    static void drama_sim_test_##Suite##_##Name(::drama::sim_test_world& world);                 \
    static constexpr ::drama::sim_test_case drama_sim_case_##Suite##_##Name{                     \
        #Suite, #Name, __FILE__, __LINE__, &drama_sim_test_##Suite##_##Name};                    \
    static const ::drama::internal::sim_test_registration drama_sim_registered_##Suite##_##Name{ \
        drama_sim_case_##Suite##_##Name};                                                        \
    TEST(Suite, Name) {                                                                          \
        ::drama::internal::run_sim_test(drama_sim_case_##Suite##_##Name);                        \
    }                                                                                            \
    static void drama_sim_test_##Suite##_##Name([[maybe_unused]] ::drama::sim_test_world& world)
