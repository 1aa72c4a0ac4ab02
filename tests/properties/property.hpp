// SPDX-License-Identifier: Apache-2.0
// A property of the policy, tried on generated cases by RapidCheck: a case that breaks it is made
// smaller until no smaller one does, and printed. The cases are the same in each run; DRAMA_SEED
// draws others.
#pragma once

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>

namespace drama {

/// Fails the running test unless `property`, called with generated arguments, returns an empty
/// string each time; what it returns instead says what is wrong.
template <class Property>
void expect_to_hold(int cases, Property property) {
    const char* const given = std::getenv("DRAMA_SEED");
    const rc::detail::TestParams params{
        .seed = given == nullptr ? 1 : std::strtoull(given, nullptr, 10),
        .maxSuccess = cases,
        .disableShrinking = std::getenv("DRAMA_MUTANT") != nullptr};  // which is asked, not how
    const auto result =
        rc::detail::checkTestable(std::move(property), rc::detail::TestMetadata{}, params);
    if (!result.template is<rc::detail::SuccessResult>()) {
        std::ostringstream out;
        rc::detail::printResultMessage(result, out);
        ADD_FAILURE() << out.str() << "\nDRAMA_SEED=" << params.seed;
    }
}

}  // namespace drama
