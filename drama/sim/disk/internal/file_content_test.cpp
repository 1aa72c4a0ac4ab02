// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/disk/internal/file_content.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>

namespace drama::internal {
namespace {

constexpr std::size_t sector = file_content::sector;

std::string text_of(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void write(file_content& to, std::size_t at, std::string_view text) {
    to.write(at, std::as_bytes(std::span(text)));
}

/// One letter for each sector: what was there; '0' for zeros.
std::string sectors_of(const file_content& of) {
    std::string made;
    const std::string all = text_of(of.seen());
    for (std::size_t at = 0; at < all.size(); at += sector) {
        const std::string each = all.substr(at, sector);
        EXPECT_EQ(each.find_first_not_of(each[0]), std::string::npos) << "torn inside a sector";
        made += each[0] == '\0' ? '0' : each[0];
    }
    return made;
}

std::string filled(const std::string& letters) {
    std::string made;
    for (const char each : letters) {
        made += std::string(sector, each);
    }
    return made;
}

/// All that crashes by many seeds leave after `prepare`.
template <class Prepare>
std::set<std::string> left_by(crash_law law, Prepare prepare) {
    std::set<std::string> found;
    for (std::uint64_t seed = 0; seed != 200; ++seed) {
        file_content content;
        prepare(content);
        prng random(seed);
        content.crash(law, random);
        EXPECT_EQ(content.seen(), content.durable());
        EXPECT_TRUE(content.is_synced());
        found.insert(sectors_of(content));
    }
    return found;
}

TEST(FileContent, IsSeenAtOnceAndDurableAfterASync) {
    file_content content;
    write(content, 0, "hello");
    write(content, 5, " world");

    EXPECT_EQ(text_of(content.seen()), "hello world");
    EXPECT_EQ(text_of(content.durable()), "");

    content.sync(content.changes());

    EXPECT_EQ(text_of(content.durable()), "hello world");
}

TEST(FileContent, ASyncPromisesWhatWasThereWhenItBegan) {
    file_content content;
    write(content, 0, "old");
    const std::uint64_t begun = content.changes();
    write(content, 0, "new");

    content.sync(begun);

    EXPECT_EQ(text_of(content.durable()), "old");
    EXPECT_FALSE(content.is_synced());
}

TEST(FileContent, ACrashLeavesOfAWriteAnySectors) {
    const auto left = left_by(crash_law::out_of_order, [](file_content& content) {
        write(content, 0, filled("aa"));
        content.sync(content.changes());
        write(content, 0, filled("bb"));
    });

    EXPECT_EQ(left, (std::set<std::string>{"aa", "ab", "ba", "bb"}));
}

TEST(FileContent, ACrashMayKeepALaterWriteWithoutAnEarlierOne) {
    const auto prepare = [](file_content& content) {
        write(content, 0, filled("aa"));
        content.sync(content.changes());
        write(content, 0, filled("x"));
        write(content, sector, filled("y"));
    };

    EXPECT_TRUE(left_by(crash_law::out_of_order, prepare).contains("ay"));
    EXPECT_EQ(left_by(crash_law::in_order, prepare), (std::set<std::string>{"aa", "xa", "xy"}));
}

TEST(FileContent, ACrashMayLeaveALengthWithoutBytes) {
    const auto left = left_by(crash_law::out_of_order, [](file_content& content) {
        write(content, 0, filled("a"));
        content.sync(content.changes());
        write(content, sector, filled("b"));
    });

    EXPECT_EQ(left, (std::set<std::string>{"a", "a0", "ab"}));
}

TEST(FileContent, ALostShorteningLosesWhatCameAfterIt) {
    const auto left = left_by(crash_law::out_of_order, [](file_content& content) {
        write(content, 0, filled("aa"));
        content.sync(content.changes());
        content.resize(0);
        write(content, 0, filled("b"));
    });

    EXPECT_EQ(left, (std::set<std::string>{"aa", "", "0", "b"}));
}

TEST(FileContent, TheOtherLawsKeepNothingOrEverything) {
    const auto prepare = [](file_content& content) {
        write(content, 0, filled("a"));
        content.sync(content.changes());
        write(content, 0, filled("bc"));
        content.resize(3 * sector);
    };

    EXPECT_EQ(left_by(crash_law::nothing, prepare), std::set<std::string>{"a"});
    EXPECT_EQ(left_by(crash_law::everything, prepare), std::set<std::string>{"bc0"});
}

TEST(FileContent, AFailedWriteBackIsSeenAndNeverDurable) {
    for (std::uint64_t seed = 0; seed != 100; ++seed) {
        prng random(seed);
        file_content content;
        write(content, 0, filled("aaa"));
        content.sync(content.changes());
        write(content, 0, filled("bbb"));

        content.lose_unsynced(random);
        content.sync(content.changes());

        EXPECT_EQ(sectors_of(content), "bbb");
        EXPECT_TRUE(content.is_synced());
        content.crash(crash_law::everything, random);
        EXPECT_NE(sectors_of(content), "bbb") << seed;
    }
}

TEST(FileContent, KeepsABoundedNumberOfChanges) {
    file_content content;
    for (std::size_t i = 0; i != file_content::unsynced_max; ++i) {
        write(content, i, "a");
    }
    EXPECT_EQ(text_of(content.durable()), "");

    write(content, 0, "b");

    EXPECT_EQ(text_of(content.durable()), "a") << "the oldest was written back";
}

}  // namespace
}  // namespace drama::internal
