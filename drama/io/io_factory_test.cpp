// SPDX-License-Identifier: Apache-2.0
#include "drama/io/io_factory.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace drama::inline v0 {
namespace {

TEST(IoFactory, SaysInOneLineWhatItChose) {
    std::string reason;
    const auto asked = make_io_system(io_choice::epoll, &reason);
    ASSERT_TRUE(asked);
    EXPECT_STREQ((*asked)->name(), "epoll");
    EXPECT_EQ(reason, "io: epoll, as asked");

    const auto chosen = make_io_system(io_choice::automatic, &reason);
    ASSERT_TRUE(chosen);
    EXPECT_NE(reason.find((*chosen)->name() == std::string("uring") ? "io_uring for files"
                                                                    : "epoll, because"),
              std::string::npos)
        << reason;
    EXPECT_EQ(reason.find('\n'), std::string::npos);
}

constexpr int cannot_forbid = 77;

bool set_filter(std::span<sock_filter> program) {
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// A system call is refused from now on.
bool forbid(std::uint32_t call, unsigned error) {
    std::array program{
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    return set_filter(program);
}

// One kind of registration with rings is.
bool forbid_registration(std::uint32_t kind, unsigned error) {
    std::array program{
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_register, 0, 3),
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[1])),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kind, 0, 1),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    return set_filter(program);
}

// A filter stays for ever, so what meets it happens in a child. Yields what it says.
int in_a_child(const std::function<int()>& what) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(what());
    }
    int status = 0;
    return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status)
               ? WEXITSTATUS(status)
               : -1;
}

bool goes_without_rings(unsigned error) {
    std::string reason;
    const auto chosen = make_io_system(io_choice::automatic, &reason);
    const auto asked = make_io_system(io_choice::uring);
    return chosen && (*chosen)->name() == std::string("epoll") &&
           reason.starts_with("io: epoll, because io_uring: ") && !asked &&
           asked.error() == errno_code(static_cast<int>(error));
}

class IoFactoryForbidden : public ::testing::TestWithParam<unsigned> {};

INSTANTIATE_TEST_SUITE_P(Errors, IoFactoryForbidden,
                         ::testing::Values(unsigned{EPERM}, unsigned{ENOSYS}));

TEST_P(IoFactoryForbidden, FallsBackToEpollWhereTheKernelSaysNo) {
    const int said = in_a_child([error = GetParam()] {
        if (!forbid(__NR_io_uring_setup, error)) {
            return cannot_forbid;
        }
        return goes_without_rings(error) ? 0 : 1;
    });
    if (said == cannot_forbid) {
        GTEST_SKIP() << "seccomp is not available";
    }
    EXPECT_EQ(said, 0);
}

// A ring that cannot be asked, or not be bound to its list, is none.
TEST(IoFactory, FallsBackToEpollWhereARingCannotBeSetUpAsItMust) {
    if (!make_io_system(io_choice::uring)) {
        GTEST_SKIP() << "io_uring is not available";
    }
    for (const std::uint32_t kind :
         {IORING_REGISTER_PROBE, IORING_REGISTER_RESTRICTIONS, IORING_REGISTER_ENABLE_RINGS}) {
        const int said = in_a_child([kind] {
            if (!forbid_registration(kind, EPERM)) {
                return cannot_forbid;
            }
            return goes_without_rings(EPERM) ? 0 : 1;
        });
        if (said == cannot_forbid) {
            GTEST_SKIP() << "seccomp is not available";
        }
        EXPECT_EQ(said, 0) << kind;
    }
}

// Without descriptors left for one of the two that a backend needs.
TEST(IoFactory, TellsWhyABackendCannotBeMade) {
    const std::array<std::uint32_t, 2> needed{__NR_epoll_create1, __NR_eventfd2};
    for (const std::uint32_t call : needed) {
        const int said = in_a_child([call] {
            const auto made = make_io_system(io_choice::epoll);
            if (!made || !forbid(call, EMFILE)) {
                return cannot_forbid;
            }
            const auto backend = (*made)->make_backend(0);
            return !backend && backend.error() == errno_code(EMFILE) ? 0 : 1;
        });
        if (said == cannot_forbid) {
            GTEST_SKIP() << "seccomp is not available";
        }
        EXPECT_EQ(said, 0) << call;
    }
}

}  // namespace
}  // namespace drama::inline v0
