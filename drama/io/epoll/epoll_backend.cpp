// SPDX-License-Identifier: Apache-2.0
#include "drama/io/epoll/epoll_backend.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <mutex>
#include <new>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <poll.h>
#include <unistd.h>

#include "drama/io/epoll/attempt.hpp"
#include "drama/io/file_syscalls.hpp"

namespace drama::inline v0 {

using namespace internal;

namespace {

constexpr std::uint64_t internal_event = ~std::uint64_t{0};
constexpr std::uint32_t watched_events =
    EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | static_cast<std::uint32_t>(EPOLLET);
constexpr std::uint32_t ends_every_wait = EPOLLHUP | EPOLLERR;

std::uint64_t tag_of(int fd, std::uint32_t generation) noexcept {
    return static_cast<std::uint64_t>(generation) << 32 | static_cast<std::uint32_t>(fd);
}

// False: it would block still. Requires: the entry's lock; `op` is in `queue`.
bool serve_one(operation& op, fd_entry& entry, op_queue& queue, op_queue& ready) noexcept {
    const std::int64_t outcome = attempt(op, entry);
    if (outcome == would_block) {
        return false;
    }
    queue.remove(op);
    op.outcome = outcome;
    move_stage(op, op_stage::queued, op_stage::finished);
    ready.push_back(op);
    return true;
}

void serve_queue(fd_entry& entry, op_queue& queue, op_queue& ready) noexcept {
    while (!queue.empty() && serve_one(*queue.front(), entry, queue, ready)) {
    }
}

// True if all that `op` asks for is told by what makes an entry readable.
bool asks_for_input(const operation& op) noexcept {
    return (op.flags & POLLIN) != 0 && (op.flags & ~(POLLIN | POLLRDHUP)) == 0;
}

// Each waits for events of its own, so one that is not ready does not hold up the others. `news` is
// what the epoll said about an entry that was drained and that nobody has read from since.
void serve_polls(fd_entry& entry, op_queue& ready, std::uint32_t news) noexcept {
    for (operation* op = entry.polls.front(); op != nullptr;) {
        operation* following = op->next;
        const std::uint32_t told = news & (static_cast<std::uint32_t>(op->flags) | ends_every_wait);
        if (told != 0 && asks_for_input(*op)) {
            entry.polls.remove(*op);
            op->outcome = told;
            move_stage(*op, op_stage::queued, op_stage::finished);
            ready.push_back(*op);
        } else {
            serve_one(*op, entry, entry.polls, ready);
        }
        op = following;
    }
}

// True if `op` would find nothing: no event has come since the entry was drained.
bool is_in_vain(const operation& op, const fd_entry& entry) noexcept {
    return entry.is_drained &&
           (op.code == op_code::recv || (op.code == op_code::poll && asks_for_input(op)));
}

}  // namespace

epoll_backend::epoll_backend(posix_system& system) noexcept : system_(system) {
}

epoll_backend::~epoll_backend() {
    if (!event_) {
        return;  // open() failed: nothing was accepted
    }
    system_.fds().abandon(*this);
    while (in_flight() != 0) {
        for (operation* op = posted_.take_all(); op != nullptr;) {
            operation* following = op->next;
            op->outcome = -ECANCELED;
            call_done(*op);
            op = following;
        }
        drain_inboxes();
        if (in_flight() != 0) {
            wait_for_events(duration::max());
        }
    }
    while (visitors_.load(std::memory_order_acquire) != 0) {
        real_atomics::yield();
    }
}

result<void> epoll_backend::open() noexcept {
    epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_) {
        return fail(errno_code(errno));
    }
    event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event_) {
        return fail(errno_code(errno));
    }
    auto watched = watch_internal(event_.get());
    if (!watched) {
        event_.reset();
    }
    return watched;
}

result<void> epoll_backend::watch_internal(int fd) noexcept {
    // Edge-triggered: each write to the eventfd is an edge of its own, so it is never read.
    epoll_event event{EPOLLIN | static_cast<std::uint32_t>(EPOLLET), {.u64 = internal_event}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
        return fail(errno_code(errno));
    }
    return {};
}

void epoll_backend::unwatch(int fd) noexcept {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

submission epoll_backend::submit(operation& op) noexcept {
    op.state.store(static_cast<std::uint8_t>(op_stage::idle), std::memory_order_relaxed);
    op.cancel_asked = false;
    return start(op, op_stage::idle);
}

submission epoll_backend::start(operation& op, op_stage from) noexcept {
    return is_file_operation(op.code) ? start_file(op, from) : start_on_fd(op, from);
}

submission epoll_backend::start_on_fd(operation& op, op_stage from) noexcept {
    fd_entry* entry = system_.fds().entry_of(op.fd);
    if (entry == nullptr) {
        op.outcome = op.fd < 0 || op.fd >= fd_table::fds_max ? -EBADF : -ENOMEM;
        return submission::completed;
    }
    std::int64_t outcome = would_block;
    {
        const std::lock_guard guard(entry->lock);
        // Others may have been first; polls do not take anything from each other.
        if (!is_in_vain(op, *entry) &&
            (op.code == op_code::poll || entry->queue_of(op.code).empty())) {
            outcome = attempt(op, *entry);
        }
        if (outcome == would_block) {
            outcome = does_not_wait(op) ? -EAGAIN : wait_on_entry(op, *entry, from);
            if (outcome == would_block) {
                return submission::pending;
            }
        }
    }
    if (outcome == needs_offload) {
        return offload(op, from);
    }
    op.outcome = outcome;
    return submission::completed;
}

// would_block: the operation is queued. Requires: the entry's lock.
std::int64_t epoll_backend::wait_on_entry(operation& op, fd_entry& entry, op_stage from) noexcept {
    if (!entry.is_registered) {
        // Registering reports what is ready already, so readiness since the attempt is not lost;
        // later, reap needs the lock that is held here.
        epoll_event event{watched_events, {.u64 = tag_of(op.fd, entry.generation)}};
        if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, op.fd, &event) != 0) {
            return errno == EPERM ? needs_offload : -errno;
        }
        entry.is_registered = true;
        entry.home = this;
    }
    op.owner = &entry;
    entry.queue_of(op.code).push_back(op);
    if (move_stage(op, from, op_stage::queued).cancelled) {
        entry.queue_of(op.code).remove(op);
        return -ECANCELED;
    }
    if (entry.home == this) {
        count_accepted();
    } else {
        entry.home->remote_.fetch_add(1, std::memory_order_relaxed);
    }
    return would_block;
}

void epoll_backend::post(operation& op) noexcept {
    op.state.store(static_cast<std::uint8_t>(op_stage::posted), std::memory_order_relaxed);
    op.cancel_asked = false;
    remote_.fetch_add(1, std::memory_order_relaxed);
    enter_remote();
    posted_.push(op);
    end_wait();
    leave_remote();
}

void epoll_backend::cancel(operation& op) noexcept {
    const stage_view found = view_of(op.state.fetch_or(cancel_bit, std::memory_order_acq_rel));
    if (found.cancelled || found.stage == op_stage::finished) {
        return;
    }
    if (found.stage == op_stage::queued) {
        auto& entry = *static_cast<fd_entry*>(op.owner);
        epoll_backend* home = nullptr;
        {
            const std::lock_guard guard(entry.lock);
            if (stage_of(op).stage != op_stage::queued) {
                return;  // its own outcome came first
            }
            entry.queue_of(op.code).remove(op);
            move_stage(op, op_stage::queued, op_stage::finished);
            home = entry.home;
        }
        op.outcome = -ECANCELED;
        home->finish_from_anywhere(op);
    } else if (found.stage == op_stage::ring_queued || found.stage == op_stage::in_ring) {
        static_cast<epoll_backend*>(op.owner)->cancel_file(op);
    }
    // Posted: the bit is enough. Offloaded: it is seen if the syscall has not begun; a running one
    // cannot be called back.
}

void epoll_backend::cancel_file(operation&) noexcept {
}

void epoll_backend::finish_from_anywhere(operation& op) noexcept {
    enter_remote();
    finished_.push(op);
    end_wait();
    leave_remote();
}

submission epoll_backend::start_file(operation& op, op_stage from) noexcept {
    return offload(op, from);
}

submission epoll_backend::offload(operation& op, op_stage from) noexcept {
    op.owner = this;
    move_stage(op, from, op_stage::offloaded);
    count_accepted();
    const std::int64_t error = hand_to_offloader(op);
    if (error == 0) {
        return submission::pending;  // and perhaps completed already: not ours to touch
    }
    op.outcome = error;
    add_local(-1);
    return submission::completed;
}

std::int64_t epoll_backend::hand_to_offloader(operation& op) noexcept {
    io_offloader* offloader = system_.offloader();
    if (offloader == nullptr) {
        return -ENOSYS;
    }
    return offloader->offload(op, &run_offloaded) ? 0 : -EAGAIN;
}

void epoll_backend::run_offloaded(operation& op) noexcept {
    const bool is_cancelled = stage_of(op).cancelled;
    op.outcome = is_cancelled ? -ECANCELED : perform(op);
    move_stage(op, op_stage::offloaded, op_stage::finished);
    static_cast<epoll_backend*>(op.owner)->finish_from_anywhere(op);
}

std::size_t epoll_backend::in_flight() const noexcept {
    const std::int64_t sum =
        local_.load(std::memory_order_relaxed) + remote_.load(std::memory_order_relaxed);
    return static_cast<std::size_t>(std::max<std::int64_t>(sum, 0));
}

void epoll_backend::call_done(operation& op) noexcept {
    add_local(-1);
    op.done(op);
}

std::size_t epoll_backend::drain_inboxes() noexcept {
    std::size_t count = 0;
    for (operation* op = finished_.take_all(); op != nullptr; ++count) {
        operation* following = op->next;
        call_done(*op);
        op = following;
    }
    for (operation* op = posted_.take_all(); op != nullptr;) {
        operation* following = op->next;
        bool is_done = stage_of(*op).cancelled;
        if (is_done) {
            op->outcome = -ECANCELED;
        } else {
            is_done = start(*op, op_stage::posted) == submission::completed;
        }
        if (is_done) {
            call_done(*op);
            ++count;
        } else {
            add_local(-1);  // start has counted it again
        }
        op = following;
    }
    return count;
}

std::size_t epoll_backend::reap(duration wait) noexcept {
    // News could complete nothing, and the inboxes are empty; the edge stays until somebody asks.
    // Between turns of tasks that do no IO the call would cost more than all else there.
    if (wait <= duration::zero() && in_flight() == 0) {
        return 0;
    }
    std::size_t count = drain_inboxes();
    count += reap_files(wait);
    count += wait_for_events(count != 0 ? duration::zero() : wait);
    count += drain_inboxes();
    count += reap_files(wait);
    return count;
}

std::size_t epoll_backend::reap_files(duration&) noexcept {
    return 0;
}

std::size_t epoll_backend::wait_for_events(duration wait) noexcept {
    epoll_event events[128];
    bool sleeps = wait > duration::zero();
    if (sleeps) {
        // Pairs with wake: it either finds `asleep` and writes, or this finds `notified`.
        auto expected = sleep_state::awake;
        sleeps = sleep_.compare_exchange_strong(expected, sleep_state::asleep,
                                                std::memory_order_acq_rel);
    }
    const int found = epoll_wait(events, std::size(events), sleeps ? wait : duration::zero());
    if (wait > duration::zero()) {
        sleep_.exchange(sleep_state::awake, std::memory_order_acq_rel);
    }
    std::size_t count = 0;
    for (int i = 0; i < found; ++i) {
        if (events[i].data.u64 != internal_event) {
            count += serve(events[i]);
        }
    }
    return count;
}

int epoll_backend::epoll_wait(epoll_event* events, int count, duration wait) noexcept {
    const bool forever = wait == duration::max();
    wait = std::max(wait, duration::zero());
    if (has_nanoseconds_) {
        timespec limit{};
        limit.tv_sec = wait.count() / 1'000'000'000;
        limit.tv_nsec = wait.count() % 1'000'000'000;
        const int found =
            ::epoll_pwait2(epoll_.get(), events, count, forever ? nullptr : &limit, nullptr);
        if (found >= 0 || errno == EINTR) {
            return found;
        }
        has_nanoseconds_ = false;  // kernel before 5.11, or a seccomp filter that does not know it
    }
    // Rounded up: waking early would spin until the deadline has come.
    const std::int64_t rounded = wait.count() / 1'000'000 + (wait.count() % 1'000'000 != 0);
    const auto limit = std::min<std::int64_t>(rounded, std::numeric_limits<int>::max());
    return ::epoll_wait(epoll_.get(), events, count, forever ? -1 : static_cast<int>(limit));
}

std::size_t epoll_backend::serve(const epoll_event& event) noexcept {
    fd_entry* entry = system_.fds().find(static_cast<int>(event.data.u64 & 0xffff'ffff));
    op_queue ready;
    {
        const std::lock_guard guard(entry->lock);
        if (entry->generation != static_cast<std::uint32_t>(event.data.u64 >> 32)) {
            return 0;  // of a descriptor that was closed since
        }
        std::uint32_t news = 0;
        if ((event.events & (EPOLLIN | EPOLLRDHUP | EPOLLPRI | ends_every_wait)) != 0) {
            if ((event.events & (EPOLLRDHUP | ends_every_wait)) != 0) {
                entry->has_hung_up = true;
            }
            const bool was_drained = entry->is_drained;
            entry->is_drained = false;
            news = was_drained && entry->readers.empty() ? event.events : 0;
            serve_queue(*entry, entry->readers, ready);
        }
        if ((event.events & (EPOLLOUT | ends_every_wait)) != 0) {
            serve_queue(*entry, entry->writers, ready);
        }
        serve_polls(*entry, ready, news);
    }
    std::size_t count = 0;
    for (; operation* op = ready.pop_front(); ++count) {
        call_done(*op);
    }
    return count;
}

void epoll_backend::end_wait() noexcept {
    if (sleep_.exchange(sleep_state::notified, std::memory_order_acq_rel) != sleep_state::asleep) {
        return;  // awake, or somebody else's wake-up is under way
    }
    const int saved = errno;  // this may run in a signal handler
    const std::uint64_t one = 1;
    if (::write(event_.get(), &one, sizeof one) < 0 && errno == EAGAIN) {
        std::uint64_t count = 0;  // 2^64 wake-ups without a read: start again
        (void)::read(event_.get(), &count, sizeof count);
        (void)::write(event_.get(), &one, sizeof one);
    }
    errno = saved;
}

result<std::unique_ptr<io_backend>> epoll_system::make_backend(std::size_t) {
    auto backend = std::make_unique<epoll_backend>(*this);
    if (auto opened = backend->open(); !opened) {
        return std::unexpected(opened.error());
    }
    return backend;
}

}  // namespace drama::inline v0
