// SPDX-License-Identifier: Apache-2.0
// The main of every test binary: runs the tests, then fails if they left a file descriptor open.
#include <dirent.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

int count_open_fds(bool print) {
    int count = 0;
    DIR* directory = ::opendir("/proc/self/fd");
    if (directory == nullptr) {
        return -1;
    }
    while (const dirent* entry = ::readdir(directory)) {
        const int fd = std::atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd == ::dirfd(directory)) {
            continue;
        }
        ++count;
        if (print) {
            char target[256] = {};
            const std::string link = std::string("/proc/self/fd/") + entry->d_name;
            if (::readlink(link.c_str(), target, sizeof target - 1) > 0) {
                std::fprintf(stderr, "  open: fd %d -> %s\n", fd, target);
            }
        }
    }
    ::closedir(directory);
    return count;
}

}  // namespace

int main(int argc, char** argv) {
    ::testing::InitGoogleTest(&argc, argv);
    const int before = count_open_fds(false);
    int status = RUN_ALL_TESTS();
    const int after = count_open_fds(false);
    if (after > before) {
        std::fprintf(stderr, "fd leak: %d open before the tests, %d after\n", before, after);
        count_open_fds(true);
        status = 1;
    }
    return status;
}
