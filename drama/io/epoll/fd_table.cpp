// SPDX-License-Identifier: Apache-2.0
#include "drama/io/epoll/fd_table.hpp"

#include <cerrno>
#include <mutex>
#include <new>

#include "drama/io/epoll/epoll_backend.hpp"

namespace drama::inline v0::internal {
namespace {

// Requires: the lock of the entry that `from` belongs to.
void take_all(op_queue& from, op_queue& into) noexcept {
    while (operation* op = from.pop_front()) {
        move_stage(*op, op_stage::queued, op_stage::finished);
        op->outcome = -ECANCELED;
        into.push_back(*op);
    }
}

void take_all(fd_entry& entry, op_queue& into) noexcept {
    take_all(entry.readers, into);
    take_all(entry.writers, into);
    take_all(entry.polls, into);
    ++entry.generation;
    entry.is_registered = false;
    entry.is_drained = false;
    entry.has_hung_up = false;
    entry.shape = fd_shape::unknown;
    entry.kind = fd_kind::unknown;
    entry.home = nullptr;
}

}  // namespace

fd_table::fd_table() : chunks_(std::make_unique<std::atomic<chunk*>[]>(chunks_max)) {
}

fd_table::~fd_table() {
    for (std::size_t i = 0; i < chunks_max; ++i) {
        delete chunks_[i].load(std::memory_order_relaxed);
    }
}

fd_entry* fd_table::find(int fd) noexcept {
    if (fd < 0 || fd >= fds_max) {
        return nullptr;
    }
    const auto index = static_cast<std::size_t>(fd);
    chunk* holder = chunks_[index >> chunk_bits].load(std::memory_order_acquire);
    return holder == nullptr ? nullptr : &holder->entries[index & (chunk_entries - 1)];
}

fd_entry* fd_table::entry_of(int fd) noexcept {
    fd_entry* found = find(fd);
    if (found != nullptr || fd < 0 || fd >= fds_max) {
        return found;
    }
    const auto index = static_cast<std::size_t>(fd);
    auto* made = new (std::nothrow) chunk;
    if (made == nullptr) {
        return nullptr;
    }
    chunk* expected = nullptr;
    if (!chunks_[index >> chunk_bits].compare_exchange_strong(
            expected, made, std::memory_order_acq_rel, std::memory_order_acquire)) {
        delete made;  // another core was faster
    }
    return find(fd);
}

void fd_table::retire(int fd) noexcept {
    fd_entry* entry = find(fd);
    if (entry == nullptr) {
        return;
    }
    op_queue cancelled;
    epoll_backend* home = nullptr;
    {
        const std::lock_guard guard(entry->lock);
        home = entry->home;
        if (entry->is_registered) {
            // Closing is not enough: a duplicate of the descriptor would keep the registration.
            home->unwatch(fd);
        }
        take_all(*entry, cancelled);
    }
    while (operation* op = cancelled.pop_front()) {
        home->finish_from_anywhere(*op);
    }
}

void fd_table::abandon(epoll_backend& home) noexcept {
    for (std::size_t i = 0; i < chunks_max; ++i) {
        chunk* holder = chunks_[i].load(std::memory_order_acquire);
        if (holder == nullptr) {
            continue;
        }
        for (fd_entry& entry : holder->entries) {
            op_queue cancelled;
            {
                const std::lock_guard guard(entry.lock);
                if (entry.home != &home) {
                    continue;
                }
                take_all(entry, cancelled);
            }
            while (operation* op = cancelled.pop_front()) {
                home.finish_from_anywhere(*op);
            }
        }
    }
}

}  // namespace drama::inline v0::internal
