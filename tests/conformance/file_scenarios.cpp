// SPDX-License-Identifier: Apache-2.0
// Files: reads, writes, their partial results and their errors.
#include <cerrno>

#include <fcntl.h>

#include "drama/fs/aligned_buffer.hpp"
#include "drama/fs/directory.hpp"
#include "drama/fs/file.hpp"
#include "tests/conformance/scenario.hpp"

namespace drama::conformance {
namespace {

open_options read_write() {
    open_options options;
    options.access = file_access::read_write;
    options.create = true;
    return options;
}

task<result<file>> file_with(std::string path, std::string text) {
    auto opened = co_await file::open(path, read_write());
    if (!opened) {
        co_return fail(opened.error());
    }
    auto written = co_await opened->write_all_at(0, bytes_of(text));
    if (!written) {
        co_return fail(written.error());
    }
    co_return std::move(opened);
}

task<result<std::string>> text_at(file* from, std::int64_t offset, std::size_t count) {
    std::string text(count, '\0');
    auto got = co_await from->read_at(offset, std::as_writable_bytes(std::span(text)));
    if (!got) {
        co_return fail(got.error());
    }
    text.resize(*got);
    co_return std::move(text);
}

task<result<void>> reads_back(std::string directory) {
    DRAMA_CO_TRY(auto made, co_await file_with(directory + "/f", "0123456789"));
    auto middle = co_await text_at(&made, 3, 4);
    EXPECT_EQ(middle.value_or("?"), "3456");
    co_return done();
}

task<result<void>> reads_short_at_the_end(std::string directory) {
    DRAMA_CO_TRY(auto made, co_await file_with(directory + "/f", "0123456789"));
    auto tail = co_await text_at(&made, 8, 100);
    EXPECT_EQ(tail.value_or("?"), "89");
    auto beyond = co_await text_at(&made, 1000, 10);
    EXPECT_EQ(beyond.value_or("?"), "");
    co_return done();
}

task<result<void>> demands_all_bytes(std::string directory) {
    DRAMA_CO_TRY(auto made, co_await file_with(directory + "/f", "0123456789"));
    std::array<std::byte, 16> buffer;
    auto some = co_await made.read_exactly_at(2, std::span(buffer).first(8));
    EXPECT_TRUE(some);
    EXPECT_EQ(text_of(std::span(buffer).first(8)), "23456789");
    auto more = co_await made.read_exactly_at(2, buffer);
    expect_error(more, errc::end_of_stream);
    co_return done();
}

task<result<void>> leaves_holes(std::string directory) {
    DRAMA_CO_TRY(auto made, co_await file_with(directory + "/f", "a"));
    auto far = co_await made.write_all_at(5, bytes_of("b"));
    EXPECT_TRUE(far);
    auto all = co_await text_at(&made, 0, 100);
    EXPECT_EQ(all.value_or("?"), std::string("a\0\0\0\0b", 6));
    co_return done();
}

iovec piece_of(std::string* text) {
    return {text->data(), text->size()};
}

task<result<void>> moves_pieces(std::string directory) {
    DRAMA_CO_TRY(auto made, co_await file::open(directory + "/f", read_write()));
    std::string one = "head ";
    std::string two = "and body";
    const std::array<iovec, 2> out{piece_of(&one), piece_of(&two)};
    DRAMA_CO_TRY(const std::size_t written, co_await made.writev_at(0, out));
    EXPECT_EQ(written, 13U);
    std::string first(3, '\0');
    std::string second(20, '\0');
    const std::array<iovec, 2> in{piece_of(&first), piece_of(&second)};
    DRAMA_CO_TRY(const std::size_t got, co_await made.readv_at(2, in));
    EXPECT_EQ(got, 11U);
    EXPECT_EQ(first + second.substr(0, 8), "ad and body");
    co_return done();
}

task<result<void>> appends(std::string directory) {
    DRAMA_CO_TRY(auto made, co_await file_with(directory + "/f", "begin"));
    open_options options;
    options.access = file_access::write_only;
    options.append = true;
    DRAMA_CO_TRY(auto log, co_await file::open(directory + "/f", options));
    auto added = co_await log.write_all_at(0, bytes_of(" end"));
    EXPECT_TRUE(added);
    auto all = co_await text_at(&made, 0, 100);
    EXPECT_EQ(all.value_or("?"), "begin end");
    co_return done();
}

task<result<void>> opens_empty_when_truncating(std::string directory) {
    DRAMA_CO_TRY(auto made, co_await file_with(directory + "/f", "old"));
    open_options options = read_write();
    options.truncate = true;
    DRAMA_CO_TRY(auto again, co_await file::open(directory + "/f", options));
    DRAMA_CO_TRY(const auto status, co_await again.status());
    EXPECT_EQ(status.size, 0);
    co_return done();
}

task<result<void>> misses_a_file(std::string directory) {
    auto opened = co_await file::open(directory + "/nothing");
    expect_error(opened, ENOENT);
    co_return done();
}

task<result<void>> creates_only_once(std::string directory) {
    open_options options = read_write();
    options.exclusive = true;
    auto first = co_await file::open(directory + "/f", options);
    EXPECT_TRUE(first);
    auto second = co_await file::open(directory + "/f", options);
    expect_error(second, EEXIST);
    co_return done();
}

task<result<void>> does_not_write_directories(std::string directory) {
    open_options options;
    options.access = file_access::read_write;
    auto opened = co_await file::open(directory, options);
    expect_error(opened, EISDIR);
    co_return done();
}

task<result<void>> does_not_read_directories(std::string directory) {
    DRAMA_CO_TRY(auto opened, co_await file::open(directory));
    auto got = co_await text_at(&opened, 0, 10);
    expect_error(got, EISDIR);
    co_return done();
}

task<result<void>> does_not_write_what_is_read_only(std::string directory) {
    DRAMA_CO_TRY(auto made, co_await file_with(directory + "/f", "x"));
    DRAMA_CO_TRY(auto reader, co_await file::open(directory + "/f"));
    auto written = co_await reader.write_at(0, bytes_of("y"));
    expect_error(written, EBADF);
    co_return done();
}

task<result<void>> reports_a_full_device(std::string) {
    open_options options;
    options.access = file_access::write_only;
    DRAMA_CO_TRY(auto full, co_await file::open("/dev/full", options));
    auto written = co_await full.write_at(0, bytes_of("x"));
    expect_error(written, ENOSPC);
    co_return done();
}

task<result<void>> refuses_negative_offsets(std::string directory) {
    DRAMA_CO_TRY(auto made, co_await file_with(directory + "/f", "x"));
    auto got = co_await text_at(&made, -1, 10);
    expect_error(got, EINVAL, "read");
    auto written = co_await made.write_at(-5, bytes_of("x"));
    expect_error(written, EINVAL, "write");
    co_return done();
}

task<result<void>> has_no_offsets_in_pipes(std::string) {
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    file reader(io_fd(internal::current_io(), ends[0]));
    const file writer(io_fd(internal::current_io(), ends[1]));
    auto got = co_await text_at(&reader, 0, 10);
    expect_error(got, ESPIPE);
    co_return done();
}

task<result<void>> demands_alignment_for_direct_io(std::string directory) {
    open_options options = read_write();
    options.direct = true;
    auto opened = co_await file::open(directory + "/f", options);
    if (!opened) {
        expect_error(opened, EINVAL, "a file system without direct IO");
        co_return done();
    }
    const aligned_buffer block(aligned_buffer::page);
    auto whole = co_await opened->write_at(0, block.span());
    EXPECT_TRUE(whole);
    auto crooked = co_await opened->write_at(0, block.span().subspan(1, 100));
    if (crooked) {
        EXPECT_EQ(*crooked, 100U) << "a file system that helps out";
    } else {
        expect_error(crooked, EINVAL);
    }
    co_return done();
}

task<result<void>> changes_its_size(std::string directory) {
    DRAMA_CO_TRY(auto made, co_await file_with(directory + "/f", "0123456789"));
    auto shorter = co_await made.truncate(4);
    EXPECT_TRUE(shorter);
    auto longer = co_await made.truncate(6);
    EXPECT_TRUE(longer);
    auto all = co_await text_at(&made, 0, 100);
    EXPECT_EQ(all.value_or("?"), std::string("0123\0\0", 6));
    auto negative = co_await made.truncate(-1);
    expect_error(negative, EINVAL);
    co_return done();
}

task<result<void>> reserves_room(std::string directory) {
    DRAMA_CO_TRY(auto made, co_await file::open(directory + "/f", read_write()));
    auto reserved = co_await made.allocate(0, 65536);
    if (!reserved) {
        expect_error(reserved, EOPNOTSUPP, "a file system without reservation");
        co_return done();
    }
    DRAMA_CO_TRY(const auto status, co_await made.status());
    EXPECT_EQ(status.size, 65536);
    EXPECT_GE(status.allocated, 65536);
    auto nothing = co_await made.allocate(0, 0);
    expect_error(nothing, EINVAL);
    co_return done();
}

task<result<void>> syncs(std::string directory) {
    DRAMA_CO_TRY(auto made, co_await file_with(directory + "/f", "durable"));
    auto all = co_await made.sync();
    EXPECT_TRUE(all);
    auto data = co_await made.sync_data();
    EXPECT_TRUE(data);
    co_return done();
}

task<result<void>> does_not_sync_pipes(std::string) {
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const file reader(io_fd(internal::current_io(), ends[0]));
    file writer(io_fd(internal::current_io(), ends[1]));
    auto synced = co_await writer.sync();
    expect_error(synced, EINVAL);
    co_return done();
}

task<result<void>> fails_on_a_closed_file(std::string directory) {
    DRAMA_CO_TRY(auto made, co_await file_with(directory + "/f", "x"));
    co_await made.close();
    EXPECT_FALSE(made.is_open());
    auto got = co_await text_at(&made, 0, 1);
    expect_error(got, EBADF);
    co_return done();
}

task<result<void>> does_not_begin_when_stopped(std::string directory) {
    DRAMA_CO_TRY(auto made, co_await file_with(directory + "/f", "x"));
    auto got = co_await run_stopped(text_at, &made, 0, 1);
    expect_error(got, errc::stop_requested);
    co_return done();
}

task<result<void>> copy_block(file* in, int index) {
    std::array<std::byte, 512> buffer;
    auto got = co_await in->read_at(index * 512, buffer);
    EXPECT_TRUE(got);
    if (got) {
        EXPECT_EQ(*got, 512U);
        EXPECT_EQ(static_cast<int>(buffer[511]), index % 256);
    }
    co_return done();
}

task<result<void>> spawn_reads(scope_handle scope, file* in, int count) {
    for (int i = 0; i < count; ++i) {
        auto child = scope.spawn(copy_block, in, i);
        EXPECT_TRUE(child);
    }
    co_return done();
}

// More reads at once than any ring or pool holds.
task<result<void>> reads_a_thousand_at_once(std::string directory) {
    constexpr int blocks = 1000;
    std::string text;
    for (int i = 0; i < blocks; ++i) {
        text.append(512, static_cast<char>(i % 256));
    }
    DRAMA_CO_TRY(auto made, co_await file_with(directory + "/f", text));
    auto all = co_await in_scope(spawn_reads, &made, blocks);
    EXPECT_TRUE(all);
    co_return done();
}

task<result<void>> read_until_stopped(file* from) {
    for (;;) {
        auto got = co_await text_at(from, 0, 4096);
        if (!got) {
            co_return fail(got.error());
        }
    }
}

task<result<void>> deadline_ends_a_loop_of_reads(std::string directory) {
    DRAMA_CO_TRY(auto made, co_await file_with(directory + "/f", "x"));
    auto late = co_await with_deadline(5ms, read_until_stopped(&made));
    expect_error(late, errc::deadline_exceeded);
    auto got = co_await text_at(&made, 0, 1);
    EXPECT_EQ(got.value_or("?"), "x");
    co_return done();
}

task<result<void>> open_and_close(std::string path, int rounds) {
    for (int i = 0; i < rounds; ++i) {
        auto opened = co_await file::open(path);
        EXPECT_TRUE(opened);
        if (opened) {
            auto got = co_await text_at(&*opened, 0, 1);
            EXPECT_EQ(got.value_or("?"), "x");
            co_await opened->close();
        }
    }
    co_return done();
}

task<result<void>> spawn_openers(scope_handle scope, std::string path) {
    for (int i = 0; i < 40; ++i) {
        auto child = scope.spawn(open_and_close, path, 25);
        EXPECT_TRUE(child);
    }
    co_return done();
}

// Files and blocking calls of one tenant, on threads of two pools.
task<result<void>> mixes_with_blocking_calls(std::string directory) {
    DRAMA_CO_TRY(auto made, co_await file_with(directory + "/f", "x"));
    co_return co_await in_scope(spawn_openers, directory + "/f");
}

}  // namespace

std::span<const scenario> file_scenarios() {
    static constexpr scenario all[] = {
        {"file_reads_back", reads_back},
        {"file_reads_short_at_the_end", reads_short_at_the_end},
        {"file_demands_all_bytes", demands_all_bytes},
        {"file_leaves_holes", leaves_holes},
        {"file_moves_pieces", moves_pieces},
        {"file_appends", appends},
        {"file_opens_empty_when_truncating", opens_empty_when_truncating},
        {"file_misses_a_file", misses_a_file},
        {"file_creates_only_once", creates_only_once},
        {"file_does_not_write_directories", does_not_write_directories},
        {"file_does_not_read_directories", does_not_read_directories},
        {"file_does_not_write_what_is_read_only", does_not_write_what_is_read_only},
        {"file_reports_a_full_device", reports_a_full_device, true},
        {"file_refuses_negative_offsets", refuses_negative_offsets},
        {"file_has_no_offsets_in_pipes", has_no_offsets_in_pipes, true},
        {"file_demands_alignment_for_direct_io", demands_alignment_for_direct_io},
        {"file_changes_its_size", changes_its_size},
        {"file_reserves_room", reserves_room},
        {"file_syncs", syncs},
        {"file_does_not_sync_pipes", does_not_sync_pipes, true},
        {"file_fails_when_closed", fails_on_a_closed_file},
        {"file_does_not_begin_when_stopped", does_not_begin_when_stopped},
        {"file_reads_a_thousand_at_once", reads_a_thousand_at_once},
        {"file_mixes_with_blocking_calls", mixes_with_blocking_calls},
        {"file_deadline_ends_a_loop_of_reads", deadline_ends_a_loop_of_reads},
    };
    return all;
}

}  // namespace drama::conformance
