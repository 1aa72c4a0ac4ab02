// SPDX-License-Identifier: Apache-2.0
// Signals, child processes and names.
#include <cerrno>
#include <csignal>

#include <unistd.h>

#include "drama/net/process/child_process.hpp"
#include "drama/net/process/signal_set.hpp"
#include "drama/net/resolve.hpp"
#include "tests/conformance/scenario.hpp"

namespace drama::conformance {
namespace {

child_options shell(std::string script) {
    child_options options;
    options.arguments = {"-c", std::move(script)};
    return options;
}

task<result<exit_status>> run_script(std::string script) {
    auto started = co_await child_process::start("/bin/sh", shell(std::move(script)));
    if (!started) {
        co_return fail(started.error());
    }
    co_return co_await started->wait();
}

task<result<void>> tells_exit_codes(std::string) {
    DRAMA_CO_TRY(const auto good, co_await run_script("exit 0"));
    EXPECT_TRUE(good.is_success());
    DRAMA_CO_TRY(const auto bad, co_await run_script("exit 42"));
    EXPECT_EQ(bad.code, 42);
    EXPECT_EQ(bad.signal, 0);
    co_return done();
}

task<result<void>> tells_the_signal_that_ended_it(std::string) {
    DRAMA_CO_TRY(const auto killed, co_await run_script("kill -TERM $$"));
    EXPECT_EQ(killed.signal, SIGTERM);
    EXPECT_FALSE(killed.is_success());
    co_return done();
}

task<result<void>> talks_through_pipes(std::string) {
    child_options options = shell("cat; echo problem >&2");
    options.input = child_stream::pipe;
    options.output = child_stream::pipe;
    options.error = child_stream::pipe;
    DRAMA_CO_TRY(auto child, co_await child_process::start("sh", options));
    auto sent = co_await child.input().write_all(bytes_of("question"));
    EXPECT_TRUE(sent);
    child.input().close();
    auto answer = co_await read_text(&child.output(), 100);
    EXPECT_EQ(answer.value_or("?"), "question");
    auto problem = co_await read_text(&child.error_output(), 100);
    EXPECT_EQ(problem.value_or("?"), "problem\n");
    DRAMA_CO_TRY(const auto ended, co_await child.wait());
    EXPECT_TRUE(ended.is_success());
    co_return done();
}

task<result<void>> sets_directory_and_environment(std::string directory) {
    child_options options = shell("echo $PWD $WORD $HOME");
    options.directory = directory;
    options.environment = std::vector<std::string>{"WORD=given"};
    options.output = child_stream::pipe;
    DRAMA_CO_TRY(auto child, co_await child_process::start("/bin/sh", options));
    auto said = co_await read_text(&child.output(), 1000);
    EXPECT_EQ(said.value_or("?"), directory + " given\n");
    DRAMA_CO_TRY(const auto ended, co_await child.wait());
    EXPECT_TRUE(ended.is_success());
    co_return done();
}

task<result<void>> misses_a_program(std::string directory) {
    auto started = co_await child_process::start(directory + "/nothing");
    expect_error(started, ENOENT);
    co_return done();
}

task<result<exit_status>> wait_for(child_process* child) {
    co_return co_await child->wait();
}

task<result<void>> child_outlives_a_deadline(std::string) {
    DRAMA_CO_TRY(auto child, co_await child_process::start("/bin/sh", shell("exec sleep 100")));
    auto late = co_await with_deadline(5ms, wait_for(&child));
    expect_error(late, errc::deadline_exceeded);
    EXPECT_TRUE(child.kill(SIGKILL));
    DRAMA_CO_TRY(const auto ended, co_await child.wait());
    EXPECT_EQ(ended.signal, SIGKILL);
    expect_error(child.kill(SIGKILL), ESRCH);
    co_return done();
}

task<result<void>> forgotten_child_is_ended(std::string) {
    int pid = -1;
    {
        DRAMA_CO_TRY(auto child, co_await child_process::start("/bin/sh", shell("exec sleep 100")));
        pid = child.pid();
    }
    EXPECT_EQ(::kill(pid, 0), -1);
    EXPECT_EQ(errno, ESRCH);
    co_return done();
}

task<result<int>> wait_for_signal(signal_set* signals) {
    co_return co_await signals->wait();
}

task<result<void>> raise_later(int number) {
    auto slept = co_await sleep_for(2ms);
    EXPECT_EQ(::kill(::getpid(), number), 0);
    co_return slept;
}

task<result<void>> waits_for_a_signal(std::string) {
    DRAMA_CO_TRY(auto signals, signal_set::open({SIGUSR1}));
    auto both = co_await when_all(wait_for_signal(&signals), raise_later(SIGUSR1));
    EXPECT_TRUE(both);
    if (both) {
        EXPECT_EQ(std::get<0>(*both), SIGUSR1);
    }
    co_return done();
}

task<result<void>> equal_signals_are_one(std::string) {
    DRAMA_CO_TRY(auto signals, signal_set::open({SIGUSR1}));
    ::kill(::getpid(), SIGUSR1);
    ::kill(::getpid(), SIGUSR1);
    DRAMA_CO_TRY(const int first, co_await signals.wait());
    EXPECT_EQ(first, SIGUSR1);
    auto second = co_await with_deadline(2ms, wait_for_signal(&signals));
    expect_error(second, errc::deadline_exceeded);
    co_return done();
}

task<result<void>> wants_signals_blocked(std::string) {
    expect_error(signal_set::open({SIGUSR2}), errc::bad_argument);
    expect_error(signal_set::open({12345}), EINVAL);
    co_return done();
}

task<result<void>> resolves_a_name(std::string) {
    DRAMA_CO_TRY(const auto found, co_await resolve("localhost", "80"));
    EXPECT_FALSE(found.empty());
    EXPECT_EQ(found.front().port(), 80);
    co_return done();
}

task<result<void>> resolves_numbers_at_once(std::string) {
    const endpoint numeric{"127.0.0.1", 81};
    DRAMA_CO_TRY(const auto found, co_await resolve(numeric));
    EXPECT_EQ(found.front().to_string(), "127.0.0.1:81");
    co_return done();
}

task<result<void>> misses_a_name(std::string) {
    auto found = co_await resolve("no-such-host.invalid", "80");
    EXPECT_FALSE(found);
    if (!found) {  // EAGAIN: there is no server to ask
        EXPECT_TRUE(found.error() == errno_code(ENOENT) || found.error() == errno_code(EAGAIN))
            << found.error().message();
    }
    const endpoint nowhere{"no-such-host.invalid", 80};
    auto connected = co_await tcp_connect(nowhere);
    EXPECT_FALSE(connected);
    co_return done();
}

task<result<void>> refuses_unknown_services(std::string) {
    auto found = co_await resolve("localhost", "no-such-service");
    expect_error(found, EINVAL);
    co_return done();
}

task<result<std::vector<socket_address>>> resolve_local() {
    co_return co_await resolve("localhost", "80");
}

task<result<void>> does_not_resolve_when_stopped(std::string) {
    auto found = co_await run_stopped(resolve_local);
    expect_error(found, errc::stop_requested);
    co_return done();
}

}  // namespace

std::span<const scenario> process_scenarios() {
    static constexpr scenario all[] = {
        {"child_tells_exit_codes", tells_exit_codes, true},
        {"child_tells_the_signal_that_ended_it", tells_the_signal_that_ended_it, true},
        {"child_talks_through_pipes", talks_through_pipes, true},
        {"child_gets_directory_and_environment", sets_directory_and_environment, true},
        {"child_misses_a_program", misses_a_program, true},
        {"child_outlives_a_deadline", child_outlives_a_deadline, true},
        {"child_is_ended_when_forgotten", forgotten_child_is_ended, true},
        {"signal_is_awaited", waits_for_a_signal, true},
        {"signal_equal_ones_are_one", equal_signals_are_one, true},
        {"signal_must_be_blocked", wants_signals_blocked, true},
        {"name_resolves", resolves_a_name},
        {"name_numeric_resolves_at_once", resolves_numbers_at_once},
        {"name_is_missed", misses_a_name},
        {"name_of_unknown_service", refuses_unknown_services},
        {"name_does_not_resolve_when_stopped", does_not_resolve_when_stopped},
    };
    return all;
}

}  // namespace drama::conformance
