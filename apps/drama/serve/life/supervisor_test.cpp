// SPDX-License-Identifier: Apache-2.0
#include "serve/life/supervisor.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include <unistd.h>

namespace drama::cli {
namespace {

constexpr pid_t self = 1234;

/// The other end: a datagram socket with an abstract name of its own.
class manager {
  public:
    manager() : name_("drama-supervisor-test-" + std::to_string(::getpid())) {
        sockaddr_un where{};
        where.sun_family = AF_UNIX;
        std::memcpy(where.sun_path + 1, name_.data(), name_.size());
        socket_ = unique_fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(
            ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&where),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name_.size())),
            0);
    }
    std::string address() const { return "@" + name_; }
    /// The next datagram, which must be there already; empty if it is not.
    std::string next() const {
        std::array<char, 4096> text;
        const auto got = ::recv(socket_.get(), text.data(), text.size(), MSG_DONTWAIT);
        return got > 0 ? std::string(text.data(), static_cast<std::size_t>(got)) : std::string();
    }

  private:
    std::string name_;
    unique_fd socket_;
};

TEST(Supervisor, WithoutASocketNothingIsToldAndNothingFails) {
    for (const auto& variables : {supervisor_variables{}, supervisor_variables{.socket = ""}}) {
        auto nobody = supervisor::make(variables, self);

        ASSERT_TRUE(nobody);
        EXPECT_FALSE(nobody->is_there());
        nobody->ready("x");
        nobody->alive();
    }
}

TEST(Supervisor, IsToldEachStepInOneDatagram) {
    const manager above;
    auto made = supervisor::make({.socket = above.address()}, self);
    ASSERT_TRUE(made);
    EXPECT_TRUE(made->is_there());
    EXPECT_EQ(made->watchdog(), duration::zero());

    made->ready("serving");
    EXPECT_EQ(above.next(), "READY=1\nSTATUS=serving");
    made->reloading();
    EXPECT_EQ(above.next().rfind("RELOADING=1\nMONOTONIC_USEC=", 0), 0U);
    made->stopping("draining");
    EXPECT_EQ(above.next(), "STOPPING=1\nSTATUS=draining");
    made->alive();
    EXPECT_EQ(above.next(), "WATCHDOG=1");
}

TEST(Supervisor, AStatusIsOneLineOfWholeCharacters) {
    const manager above;
    auto made = supervisor::make({.socket = above.address()}, self);
    ASSERT_TRUE(made);

    made->ready("two\nlines\tREADY=0");
    EXPECT_EQ(above.next(), "READY=1\nSTATUS=two lines READY=0");
    made->ready(std::string(1023, 'a') + "\xc3\xa9" + "b");
    EXPECT_EQ(above.next(), "READY=1\nSTATUS=" + std::string(1023, 'a'));
    made->ready(std::string(1022, 'a') + "\xc3\xa9" + "b");
    EXPECT_EQ(above.next(), "READY=1\nSTATUS=" + std::string(1022, 'a') + "\xc3\xa9");
}

TEST(Supervisor, TheWatchdogIsForItsProcess) {
    const manager above;
    const auto watchdog = [&](std::optional<std::string> us, std::optional<std::string> pid) {
        return supervisor::make({above.address(), std::move(us), std::move(pid)}, self)->watchdog();
    };

    EXPECT_EQ(watchdog("30000000", "1234"), std::chrono::seconds(30));
    EXPECT_EQ(watchdog("30000000", {}), std::chrono::seconds(30));
    EXPECT_EQ(watchdog("30000000", "1235"), duration::zero());
    EXPECT_EQ(watchdog({}, "1234"), duration::zero());
}

TEST(Supervisor, WrongVariablesAreNamed) {
    const manager above;
    const auto wrong = [](std::optional<std::string> socket, std::optional<std::string> us) {
        return supervisor::make({std::move(socket), std::move(us), {}}, self).error();
    };
    const std::string longest = "/" + std::string(106, 'n');

    EXPECT_EQ(wrong("run/notify", {}),
              "NOTIFY_SOCKET: 'run/notify' is neither a path nor an abstract name");
    EXPECT_EQ(wrong("@", {}), "NOTIFY_SOCKET: '@' is neither a path nor an abstract name");
    EXPECT_TRUE(supervisor::make({.socket = longest}, self));
    EXPECT_EQ(wrong(longest + "n", {}), "NOTIFY_SOCKET: '" + longest + "n' is too long");
    for (const char* us : {"", "0", "-1", "1s"}) {
        EXPECT_EQ(wrong(above.address(), us),
                  "WATCHDOG_USEC: '" + std::string(us) + "' is no number of microseconds");
    }
}

TEST(Supervisor, TakingTheVariablesLeavesNone) {
    ::setenv("NOTIFY_SOCKET", "/nobody/is/here", 1);
    ::setenv("WATCHDOG_USEC", "5", 1);
    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);

    const auto taken = supervisor::take();

    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->watchdog(), std::chrono::microseconds(5));
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
        EXPECT_EQ(std::getenv(name), nullptr) << name;
    }
}

}  // namespace
}  // namespace drama::cli
