// SPDX-License-Identifier: Apache-2.0
#include "drama/io/io_factory.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>

#include <linux/filter.h>
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

// As the default seccomp profile of containers: io_uring_setup is refused.
bool forbid_io_uring(unsigned error) {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{std::size(program), program};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

class IoFactoryForbidden : public ::testing::TestWithParam<unsigned> {};

INSTANTIATE_TEST_SUITE_P(Errors, IoFactoryForbidden,
                         ::testing::Values(unsigned{EPERM}, unsigned{ENOSYS}));

TEST_P(IoFactoryForbidden, FallsBackToEpollWhereTheKernelSaysNo) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        if (!forbid_io_uring(GetParam())) {
            ::_exit(77);
        }
        std::string reason;
        const auto chosen = make_io_system(io_choice::automatic, &reason);
        const auto asked = make_io_system(io_choice::uring);
        const bool is_right = chosen && (*chosen)->name() == std::string("epoll") &&
                              reason.starts_with("io: epoll, because io_uring: ") && !asked &&
                              asked.error() == errno_code(static_cast<int>(GetParam()));
        ::_exit(is_right ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        GTEST_SKIP() << "seccomp is not available";
    }
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace drama::inline v0
