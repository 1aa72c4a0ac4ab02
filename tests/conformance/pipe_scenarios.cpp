// SPDX-License-Identifier: Apache-2.0
// Pipes, FIFOs and the descriptors of other libraries.
#include <cerrno>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drama/base/unique_fd.hpp"
#include "drama/fs/file.hpp"
#include "drama/net/pipe.hpp"
#include "drama/net/poll_fd.hpp"
#include "tests/conformance/scenario.hpp"

namespace drama::conformance {
namespace {

task<result<void>> carries_bytes(std::string) {
    DRAMA_CO_TRY(auto ends, make_pipe());
    auto both =
        co_await when_all(read_text(&ends.reader, 5), write_later(&ends.writer, "bytes", 1ms));
    EXPECT_TRUE(both);
    if (both) {
        EXPECT_EQ(std::get<0>(*both), "bytes");
    }
    co_return done();
}

task<result<void>> ends_with_its_writer(std::string) {
    DRAMA_CO_TRY(auto ends, make_pipe());
    auto sent = co_await ends.writer.write_all(bytes_of("x"));
    EXPECT_TRUE(sent);
    ends.writer.close();
    auto got = co_await read_text(&ends.reader, 10);
    EXPECT_EQ(got.value_or("?"), "x");
    co_return done();
}

task<result<void>> fails_without_a_reader(std::string) {
    DRAMA_CO_TRY(auto ends, make_pipe());
    ends.reader.close();
    auto sent = co_await ends.writer.write_some(bytes_of("x"));
    expect_error(sent, EPIPE);  // and the process lives
    co_return done();
}

task<result<void>> waits_while_full(std::string) {
    DRAMA_CO_TRY(auto ends, make_pipe());
    const std::string text(1'000'000, 'p');
    auto both =
        co_await when_all(write_text(&ends.writer, text), read_text(&ends.reader, text.size()));
    EXPECT_TRUE(both);
    if (both) {
        EXPECT_EQ(std::get<1>(*both).size(), text.size());
    }
    co_return done();
}

task<result<void>> write_ends_at_its_deadline(std::string) {
    DRAMA_CO_TRY(auto ends, make_pipe());
    const std::string text(1'000'000, 'p');
    auto late = co_await with_deadline(2ms, write_text(&ends.writer, text));
    expect_error(late, errc::deadline_exceeded);
    co_return done();
}

task<result<void>> read_ends_at_its_deadline(std::string) {
    DRAMA_CO_TRY(auto ends, make_pipe());
    auto late = co_await with_deadline(2ms, read_text(&ends.reader, 1));
    expect_error(late, errc::deadline_exceeded);
    co_return done();
}

// A descriptor in blocking mode, which others may share, does not block the worker.
task<result<void>> never_blocks_on_a_blocking_end(std::string) {
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    io_system& io = internal::current_io();
    pipe_reader reader(io_fd(io, ends[0]));
    pipe_writer writer(io_fd(io, ends[1]));
    auto late = co_await with_deadline(2ms, read_text(&reader, 1));
    expect_error(late, errc::deadline_exceeded);
    const std::string text(300'000, 'p');
    auto both = co_await when_all(write_text(&writer, text), read_text(&reader, text.size()));
    EXPECT_TRUE(both);
    EXPECT_EQ(::fcntl(reader.fd(), F_GETFL) & O_NONBLOCK, 0);
    co_return done();
}

task<result<void>> ping_pong(tcp_pair* pair, int rounds) {
    for (int i = 0; i < rounds; ++i) {
        auto sent = co_await pair->client.write_all(bytes_of("p"));
        auto got = co_await read_text(&pair->server, 1);
        EXPECT_TRUE(sent && got);
    }
    co_return done();
}

task<result<void>> ping_then_write(tcp_pair* pair, pipe_writer* writer) {
    auto pinged = co_await ping_pong(pair, 200);
    EXPECT_TRUE(pinged);
    co_return co_await writer->write_all(bytes_of("f"));
}

// A FIFO that nobody writes to keeps its reader waiting, and no one else.
task<result<void>> waiting_fifo_leaves_sockets_alone(std::string directory) {
    const std::string path = directory + "/fifo";
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    open_options options;
    options.non_block = true;
    DRAMA_CO_TRY(auto opened, co_await file::open(path, options));
    options.access = file_access::write_only;
    DRAMA_CO_TRY(auto other_end, co_await file::open(path, options));
    pipe_reader reader(opened.release());
    pipe_writer writer(other_end.release());
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    auto both = co_await when_all(read_text(&reader, 1), ping_then_write(&pair, &writer));
    EXPECT_TRUE(both);
    if (both) {
        EXPECT_EQ(std::get<0>(*both), "f");
    }
    co_return done();
}

task<result<void>> fifo_without_reader_cannot_be_opened(std::string directory) {
    const std::string path = directory + "/fifo";
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    open_options options;
    options.non_block = true;
    options.access = file_access::write_only;
    auto opened = co_await file::open(path, options);
    expect_error(opened, ENXIO);
    co_return done();
}

task<result<events>> poll_once(int fd, events wanted) {
    co_return co_await poll_fd(fd, wanted);
}

task<result<void>> count_up_later(int fd) {
    auto slept = co_await sleep_for(2ms);
    EXPECT_EQ(::eventfd_write(fd, 1), 0);
    co_return slept;
}

task<result<void>> polls_an_eventfd(std::string) {
    const unique_fd counter(::eventfd(0, EFD_CLOEXEC));
    auto both = co_await when_all(poll_once(counter.get(), events::readable),
                                  count_up_later(counter.get()));
    EXPECT_TRUE(both);
    if (both) {
        EXPECT_TRUE(has(std::get<0>(*both), events::readable));
    }
    // What it found stays: poll takes nothing away.
    eventfd_t value = 0;
    EXPECT_EQ(::eventfd_read(counter.get(), &value), 0);
    EXPECT_EQ(value, 1U);
    co_return done();
}

task<result<void>> polls_from_two_tasks(std::string) {
    const unique_fd counter(::eventfd(0, EFD_CLOEXEC));
    auto all = co_await when_all(poll_once(counter.get(), events::readable),
                                 poll_once(counter.get(), events::readable),
                                 count_up_later(counter.get()));
    EXPECT_TRUE(all);
    co_return done();
}

task<result<void>> polls_a_regular_file(std::string directory) {
    const std::string path = directory + "/file";
    const unique_fd opened(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    DRAMA_CO_TRY(const events ready, co_await poll_fd(opened.get(), events::readable));
    EXPECT_TRUE(has(ready, events::readable));
    co_return done();
}

task<result<void>> polls_for_room(std::string) {
    DRAMA_CO_TRY(auto ends, make_pipe());
    DRAMA_CO_TRY(const events ready, co_await poll_fd(ends.writer.fd(), events::writable));
    EXPECT_TRUE(has(ready, events::writable));
    EXPECT_FALSE(has(ready, events::readable));
    co_return done();
}

task<result<void>> poll_sees_a_hang_up(std::string) {
    DRAMA_CO_TRY(auto ends, make_pipe());
    ends.writer.close();
    DRAMA_CO_TRY(const events ready, co_await poll_fd(ends.reader.fd(), events::readable));
    EXPECT_TRUE(has(ready, events::hung_up));
    co_return done();
}

task<result<void>> poll_ends_at_its_deadline(std::string) {
    const unique_fd counter(::eventfd(0, EFD_CLOEXEC));
    auto late = co_await with_deadline(2ms, poll_once(counter.get(), events::readable));
    expect_error(late, errc::deadline_exceeded);
    co_return done();
}

task<result<void>> poll_refuses_what_is_not_open(std::string) {
    auto ready = co_await poll_fd(-1, events::readable);
    expect_error(ready, EBADF);
    co_return done();
}

// A library closes its descriptor and gets the same number for the next one.
task<result<void>> polls_a_number_that_was_used_before(std::string) {
    int number = -1;
    for (int i = 0; i < 3; ++i) {
        const unique_fd counter(::eventfd(0, EFD_CLOEXEC));
        EXPECT_TRUE(number == -1 || counter.get() == number);
        number = counter.get();
        auto late = co_await with_deadline(1ms, poll_once(number, events::readable));
        expect_error(late, errc::deadline_exceeded);
        auto both = co_await when_all(poll_once(number, events::readable), count_up_later(number));
        EXPECT_TRUE(both);
    }
    co_return done();
}

}  // namespace

std::span<const scenario> pipe_scenarios() {
    static constexpr scenario all[] = {
        {"pipe_carries_bytes", carries_bytes},
        {"pipe_ends_with_its_writer", ends_with_its_writer},
        {"pipe_fails_without_a_reader", fails_without_a_reader},
        {"pipe_waits_while_full", waits_while_full},
        {"pipe_write_ends_at_its_deadline", write_ends_at_its_deadline},
        {"pipe_read_ends_at_its_deadline", read_ends_at_its_deadline},
        {"pipe_never_blocks_on_a_blocking_end", never_blocks_on_a_blocking_end, true},
        {"pipe_waiting_fifo_leaves_sockets_alone", waiting_fifo_leaves_sockets_alone, true},
        {"pipe_fifo_without_reader", fifo_without_reader_cannot_be_opened, true},
        {"poll_eventfd", polls_an_eventfd, true},
        {"poll_from_two_tasks", polls_from_two_tasks, true},
        {"poll_regular_file", polls_a_regular_file, true},
        {"poll_for_room", polls_for_room},
        {"poll_sees_a_hang_up", poll_sees_a_hang_up},
        {"poll_ends_at_its_deadline", poll_ends_at_its_deadline, true},
        {"poll_refuses_what_is_not_open", poll_refuses_what_is_not_open},
        {"poll_number_that_was_used_before", polls_a_number_that_was_used_before, true},
    };
    return all;
}

}  // namespace drama::conformance
