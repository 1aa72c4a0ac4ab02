// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/world/real_thread.hpp"

#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "drama/base/unique_fd.hpp"
#include "drama/runtime/world/kernel_policy.hpp"

namespace drama::inline v0::internal {
namespace {

constexpr std::size_t stack_bytes = std::size_t{8} << 20;  // reserved, not touched

// Where a thread leaves its stack when it is asked for it. Lives as long as the thread and its
// handle, so an answer that comes late harms nobody. Written by the thread's own signal handler.
struct stack_mailbox {
    void* frames[64];
    std::atomic<int> count{0};
    std::atomic<std::uint32_t> asked{0};
    std::atomic<std::uint32_t> answered{0};  // release after frames; pairs with take_stack
};

constinit thread_local stack_mailbox* this_mailbox = nullptr;

const int stack_signal = SIGRTMAX - 3;

void answer_stack_request(int, siginfo_t*, void*) {
    stack_mailbox* const mailbox = this_mailbox;
    if (mailbox == nullptr) {
        return;
    }
    const int saved = errno;
    const std::uint32_t asked = mailbox->asked.load(std::memory_order_acquire);
    mailbox->count.store(::backtrace(mailbox->frames, 64), std::memory_order_relaxed);
    mailbox->answered.store(asked, std::memory_order_release);
    errno = saved;
}

// The handler goes in with the first stall, and only if nobody uses the signal. backtrace() loads
// its unwinder on first use, which a handler must not.
bool install_stack_handler() noexcept {
    static const bool installed = [] {
        struct sigaction before{};
        if (::sigaction(stack_signal, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) {
            return false;
        }
        void* warm_up[1];
        ::backtrace(warm_up, 1);
        struct sigaction action{};
        action.sa_sigaction = &answer_stack_request;
        action.sa_flags = SA_SIGINFO | SA_RESTART;
        ::sigemptyset(&action.sa_mask);
        return ::sigaction(stack_signal, &action, nullptr) == 0;
    }();
    return installed;
}

class real_thread final : public world_thread {
  public:
    real_thread(const clock& time, thread_role role, thread_body& body)
        : shared_(new shared(&time, role, &body)) {}

    ~real_thread() override {
        if (started_ && !detached_) {
            ::pthread_join(thread_, nullptr);
        }
        shared_->release();
    }

    bool start() noexcept {
        pthread_attr_t attributes;
        ::pthread_attr_init(&attributes);
        ::pthread_attr_setstacksize(&attributes, stack_bytes);
        shared_->references.fetch_add(1, std::memory_order_relaxed);
        started_ = ::pthread_create(&thread_, &attributes, &run, shared_) == 0;
        ::pthread_attr_destroy(&attributes);
        if (!started_) {
            shared_->release();
        }
        return started_;
    }

    duration cpu_time() const noexcept override {
        clockid_t id{};
        timespec used{};
        if (detached_ || ::pthread_getcpuclockid(thread_, &id) != 0 ||
            ::clock_gettime(id, &used) != 0) {
            return duration::zero();
        }
        return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
    }

    // "PID (name) STATE ...": R is what runs or waits for a CPU; asked of one that does not burn.
    bool is_waiting_for_cpu() const noexcept override {
        char path[64];
        std::snprintf(path, sizeof path, "/proc/self/task/%lld/stat", static_cast<long long>(id()));
        const unique_fd file(::open(path, O_RDONLY | O_CLOEXEC));
        char text[128] = {};
        if (!file || ::read(file.get(), text, sizeof text - 1) <= 0) {
            return false;
        }
        const char* const name_end = std::strrchr(text, ')');
        return name_end != nullptr && std::strncmp(name_end, ") R", 3) == 0;
    }

    bool set_policy(thread_policy policy) noexcept override {
        const auto tid = static_cast<pid_t>(id());
        switch (policy) {
            case thread_policy::responsive:
                return set_kernel_policy(tid, nice_of_program(), responsive_slice_ns);
            case thread_policy::burning:
                return set_kernel_policy(tid, burning_nice, burning_slice_ns);
            case thread_policy::plain:
                return true;
        }
        return false;
    }

    bool request_stack() noexcept override {
        if (!install_stack_handler()) {
            return false;
        }
        shared_->mailbox.asked.fetch_add(1, std::memory_order_acq_rel);
        return ::syscall(SYS_tgkill, ::getpid(), id(), stack_signal) == 0;
    }

    std::optional<std::size_t> take_stack(std::span<void*> frames) noexcept override {
        stack_mailbox& mailbox = shared_->mailbox;
        const std::uint32_t asked = mailbox.asked.load(std::memory_order_relaxed);
        if (mailbox.answered.load(std::memory_order_acquire) != asked) {
            return std::nullopt;
        }
        const auto count = static_cast<std::size_t>(mailbox.count.load(std::memory_order_relaxed));
        const std::size_t copied = std::min(frames.size(), count);
        std::memcpy(frames.data(), mailbox.frames, copied * sizeof(void*));
        return copied;
    }

    std::int64_t id() const noexcept override {
        std::int64_t tid = shared_->tid.load(std::memory_order_acquire);
        while (started_ && tid == 0) {  // it has only just been started
            ::sched_yield();
            tid = shared_->tid.load(std::memory_order_acquire);
        }
        return tid;
    }

    void detach() noexcept override {
        if (started_ && !detached_) {
            detached_ = true;
            ::pthread_detach(thread_);
        }
    }

  private:
    // Outlives whichever of handle and thread ends first.
    struct shared {
        shared(const clock* machine, thread_role as, thread_body* runs) noexcept
            : time(machine), role(as), body(runs) {}

        const clock* time;
        thread_role role;
        thread_body* body;
        std::atomic<std::int64_t> tid{0};
        std::atomic<int> references{1};
        stack_mailbox mailbox{};

        void release() noexcept {
            if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
                delete this;
            }
        }
    };

    static void* run(void* argument) {
        auto& mine = *static_cast<shared*>(argument);
        const auto tid = static_cast<pid_t>(::syscall(SYS_gettid));
        this_mailbox = &mine.mailbox;
        prepare(mine.role, tid);
        mine.tid.store(tid, std::memory_order_release);
        thread_body& body = *mine.body;
        body.enter_thread();
        for (;;) {
            const instant wake_at = body.step();
            if (body.is_finished()) {
                break;
            }
            if (wake_at == long_ago) {
                continue;
            }
            if (wake_at == never) {
                body.parked_on().park(duration::max());
            } else if (const instant now = mine.time->now(); wake_at > now) {
                body.parked_on().park(wake_at - now);
            } else {
                body.parked_on().park(duration::zero());
            }
        }
        this_mailbox = nullptr;
        mine.release();
        return nullptr;
    }

    static void prepare(thread_role role, pid_t tid) noexcept {
        constexpr const char* names[thread_roles] = {
            "drama-worker", "drama-compute", "drama-blocking", "drama-watch", "drama-admin"};
        ::pthread_setname_np(::pthread_self(), names[static_cast<std::size_t>(role)]);
        if (role == thread_role::worker || role == thread_role::watchdog) {
            set_kernel_policy(tid, nice_of_program(), responsive_slice_ns);
        } else if (role == thread_role::compute) {
            set_kernel_policy(tid, burning_nice, burning_slice_ns);
        }
        // Signals of the program go to its own threads.
        sigset_t blocked;
        ::sigfillset(&blocked);
        for (const int open :
             {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGPROF, stack_signal}) {
            ::sigdelset(&blocked, open);
        }
        ::pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
    }

    shared* shared_;
    pthread_t thread_{};
    bool started_ = false;
    bool detached_ = false;
};

}  // namespace

result<std::unique_ptr<world_thread>> start_real_thread(const clock& time, thread_role role,
                                                        thread_body& body) {
    auto thread = std::make_unique<real_thread>(time, role, body);
    if (!thread->start()) {
        return fail(errc::thread_unavailable);
    }
    return thread;
}

}  // namespace drama::inline v0::internal
