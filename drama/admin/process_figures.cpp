// SPDX-License-Identifier: Apache-2.0
#include "drama/admin/process_figures.hpp"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <sys/resource.h>
#include <unistd.h>

namespace drama::inline v0 {
namespace {

std::string text_of(const char* path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// The number after the `skip`-th space; 0 if there is none.
std::uint64_t field(std::string_view text, int skip) {
    for (; skip > 0; --skip) {
        const std::size_t space = text.find(' ');
        if (space == std::string_view::npos) {
            return 0;
        }
        text.remove_prefix(space + 1);
    }
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

std::uint64_t count_open_fds() {
    std::error_code error;
    std::uint64_t count = 0;
    for (std::filesystem::directory_iterator each("/proc/self/fd", error), end;
         !error && each != end; each.increment(error)) {
        ++count;
    }
    return count > 0 ? count - 1 : 0;  // one was for looking
}

// /proc/stat has a line "btime 1700000000": when the machine was started.
double boot_time() {
    const std::string text = text_of("/proc/stat");
    const std::size_t at = text.find("btime ");
    return at == std::string::npos ? 0 : static_cast<double>(field(text.substr(at), 1));
}

}  // namespace

process_figures read_process_figures() {
    process_figures seen;
    rusage used{};
    if (::getrusage(RUSAGE_SELF, &used) == 0) {
        const auto as_seconds = [](const timeval& of) {
            return static_cast<double>(of.tv_sec) + static_cast<double>(of.tv_usec) / 1e6;
        };
        seen.cpu_seconds = as_seconds(used.ru_utime) + as_seconds(used.ru_stime);
    }
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        seen.max_fds = limit.rlim_cur;
    }
    seen.open_fds = count_open_fds();
    seen.resident_bytes =
        field(text_of("/proc/self/statm"), 1) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    // After the name, which may hold spaces: state is field 3, threads 20, start time 22.
    const std::string stat = text_of("/proc/self/stat");
    if (const std::size_t name_end = stat.rfind(')'); name_end != std::string::npos) {
        const std::string_view rest = std::string_view(stat).substr(name_end);
        seen.threads = field(rest, 18);
        seen.start_time_seconds = boot_time() + static_cast<double>(field(rest, 20)) /
                                                    static_cast<double>(::sysconf(_SC_CLK_TCK));
    }
    return seen;
}

}  // namespace drama::inline v0
