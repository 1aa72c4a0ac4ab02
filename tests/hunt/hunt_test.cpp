// SPDX-License-Identifier: Apache-2.0
// Every bug is found and called by its name, and no twin is blamed. Each search has a process of
// its own: some bugs end it. DRAMA_HUNT_SECONDS: for how long each is searched.
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "drama/base/assert.hpp"
#include "drama/sim/explore/explorer.hpp"
#include "drama/sim/explore/sim_test.hpp"
#include "drama/sim/oracle/verdict.hpp"
#include "drama/sim/seed.hpp"
#include "tests/hunt/hunt.hpp"

namespace drama::hunt {
namespace {

constexpr std::uint64_t mended_runs = 300;
constexpr std::uint64_t mended_seeds_least = 50;

std::vector<program> all_programs() {
    std::vector<program> all;
    for (const auto some : {holder_programs(), signal_programs(), request_programs(),
                            race_programs(), cancel_programs(), wait_programs(), partner_programs(),
                            lifetime_programs(), order_programs(), endless_programs()}) {
        all.insert(all.end(), some.begin(), some.end());
    }
    return all;
}

std::string name_of_program(const testing::TestParamInfo<program>& of) {
    return of.param.name;
}

// What came of a search. The word is empty if nothing was found.
struct finding {
    std::string word;
    std::string text;  ///< the report, or what a process that ended had to say
};

// By default a bug has a minute and a twin some hundred runs; else both have that many seconds.
explore_options how_to_search(bool is_mended) {
    explore_options how;
    how.print = [](const std::string&) {};
    how.runs = is_mended ? mended_runs : ~std::uint64_t{0} / 100;
    how.budget = std::chrono::seconds(60);
    if (const char* const seconds = std::getenv("DRAMA_HUNT_SECONDS")) {
        how.runs = ~std::uint64_t{0} / 100;
        const auto wanted = parse_seed(seconds);
        DRAMA_ASSERT(wanted && *wanted != 0, "DRAMA_HUNT_SECONDS is no number of seconds");
        how.budget = std::chrono::seconds(*wanted);
    }
    return how;
}

finding search(const program& what, void (*body)(sim_test_world&), bool is_mended) {
    internal::gtest_probe probe;
    const exploration seen =
        explore({.suite = "Hunt", .name = what.name, .file = __FILE__, .body = body},
                how_to_search(is_mended), probe);
    if (seen.mismatches != 0 || !seen.refused.empty()) {
        return {"mismatch", "two runs of one seed differ " + seen.refused};
    }
    if (!seen.failure && is_mended && seen.seeds < mended_seeds_least) {
        return {"too few", std::to_string(seen.seeds) + " runs prove nothing"};
    }
    if (!seen.failure) {
        return {"", std::to_string(seen.seeds) + " runs, and nothing found"};
    }
    return {seen.failure->record.verdict.word,
            "after " + std::to_string(seen.runs) + " runs\n" + seen.failure->report.text()};
}

std::string all_of(std::FILE* from) {
    std::rewind(from);
    std::string text;
    std::array<char, 4096> some{};
    for (std::size_t got = 1; got != 0;) {
        got = std::fread(some.data(), 1, some.size(), from);
        text.append(some.data(), got);
    }
    return text;
}

using open_file = std::unique_ptr<std::FILE, decltype([](std::FILE* at) { std::fclose(at); })>;

finding search_in_a_process(const program& what, void (*body)(sim_test_world&), bool is_mended) {
    const open_file said(std::tmpfile());
    const open_file found(std::tmpfile());
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(::fileno(said.get()), STDERR_FILENO);
        const finding seen = search(what, body, is_mended);
        std::fprintf(found.get(), "%s\n%s", seen.word.c_str(), seen.text.c_str());
        std::fflush(found.get());
        ::_exit(0);
    }
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child) {
        return {"no process", "none can be started"};
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        std::string words = all_of(said.get());
        // drama says why it ends a process; whatever else ends one finds nothing.
        const bool is_said =
            words.find("drama: ") != std::string::npos || words.starts_with("FAIL Hunt.");
        return {is_said ? "crash" : "died", std::move(words)};
    }
    const std::string text = all_of(found.get());
    const std::size_t line = text.find('\n');
    return {text.substr(0, line), text.substr(line + 1)};
}

bool is_one_of(const std::string& word, const char* words) {
    std::istringstream list(words);
    for (std::string each; list >> each;) {
        if (each == word) {
            return true;
        }
    }
    return false;
}

class Hunt : public testing::TestWithParam<program> {};

TEST_P(Hunt, FindsTheBug) {
    const program& what = GetParam();
    const finding seen = search_in_a_process(what, what.buggy, false);
    EXPECT_TRUE(is_one_of(seen.word, what.words))
        << "'" << seen.word << "' in place of " << what.words << "\n"
        << seen.text;
    std::printf("%s: %s %s\n", what.name, seen.word.c_str(),
                seen.text.substr(0, seen.text.find('\n')).c_str());
}

TEST_P(Hunt, DoesNotBlameTheTwin) {
    const program& what = GetParam();
    const finding seen = search_in_a_process(what, what.mended, true);
    EXPECT_EQ(seen.word, "") << seen.text;
}

INSTANTIATE_TEST_SUITE_P(Field, Hunt, testing::ValuesIn(all_programs()), name_of_program);

}  // namespace
}  // namespace drama::hunt
