// SPDX-License-Identifier: Apache-2.0
// docs/guide-faults.md lists exactly the kinds that there are.
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include "drama/fault/fault_kind.hpp"

namespace drama {
namespace {

// The first cell of each row of a table that is a name in code quotes.
std::vector<std::string> kinds_on_the_page() {
    std::ifstream page(std::string(DRAMA_DOCS) + "/guide-faults.md");
    const std::regex row(R"(^\| `([a-z_]+)` \|.*)");
    std::vector<std::string> names;
    for (std::string line; std::getline(page, line);) {
        if (std::smatch found; std::regex_match(line, found, row)) {
            names.push_back(found[1]);
        }
    }
    return names;
}

TEST(FaultPage, ListsEveryKindInTheOrderOfTheEnumeration) {
    std::vector<std::string> kinds;
    for (std::size_t i = 0; i < fault_kinds; ++i) {
        kinds.emplace_back(name_of(static_cast<fault_kind>(i)));
    }

    EXPECT_EQ(kinds_on_the_page(), kinds);
}

}  // namespace
}  // namespace drama
