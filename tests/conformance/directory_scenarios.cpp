// SPDX-License-Identifier: Apache-2.0
// Names in the file system.
#include <algorithm>
#include <cerrno>
#include <vector>

#include "drama/fs/directory.hpp"
#include "drama/fs/file.hpp"
#include "tests/conformance/scenario.hpp"

namespace drama::conformance {
namespace {

task<result<void>> put(std::string path, std::string text) {
    open_options options;
    options.access = file_access::write_only;
    options.create = true;
    options.truncate = true;
    auto opened = co_await file::open(path, options);
    if (!opened) {
        co_return fail(opened.error());
    }
    co_return co_await opened->write_all_at(0, bytes_of(text));
}

task<std::string> get(std::string path) {
    auto opened = co_await file::open(path);
    if (!opened) {
        co_return "none: " + opened.error().message();
    }
    std::array<std::byte, 64> buffer;
    auto got = co_await opened->read_at(0, buffer);
    co_return got ? text_of(std::span(buffer).first(*got)) : got.error().message();
}

task<result<void>> renames_over(std::string directory) {
    auto old = co_await put(directory + "/old", "old");
    auto fresh = co_await put(directory + "/new", "new");
    EXPECT_TRUE(old && fresh);
    auto renamed = co_await rename_file(directory + "/new", directory + "/old");
    EXPECT_TRUE(renamed);
    auto text = co_await get(directory + "/old");
    EXPECT_EQ(text, "new");
    auto gone = co_await file::open(directory + "/new");
    expect_error(gone, ENOENT);
    co_return done();
}

task<result<void>> keeps_the_target_on_request(std::string directory) {
    auto old = co_await put(directory + "/old", "old");
    auto fresh = co_await put(directory + "/new", "new");
    EXPECT_TRUE(old && fresh);
    auto renamed = co_await rename_file(directory + "/new", directory + "/old", false);
    expect_error(renamed, EEXIST);
    auto text = co_await get(directory + "/old");
    EXPECT_EQ(text, "old");
    co_return done();
}

task<result<void>> does_not_rename_nothing(std::string directory) {
    auto renamed = co_await rename_file(directory + "/nothing", directory + "/something");
    expect_error(renamed, ENOENT);
    co_return done();
}

task<result<void>> removed_files_live_while_open(std::string directory) {
    auto made = co_await put(directory + "/f", "alive");
    EXPECT_TRUE(made);
    DRAMA_CO_TRY(auto opened, co_await file::open(directory + "/f"));
    auto removed = co_await remove_file(directory + "/f");
    EXPECT_TRUE(removed);
    std::array<std::byte, 8> buffer;
    DRAMA_CO_TRY(const std::size_t got, co_await opened.read_at(0, buffer));
    EXPECT_EQ(text_of(std::span(buffer).first(got)), "alive");
    auto again = co_await remove_file(directory + "/f");
    expect_error(again, ENOENT);
    co_return done();
}

task<result<void>> makes_and_removes_directories(std::string directory) {
    const std::string path = directory + "/d";
    auto made = co_await make_directory(path);
    EXPECT_TRUE(made);
    auto again = co_await make_directory(path);
    expect_error(again, EEXIST);
    auto orphan = co_await make_directory(directory + "/no/parent");
    expect_error(orphan, ENOENT);
    auto removed = co_await remove_directory(path);
    EXPECT_TRUE(removed);
    co_return done();
}

task<result<void>> does_not_remove_full_directories(std::string directory) {
    const std::string path = directory + "/d";
    auto made = co_await make_directory(path);
    auto filled = co_await put(path + "/f", "x");
    EXPECT_TRUE(made && filled);
    auto removed = co_await remove_directory(path);
    expect_error(removed, ENOTEMPTY);
    auto as_file = co_await remove_file(path);
    expect_error(as_file, EISDIR);
    auto as_directory = co_await remove_directory(path + "/f");
    expect_error(as_directory, ENOTDIR);
    co_return done();
}

task<result<void>> lists_names(std::string directory) {
    for (const char* name : {"/b", "/a", "/c"}) {
        auto made = co_await put(directory + name, "x");
        EXPECT_TRUE(made);
    }
    DRAMA_CO_TRY(const auto items, co_await list_directory(directory));
    std::vector<std::string> names;
    for (const auto& item : items) {
        names.push_back(item.name);
    }
    std::sort(names.begin(), names.end());
    EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "c"}));
    co_return done();
}

task<result<void>> lists_nothing_in_an_empty_one(std::string directory) {
    DRAMA_CO_TRY(const auto items, co_await list_directory(directory));
    EXPECT_TRUE(items.empty());
    co_return done();
}

task<result<void>> bounds_its_lists(std::string directory) {
    for (const char* name : {"/b", "/a", "/c"}) {
        auto made = co_await put(directory + name, "x");
        EXPECT_TRUE(made);
    }
    auto items = co_await list_directory(directory, 2);
    expect_error(items, E2BIG);
    co_return done();
}

task<result<void>> lists_only_directories(std::string directory) {
    auto made = co_await put(directory + "/f", "x");
    EXPECT_TRUE(made);
    auto items = co_await list_directory(directory + "/f");
    expect_error(items, ENOTDIR);
    auto missing = co_await list_directory(directory + "/nothing");
    expect_error(missing, ENOENT);
    co_return done();
}

task<result<void>> makes_names_durable(std::string directory) {
    auto made = co_await put(directory + "/f", "x");
    EXPECT_TRUE(made);
    auto synced = co_await sync_directory(directory);
    EXPECT_TRUE(synced);
    auto missing = co_await sync_directory(directory + "/nothing");
    expect_error(missing, ENOENT);
    co_return done();
}

task<result<void>> tells_what_stands_there(std::string directory) {
    auto made = co_await put(directory + "/f", "twelve bytes");
    EXPECT_TRUE(made);
    DRAMA_CO_TRY(const auto of_file, co_await file_status_of(directory + "/f"));
    EXPECT_EQ(of_file.kind, file_kind::regular);
    EXPECT_EQ(of_file.size, 12);
    EXPECT_GT(of_file.modified_ns, 0);
    DRAMA_CO_TRY(const auto of_directory, co_await file_status_of(directory));
    EXPECT_EQ(of_directory.kind, file_kind::directory);
    EXPECT_EQ(of_directory.permissions, 0700U);
    auto missing = co_await file_status_of(directory + "/nothing");
    expect_error(missing, ENOENT);
    co_return done();
}

}  // namespace

std::span<const scenario> directory_scenarios() {
    static constexpr scenario all[] = {
        {"dir_renames_over", renames_over},
        {"dir_keeps_the_target_on_request", keeps_the_target_on_request},
        {"dir_does_not_rename_nothing", does_not_rename_nothing},
        {"dir_removed_files_live_while_open", removed_files_live_while_open},
        {"dir_makes_and_removes_directories", makes_and_removes_directories},
        {"dir_does_not_remove_full_directories", does_not_remove_full_directories},
        {"dir_lists_names", lists_names},
        {"dir_lists_nothing_in_an_empty_one", lists_nothing_in_an_empty_one},
        {"dir_bounds_its_lists", bounds_its_lists},
        {"dir_lists_only_directories", lists_only_directories},
        {"dir_makes_names_durable", makes_names_durable},
        {"dir_tells_what_stands_there", tells_what_stands_there},
    };
    return all;
}

}  // namespace drama::conformance
