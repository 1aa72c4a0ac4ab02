// SPDX-License-Identifier: Apache-2.0
// How late a socket's completion is seen when the thread that armed the receive has lost its core
// and burns a CPU: for epoll, and for rings of several kinds. The figures behind the choice of IO
// for sockets; see docs/decisions.
//
// Each round: a thread arms the receive, hands the wait over to another, takes the kernel policy of
// burning threads and spins beside those of earlier rounds. A real-time client then sends one byte;
// measured is the time until the new holder, which parks as workers do, sees it.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "drama/base/clock.hpp"
#include "drama/base/prng.hpp"

namespace {

constexpr long park_ns = 250'000;
constexpr long settle_ns = 2'000'000;
constexpr std::size_t burning_threads = 16;

std::int64_t now_ns() {
    static const drama::clock machine;
    return machine.now().time_since_epoch().count();
}

void pause_for(long ns) {
    const timespec span{ns / 1'000'000'000, ns % 1'000'000'000};
    ::nanosleep(&span, nullptr);
}

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "receive_latency: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

/// Nice value and slice of the calling thread, as drama's workers and burning threads have them.
void set_policy(int nice, std::uint64_t slice_ns) {
    struct {
        std::uint32_t size;
        std::uint32_t policy;
        std::uint64_t flags;
        std::int32_t nice;
        std::uint32_t priority;
        std::uint64_t runtime, deadline, period;
    } attributes{};
    attributes.size = sizeof attributes;
    attributes.nice = nice;
    attributes.runtime = slice_ns;
    if (::syscall(SYS_sched_setattr, 0, &attributes, 0) != 0) {
        ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), nice);
    }
}
void become_burner() {
    set_policy(19, 100'000'000);
}

struct sockets {
    int client = -1;
    int server = -1;
};

sockets connect_pair() {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    sockets made;
    made.client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(listener, reinterpret_cast<sockaddr*>(&where), size) != 0 ||
        ::listen(listener, 1) != 0 ||
        ::getsockname(listener, reinterpret_cast<sockaddr*>(&where), &size) != 0 ||
        ::connect(made.client, reinterpret_cast<sockaddr*>(&where), size) != 0) {
        give_up("loopback connection");
    }
    made.server = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    const int on = 1;
    ::setsockopt(made.client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::close(listener);
    return made;
}

/// One way to receive. arm() by one thread, wait() by another.
class receiver {
  public:
    virtual ~receiver() = default;
    virtual void arm() = 0;
    /// Waits at most park_ns; true if the byte is there and has been read.
    virtual bool wait() = 0;
};

class epoll_receiver final : public receiver {
  public:
    explicit epoll_receiver(int fd) : fd_(fd), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
        epoll_event event{EPOLLIN | static_cast<std::uint32_t>(EPOLLET), {.fd = fd}};
        if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
            give_up("epoll");
        }
    }
    ~epoll_receiver() override { ::close(epoll_); }
    void arm() override {}
    bool wait() override {
        epoll_event event;
        const timespec limit{0, park_ns};
        char byte = 0;
        return ::epoll_pwait2(epoll_, &event, 1, &limit, nullptr) == 1 &&
               ::recv(fd_, &byte, 1, 0) == 1;
    }

  private:
    int fd_;
    int epoll_;
};

class ring_receiver final : public receiver {
  public:
    ring_receiver(int fd, unsigned flags) : fd_(fd) {
        io_uring_params parameters{};
        parameters.flags = flags;
        parameters.sq_thread_idle = 10'000;
        errno = -::io_uring_queue_init_params(8, &ring_, &parameters);
        if (errno != 0) {
            give_up("io_uring");
        }
    }
    ~ring_receiver() override { ::io_uring_queue_exit(&ring_); }
    void arm() override {
        ::io_uring_prep_recv(::io_uring_get_sqe(&ring_), fd_, &byte_, 1, 0);
        ::io_uring_submit(&ring_);
    }
    bool wait() override {
        io_uring_cqe* done = nullptr;
        __kernel_timespec limit{0, park_ns};
        if (::io_uring_wait_cqe_timeout(&ring_, &done, &limit) != 0) {
            return false;
        }
        ::io_uring_cqe_seen(&ring_, done);
        return true;
    }

  private:
    int fd_;
    io_uring ring_{};
    char byte_ = 0;
};

/// A thread that spins at the lowest priority until it is told to end.
class burner {
  public:
    /// `before` runs first, at the normal priority.
    template <class Before>
    explicit burner(Before before)
        : thread_([this, before] {
              before();
              become_burner();
              burns_.store(true);
              while (!ends_.load(std::memory_order_relaxed)) {
              }
          }) {}
    ~burner() {
        end();
        thread_.join();
    }
    /// Asks it to end; it does when it next gets a CPU.
    void end() { ends_.store(true); }
    bool burns() const { return burns_.load(); }

  private:
    std::atomic<bool> ends_{false};
    std::atomic<bool> burns_{false};
    std::thread thread_;
};

/// One round; nanoseconds. `left`: the armer has lost its core; else the holder arms for itself.
std::int64_t measure(receiver& from, const sockets& via, bool left,
                     std::vector<std::unique_ptr<burner>>& burners) {
    std::atomic<bool> armed{false};
    if (left) {
        // One of the older burners ends, so that their number stays.
        burners[burners.size() - burning_threads]->end();
        burners.push_back(std::make_unique<burner>([&] {
            from.arm();
            armed.store(true);
        }));
        while (!armed.load()) {
            pause_for(100'000);
        }
    }
    std::atomic<std::int64_t> sent{0};
    std::int64_t seen = 0;
    std::thread holder([&] {
        set_policy(0, 100'000);
        if (!left) {
            from.arm();
        }
        while (!from.wait()) {
        }
        seen = now_ns();
    });
    static drama::prng jitter(1);
    pause_for(settle_ns + static_cast<long>(jitter.next() % 1'000'000));
    sent.store(now_ns());
    const char byte = 1;
    if (::send(via.client, &byte, 1, MSG_NOSIGNAL) != 1) {
        give_up("send");
    }
    holder.join();
    return seen - sent.load();
}

struct choice {
    const char* name;
    int ring_flags;  ///< -1: epoll
};

void run(const choice& which, bool left, int rounds, std::vector<std::int64_t>& into) {
    const sockets via = connect_pair();
    std::unique_ptr<receiver> from;
    if (which.ring_flags < 0) {
        from = std::make_unique<epoll_receiver>(via.server);
    } else {
        from = std::make_unique<ring_receiver>(via.server, static_cast<unsigned>(which.ring_flags));
    }
    std::vector<std::unique_ptr<burner>> burners;
    for (std::size_t i = 0; i < burning_threads; ++i) {
        burners.push_back(std::make_unique<burner>([] {}));
    }
    for (int i = 0; i < rounds; ++i) {
        into.push_back(measure(*from, via, left, burners));
    }
    burners.clear();
    from.reset();
    ::close(via.client);
    ::close(via.server);
}

double at(std::vector<std::int64_t>& sorted, double share) {
    const auto index = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
    return static_cast<double>(sorted[std::min(index, sorted.size() - 1)]) / 1000.0;
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 200;
    constexpr int passes = 5;
    const sched_param priority{.sched_priority = 1};
    const bool real_time = ::pthread_setschedparam(::pthread_self(), SCHED_FIFO, &priority) == 0;
    const std::array<choice, 4> choices{{{"epoll", -1},
                                         {"ring", 0},
                                         {"ring, cooperative", IORING_SETUP_COOP_TASKRUN},
                                         {"ring, SQPOLL", IORING_SETUP_SQPOLL}}};
    std::printf("receive latency in us, %zu burning threads, %d rounds, client %s\n",
                burning_threads, rounds * passes, real_time ? "SCHED_FIFO" : "at normal priority");
    std::array<std::array<std::vector<std::int64_t>, choices.size()>, 2> seen;
    for (int pass = 0; pass < passes; ++pass) {
        for (const bool left : {false, true}) {
            for (std::size_t i = 0; i < choices.size(); ++i) {
                run(choices[i], left, rounds, seen[left ? 1 : 0][i]);
            }
        }
    }
    for (const bool left : {false, true}) {
        for (std::size_t i = 0; i < choices.size(); ++i) {
            auto& sorted = seen[left ? 1 : 0][i];
            std::ranges::sort(sorted);
            std::printf("%-18s armed by %-18s p50 %8.1f  p99 %8.1f  p99.9 %8.1f  max %8.1f\n",
                        choices[i].name, left ? "a demoted thread" : "the holder", at(sorted, 0.5),
                        at(sorted, 0.99), at(sorted, 0.999), at(sorted, 1));
        }
    }
    return 0;
}
