// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/report/crash_note.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace drama::inline v0 {
namespace {

// Read by a signal handler, so in a place that never moves.
char last_words[512];
volatile std::sig_atomic_t last_length = 0;

void tell(int) {
    // The default action was restored on entry: it follows when this returns.
    static_cast<void>(::write(STDERR_FILENO, last_words, static_cast<std::size_t>(last_length)));
}

}  // namespace

crash_note::crash_note() noexcept {
    for (std::size_t i = 0; i != signals.size(); ++i) {
        struct sigaction present{};
        if (::sigaction(signals[i], nullptr, &present) != 0 || present.sa_handler != SIG_DFL) {
            continue;
        }
        struct sigaction wanted{};
        wanted.sa_handler = &tell;
        wanted.sa_flags = SA_RESETHAND;
        ours_[i] = ::sigaction(signals[i], &wanted, nullptr) == 0;
    }
}

crash_note::~crash_note() {
    for (std::size_t i = 0; i != signals.size(); ++i) {
        if (ours_[i]) {
            ::signal(signals[i], SIG_DFL);
        }
    }
    last_length = 0;
}

void crash_note::set(const std::string& text) noexcept {
    const std::size_t length = std::min(text.size(), sizeof last_words);
    last_length = 0;
    std::memcpy(last_words, text.data(), length);
    last_length = static_cast<std::sig_atomic_t>(length);
}

}  // namespace drama::inline v0
