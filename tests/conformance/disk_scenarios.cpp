// SPDX-License-Identifier: Apache-2.0
// What the disk queue must not change: large transfers that go in pieces, and stops of what waits
// in it.
#include <algorithm>
#include <vector>

#include "drama/fs/file.hpp"
#include "tests/conformance/scenario.hpp"

namespace drama::conformance {
namespace {

constexpr std::size_t large = 3 * 256 * 1024 + 77;

std::string pattern(std::size_t bytes) {
    std::string made(bytes, '\0');
    for (std::size_t i = 0; i != bytes; ++i) {
        made[i] = static_cast<char>('a' + i % 23 + i / 65536);
    }
    return made;
}

task<result<file>> new_file(std::string path) {
    open_options options;
    options.access = file_access::read_write;
    options.create = true;
    co_return co_await file::open(path, options);
}

task<result<void>> moves_large_transfers_whole(std::string directory) {
    DRAMA_CO_TRY(auto made, co_await new_file(directory + "/f"));
    const std::string text = pattern(large);
    DRAMA_CO_TRY(const std::size_t written, co_await made.write_at(5, bytes_of(text)));
    EXPECT_EQ(written, large);
    std::string back(large + 100, '\0');
    DRAMA_CO_TRY(const std::size_t got,
                 co_await made.read_at(5, std::as_writable_bytes(std::span(back))));
    EXPECT_EQ(got, large) << "and no more: the file ends";
    back.resize(got);
    EXPECT_TRUE(back == text);
    co_return done();
}

iovec part_of(std::string* text) {
    return {text->data(), text->size()};
}

task<result<void>> moves_large_vectors_whole(std::string directory) {
    DRAMA_CO_TRY(auto made, co_await new_file(directory + "/f"));
    std::string text = pattern(large);
    std::string small = "between";
    std::string empty;
    const std::array<iovec, 4> out{part_of(&small), part_of(&text), part_of(&empty),
                                   part_of(&small)};
    DRAMA_CO_TRY(const std::size_t written, co_await made.writev_at(0, out));
    EXPECT_EQ(written, large + 14);
    std::string first(large / 2, '\0');
    std::string second(large, '\0');
    const std::array<iovec, 2> in{part_of(&first), part_of(&second)};
    DRAMA_CO_TRY(const std::size_t got, co_await made.readv_at(0, in));
    EXPECT_EQ(got, large + 14);
    EXPECT_TRUE((first + second).substr(0, got) == small + text + small);
    co_return done();
}

task<result<void>> write_and_sync(file* to, std::int64_t offset, const std::string* text) {
    auto written = co_await to->write_at(offset, bytes_of(*text));
    if (!written) {
        co_return fail(written.error());
    }
    co_return co_await to->sync_data();
}

task<result<void>> spawn_writers(scope_handle scope, file* to, const std::string* text) {
    for (std::int64_t i = 0; i != 64; ++i) {
        auto child = scope.spawn(write_and_sync, to, i * 1'000'000, text);
        if (!child) {
            co_return fail(child.error());
        }
    }
    co_return result<void>();
}

// Whatever a stop meets - queued, between pieces, in the device - its task ends, and the bytes that
// it wrote from are free again.
task<result<void>> stops_a_crowd_of_writers(std::string directory) {
    DRAMA_CO_TRY(auto made, co_await new_file(directory + "/f"));
    const std::string text = pattern(large);
    auto crowd = with_deadline(3ms, in_scope(spawn_writers, &made, &text));
    auto ended = co_await std::move(crowd);
    if (!ended) {
        expect_error(ended, errc::deadline_exceeded);
    }
    DRAMA_CO_TRY(const std::size_t written, co_await made.write_at(0, bytes_of("after")));
    EXPECT_EQ(written, 5U);
    co_return co_await made.sync();
}

task<result<void>> finishes_a_crowd_of_writers(std::string directory) {
    DRAMA_CO_TRY(auto made, co_await new_file(directory + "/f"));
    const std::string text = pattern(large);
    auto crowd = in_scope(spawn_writers, &made, &text);
    auto ended = co_await std::move(crowd);
    EXPECT_TRUE(ended);
    std::string back(large, '\0');
    for (const std::int64_t i : {0, 31, 63}) {
        auto reading = made.read_exactly_at(i * 1'000'000, std::as_writable_bytes(std::span(back)));
        auto read = co_await std::move(reading);
        EXPECT_TRUE(read);
        EXPECT_TRUE(back == text);
    }
    co_return done();
}

}  // namespace

std::span<const scenario> disk_scenarios() {
    static constexpr scenario all[] = {
        {"disk_moves_large_transfers_whole", moves_large_transfers_whole},
        {"disk_moves_large_vectors_whole", moves_large_vectors_whole},
        {"disk_stops_a_crowd_of_writers", stops_a_crowd_of_writers},
        {"disk_finishes_a_crowd_of_writers", finishes_a_crowd_of_writers},
    };
    return all;
}

}  // namespace drama::conformance
