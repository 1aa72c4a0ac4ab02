// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/internal/descriptor_table.hpp"

#include <cerrno>

#include "drama/base/assert.hpp"
#include "drama/sim/internal/sim_backend.hpp"
#include "drama/sim/node/sim_process.hpp"

namespace drama::inline v0::internal {

descriptor_table::descriptor_table(sim_scheduler& in) noexcept : scheduler_(in) {
    burial_.of = this;
    burial_.fire = [](timed_event& event) noexcept {
        static_cast<burial_event&>(event).of->dead_.clear();
    };
}

descriptor_table::~descriptor_table() {
    close_all();
    scheduler_.cancel(burial_);
}

void descriptor_table::close_all() noexcept {
    for (std::size_t index = 0; index < numbers_.size(); ++index) {
        close(first_fd + static_cast<int>(index));
    }
}

int descriptor_table::add(sim_descriptor& what, sim_process& by, std::size_t most) {
    if (open_ >= most || by.open_fds >= by.fds_max) {
        return -EMFILE;
    }
    std::size_t index = numbers_.size();
    if (free_.empty()) {
        numbers_.push_back({.what = &what, .owner = &by});
        free_.reserve(numbers_.size());
    } else {
        index = static_cast<std::size_t>(free_.back());
        free_.pop_back();
        numbers_[index] = {.what = &what, .owner = &by};
    }
    ++open_;
    ++by.open_fds;
    ++what.references_;
    what.table_ = this;
    return first_fd + static_cast<int>(index);
}

sim_descriptor* descriptor_table::find(int fd) noexcept {
    const auto index = static_cast<std::size_t>(fd) - first_fd;
    return fd < first_fd || index >= numbers_.size() ? nullptr : numbers_[index].what;
}

void descriptor_table::close_all_of(const sim_process& owner, bool power_fails) noexcept {
    for (std::size_t index = 0; index < numbers_.size(); ++index) {
        if (numbers_[index].owner != &owner) {
            continue;
        }
        sim_descriptor& what = *numbers_[index].what;
        const int fd = first_fd + static_cast<int>(index);
        what.retire(fd);
        if (power_fails && what.references_ == 1) {
            what.on_power_loss();
        }
        close(fd);
    }
}

sim_process& descriptor_table::owner_of(int fd) noexcept {
    sim_process* const owner = numbers_[static_cast<std::size_t>(fd - first_fd)].owner;
    DRAMA_ASSERT(owner != nullptr, "an operation uses a number that nobody has");
    return *owner;
}

sim_backend& descriptor_table::home_of(int fd) noexcept {
    sim_backend* const home = numbers_[static_cast<std::size_t>(fd - first_fd)].home;
    DRAMA_ASSERT(home != nullptr, "an operation waits by a number without a home");
    return *home;
}

sim_backend& descriptor_table::home_of(int fd, sim_backend& otherwise) noexcept {
    sim_backend*& home = numbers_[static_cast<std::size_t>(fd - first_fd)].home;
    if (home == nullptr) {
        home = &otherwise;
    }
    return *home;
}

void descriptor_table::close(int fd) noexcept {
    sim_descriptor* const closed = find(fd);
    if (closed == nullptr) {
        return;
    }
    closed->retire(fd);
    number& freed = numbers_[static_cast<std::size_t>(fd - first_fd)];
    --freed.owner->open_fds;
    freed = {};
    free_.push_back(fd - first_fd);
    --open_;
    drop(*closed);
}

void descriptor_table::drop(sim_descriptor& what) noexcept {
    if (--what.references_ == 0) {
        what.on_close();
    }
}

void descriptor_table::forget(int fd) noexcept {
    if (sim_descriptor* const left = find(fd)) {
        left->retire(fd);
        numbers_[static_cast<std::size_t>(fd - first_fd)].home = nullptr;
    }
}

void descriptor_table::abandon(sim_backend& home) noexcept {
    for (std::size_t index = 0; index < numbers_.size(); ++index) {
        if (numbers_[index].home == &home) {
            forget(first_fd + static_cast<int>(index));
        }
    }
}

void descriptor_table::bury(sim_descriptor& dead) noexcept {
    dead_.emplace_back(&dead);
    if (!burial_.is_scheduled()) {
        scheduler_.schedule(burial_, scheduler_.now_ns());
    }
}

}  // namespace drama::inline v0::internal
