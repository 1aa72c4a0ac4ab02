// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/disk/internal/name_journal.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace drama::internal {
namespace {

using node = std::shared_ptr<file_node>;

node new_node(bool is_directory = false) {
    auto made = std::make_shared<file_node>();
    made->is_directory = is_directory;
    return made;
}

/// Two directories and the file `old`, which is durable as one/old.
struct tree {
    name_journal journal;
    node one = new_node(true);
    node two = new_node(true);
    node old = new_node();

    tree() {
        journal.change({{one, "old", old}});
        journal.sync(*one, journal.steps());
    }
    void move(const char* from, const node& to_folder, const char* to) {
        const node moved = one->names.at(from);
        journal.change({{one, from, nullptr}, {to_folder, to, moved}});
    }
    std::string durable() const {
        std::string made;
        for (const auto& [name, each] : one->durable_names) {
            made += name + ' ';
        }
        made += '|';
        for (const auto& [name, each] : two->durable_names) {
            made += ' ' + name;
        }
        return made;
    }
};

template <class Prepare>
std::set<std::string> left_by(crash_law law, Prepare prepare) {
    std::set<std::string> found;
    for (std::uint64_t seed = 0; seed != 200; ++seed) {
        tree on;
        prepare(on);
        prng random(seed);
        on.journal.crash(law, random);
        found.insert(on.durable());
    }
    return found;
}

TEST(NameJournal, ANameIsSeenAtOnceAndDurableAfterASyncOfItsDirectory) {
    tree on;
    on.journal.change({{on.one, "a", new_node()}});
    on.journal.change({{on.two, "b", new_node()}});

    EXPECT_TRUE(on.one->names.contains("a"));
    EXPECT_EQ(on.durable(), "old |");

    on.journal.sync(*on.one, on.journal.steps());

    EXPECT_EQ(on.durable(), "a old |");
}

TEST(NameJournal, ASyncPromisesWhatWasThereWhenItBegan) {
    tree on;
    on.journal.change({{on.one, "a", new_node()}});
    const std::uint64_t begun = on.journal.steps();
    on.journal.change({{on.one, "a", nullptr}});

    on.journal.sync(*on.one, begun);

    EXPECT_EQ(on.durable(), "a old |");
}

TEST(NameJournal, ARenameIsKeptOrLostAsOne) {
    const auto prepare = [](tree& on) { on.move("old", on.two, "new"); };

    EXPECT_EQ(left_by(crash_law::out_of_order, prepare), (std::set<std::string>{"old |", "| new"}));
    tree on;
    prepare(on);
    on.journal.sync(*on.two, on.journal.steps());
    EXPECT_EQ(on.durable(), "| new");
}

TEST(NameJournal, NewNamesAreLostInAnyOrder) {
    const auto prepare = [](tree& on) {
        on.journal.change({{on.one, "a", new_node()}});
        on.journal.change({{on.one, "b", new_node()}});
    };

    EXPECT_EQ(left_by(crash_law::out_of_order, prepare),
              (std::set<std::string>{"old |", "a old |", "b old |", "a b old |"}));
    EXPECT_EQ(left_by(crash_law::in_order, prepare),
              (std::set<std::string>{"old |", "a old |", "a b old |"}));
    EXPECT_EQ(left_by(crash_law::nothing, prepare), std::set<std::string>{"old |"});
    EXPECT_EQ(left_by(crash_law::everything, prepare), std::set<std::string>{"a b old |"});
}

TEST(NameJournal, ARenameOfAFileWhoseNameWasLostIsLostToo) {
    const auto left = left_by(crash_law::out_of_order, [](tree& on) {
        on.journal.change({{on.one, "temporary", new_node()}});
        on.move("temporary", on.one, "a");
    });

    EXPECT_EQ(left, (std::set<std::string>{"old |", "old temporary |", "a old |"}));
}

TEST(NameJournal, ARemovalComesBackUnlessItIsSynced) {
    const auto prepare = [](tree& on) { on.journal.change({{on.one, "old", nullptr}}); };

    EXPECT_EQ(left_by(crash_law::out_of_order, prepare), (std::set<std::string>{"old |", "|"}));
    tree on;
    prepare(on);
    on.journal.sync(*on.one, on.journal.steps());
    EXPECT_EQ(on.durable(), "|");
}

TEST(NameJournal, DirectoriesNeverEndUpInEachOther) {
    for (std::uint64_t seed = 0; seed != 100; ++seed) {
        name_journal journal;
        const node root = new_node(true);
        const node outer = new_node(true);
        const node inner = new_node(true);
        journal.change({{root, "outer", outer}});
        journal.change({{outer, "inner", inner}});
        journal.sync(*root, journal.steps());
        journal.sync(*outer, journal.steps());
        journal.change({{outer, "inner", nullptr}, {root, "inner", inner}});
        journal.change({{root, "outer", nullptr}, {inner, "outer", outer}});
        prng random(seed);

        journal.crash(crash_law::out_of_order, random);

        EXPECT_FALSE(inner->durable_names.contains("outer") &&
                     outer->durable_names.contains("inner"))
            << seed;
        for (const node& each : {root, outer, inner}) {  // one may keep the other, and be kept
            each->names.clear();
            each->durable_names.clear();
        }
    }
}

TEST(NameJournal, KeepsABoundedNumberOfSteps) {
    tree on;
    on.journal.change({{on.one, "first", new_node()}});
    for (std::size_t i = 1; i != name_journal::steps_max; ++i) {
        on.journal.change({{on.two, "other", new_node()}});
    }
    EXPECT_EQ(on.durable(), "old |");

    on.journal.change({{on.two, "other", new_node()}});

    EXPECT_EQ(on.durable(), "first old |") << "the oldest was written back";
}

}  // namespace
}  // namespace drama::internal
