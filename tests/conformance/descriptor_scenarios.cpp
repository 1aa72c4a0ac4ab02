// SPDX-License-Identifier: Apache-2.0
// A process without descriptors: refusals that clients see, no spinning, a quick recovery.
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>

#include "drama/base/unique_fd.hpp"
#include "drama/fs/file.hpp"
#include "drama/net/pipe.hpp"
#include "drama/net/poll_fd.hpp"
#include "tests/conformance/scenario.hpp"

namespace drama::conformance {
namespace {

int highest_fd() {
    int highest = 0;
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc/self/fd"), &::closedir);
    while (const dirent* each = ::readdir(directory.get())) {
        highest = std::max(highest, std::atoi(each->d_name));
    }
    return highest;
}

// Lowers the limit of descriptors and takes all that are free; gives everything back at its end.
class exhausted_descriptors {
  public:
    explicit exhausted_descriptors(int left = 0) {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit lowered = before_;
        lowered.rlim_cur = static_cast<rlim_t>(highest_fd()) + 8;
        ::setrlimit(RLIMIT_NOFILE, &lowered);
        take_all();
        for (int i = 0; i < left; ++i) {
            give_one();
        }
    }
    exhausted_descriptors(const exhausted_descriptors&) = delete;
    exhausted_descriptors& operator=(const exhausted_descriptors&) = delete;
    ~exhausted_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

    void take_all() {
        for (;;) {
            unique_fd taken(::open("/dev/null", O_RDONLY | O_CLOEXEC));
            if (!taken) {
                return;
            }
            taken_.push_back(std::move(taken));
        }
    }
    void give_one() { taken_.pop_back(); }

  private:
    rlimit before_{};
    std::vector<unique_fd> taken_;
};

duration cpu_time() {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

task<result<int>> accept_all(tcp_listener* listener) {
    std::vector<tcp_stream> served;
    for (;;) {
        auto stream = co_await listener->accept();
        if (!stream) {
            co_return static_cast<int>(served.size());
        }
        served.push_back(*std::move(stream));
    }
}

// The client is made before descriptors run out; nobody accepts it until then.
task<result<void>> refused_client_sees_an_end(std::string) {
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(loopback()));
    DRAMA_CO_TRY(const auto where, listener.local());
    DRAMA_CO_TRY(auto client, co_await tcp_connect(where));
    const exhausted_descriptors none;
    auto both =
        co_await when_all(read_text(&client, 1), with_deadline(50ms, accept_all(&listener)));
    EXPECT_TRUE(both);
    if (both) {
        EXPECT_EQ(std::get<0>(*both), "");
        EXPECT_EQ(std::get<1>(*both), 0);
    }
    EXPECT_EQ(listener.refused_for_descriptors(), 1U);
    co_return done();
}

task<result<void>> accept_without_descriptors_does_not_spin(std::string) {
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(loopback()));
    DRAMA_CO_TRY(const auto where, listener.local());
    std::vector<tcp_stream> clients;
    for (int i = 0; i < 30; ++i) {
        DRAMA_CO_TRY(auto client, co_await tcp_connect(where));
        clients.push_back(std::move(client));
    }
    const exhausted_descriptors none;
    const duration before = cpu_time();
    auto accepted = co_await with_deadline(500ms, accept_all(&listener));
    const duration used = cpu_time() - before;
    EXPECT_EQ(accepted.value_or(-1), 0);
    EXPECT_LT(used, 25ms) << "5 % of the time";
    EXPECT_GE(listener.refused_for_descriptors(), 8U);
    co_return done();
}

task<result<void>> give_later(exhausted_descriptors* none, runnable* clock, instant* when) {
    auto slept = co_await sleep_for(200ms);
    *when = clock->home->now();
    none->give_one();
    none->give_one();
    co_return slept;
}

task<result<instant>> accept_one(tcp_listener* listener, runnable* clock) {
    auto stream = co_await listener->accept();
    if (!stream) {
        co_return fail(stream.error());
    }
    co_return clock->home->now();
}

task<result<void>> accept_recovers_soon(std::string) {
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(loopback()));
    DRAMA_CO_TRY(const auto where, listener.local());
    std::vector<tcp_stream> clients;
    for (int i = 0; i < 60; ++i) {
        DRAMA_CO_TRY(auto client, co_await tcp_connect(where));
        clients.push_back(std::move(client));
    }
    runnable& self = co_await this_task();
    exhausted_descriptors none;
    instant given = long_ago;
    auto both = co_await when_all(accept_one(&listener, &self), give_later(&none, &self, &given));
    EXPECT_TRUE(both);
    if (both) {
        EXPECT_LE(std::get<0>(*both) - given, 100ms);
        EXPECT_GE(std::get<0>(*both), given);
    }
    co_return done();
}

// Forbids every new descriptor, whatever is closed meanwhile: the reserve is of no use then.
class forbidden_descriptors {
  public:
    forbidden_descriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit lowered = before_;
        lowered.rlim_cur = 3;
        ::setrlimit(RLIMIT_NOFILE, &lowered);
    }
    forbidden_descriptors(const forbidden_descriptors&) = delete;
    forbidden_descriptors& operator=(const forbidden_descriptors&) = delete;
    ~forbidden_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

  private:
    rlimit before_{};
};

task<result<duration>> wait_while_forbidden(tcp_listener* listener) {
    const forbidden_descriptors none;
    const duration before = cpu_time();
    auto accepted = co_await with_deadline(500ms, accept_all(listener));
    EXPECT_EQ(accepted.value_or(-1), 0);
    co_return cpu_time() - before;
}

task<result<void>> accept_without_reserve_does_not_spin(std::string) {
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(loopback()));
    DRAMA_CO_TRY(const auto where, listener.local());
    DRAMA_CO_TRY(auto client, co_await tcp_connect(where));
    DRAMA_CO_TRY(const duration used, co_await wait_while_forbidden(&listener));
    EXPECT_LT(used, 25ms) << "5 % of the time";
    EXPECT_EQ(listener.refused_for_descriptors(), 0U);
    auto accepted = co_await listener.accept();
    EXPECT_TRUE(accepted);
    co_return done();
}

task<result<void>> connect_reports_the_lack(std::string) {
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(loopback()));
    DRAMA_CO_TRY(const auto where, listener.local());
    const exhausted_descriptors none;
    auto made = co_await tcp_connect(where);
    expect_error(made, EMFILE);
    co_return done();
}

task<result<void>> open_reports_the_lack(std::string) {
    const exhausted_descriptors none;
    auto opened = co_await file::open("/dev/null");
    expect_error(opened, EMFILE);
    co_return done();
}

task<result<void>> pipe_and_poll_report_the_lack(std::string) {
    const exhausted_descriptors one_left(1);
    expect_error(make_pipe(), EMFILE);
    exhausted_descriptors none;
    auto ready = co_await poll_fd(0, events::readable);
    expect_error(ready, EMFILE);
    co_return done();
}

task<result<void>> accept_uses_the_last_descriptor(std::string) {
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(loopback()));
    DRAMA_CO_TRY(const auto where, listener.local());
    DRAMA_CO_TRY(auto client, co_await tcp_connect(where));
    const exhausted_descriptors one_left(1);
    auto accepted = co_await listener.accept();
    EXPECT_TRUE(accepted);
    EXPECT_EQ(listener.refused_for_descriptors(), 0U);
    co_return done();
}

}  // namespace

std::span<const scenario> descriptor_scenarios() {
    static constexpr scenario all[] = {
        {"fds_refused_client_sees_an_end", refused_client_sees_an_end, true},
        {"fds_accept_does_not_spin", accept_without_descriptors_does_not_spin, true},
        {"fds_accept_does_not_spin_without_reserve", accept_without_reserve_does_not_spin, true},
        {"fds_accept_recovers_soon", accept_recovers_soon, true},
        {"fds_connect_reports_the_lack", connect_reports_the_lack, true},
        {"fds_open_reports_the_lack", open_reports_the_lack, true},
        {"fds_pipe_and_poll_report_the_lack", pipe_and_poll_report_the_lack, true},
        {"fds_accept_uses_the_last_one", accept_uses_the_last_descriptor, true},
    };
    return all;
}

}  // namespace drama::conformance
