// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/world/real_world.hpp"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "drama/base/atomic.hpp"
#include "drama/io/io_factory.hpp"
#include "drama/runtime/world/environment.hpp"
#include "drama/runtime/world/real_thread.hpp"

namespace drama::inline v0 {
namespace {

// Whether it pays to spin before sleeping. A wake-up that came soon after the sleep began, or
// during the spin, earns credit; a spin in vain spends it. So partners that answer within
// microseconds meet without the kernel, and an idle thread does not spin at all.
class spin_credit {
  public:
    template <class Ready>
    bool spin(const drama::clock& time, Ready ready) noexcept {
        began_ = time.now();
        if (credit_ <= 0) {
            return false;
        }
        for (int turns = 0;; ++turns) {
            if (ready()) {
                credit_ = std::min(credit_ + 1, credit_max);
                return true;
            }
            if ((turns & 15) == 15 && time.now() - began_ > spin_longest) {
                credit_ -= 2;
                return false;
            }
            cpu_pause();
        }
    }
    void woken(const drama::clock& time) noexcept {
        if (time.now() - began_ < worth_spinning) {
            credit_ = std::min(credit_ + 1, credit_max);
        }
    }

  private:
    static constexpr duration spin_longest = std::chrono::microseconds(10);
    static constexpr duration worth_spinning = std::chrono::microseconds(60);
    static constexpr int credit_max = 16;
    int credit_ = 0;
    instant began_ = long_ago;
};

enum class place : std::uint32_t { open, notified, asleep };

class futex_parker final : public parker {
  public:
    explicit futex_parker(const drama::clock& time) noexcept : time_(&time) {}

    void park(duration longest) noexcept override {
        if (take_notice()) {
            return;
        }
        if (longest > duration::zero() && spin_.spin(*time_, [this] { return take_notice(); })) {
            return;
        }
        auto expected = place::open;
        if (!word_.compare_exchange_strong(expected, place::asleep, std::memory_order_acquire)) {
            word_.store(place::open, std::memory_order_relaxed);
            return;
        }
        timespec limit{};
        const bool bounded = longest != duration::max();
        if (bounded) {
            limit.tv_sec = longest.count() / 1'000'000'000;
            limit.tv_nsec = longest.count() % 1'000'000'000;
        }
        ::syscall(SYS_futex, &word_, FUTEX_WAIT_PRIVATE, static_cast<std::uint32_t>(place::asleep),
                  bounded ? &limit : nullptr, nullptr, 0);
        if (word_.exchange(place::open, std::memory_order_acquire) == place::notified) {
            spin_.woken(*time_);
        }
    }
    void unpark() noexcept override {
        // Release pairs with the acquires in park: the waiter sees what was written before.
        if (word_.exchange(place::notified, std::memory_order_release) == place::asleep) {
            ::syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
        }
    }

  private:
    bool take_notice() noexcept {
        return word_.load(std::memory_order_relaxed) == place::notified &&
               word_.exchange(place::open, std::memory_order_acquire) == place::notified;
    }

    const drama::clock* time_;
    std::atomic<place> word_{place::open};
    spin_credit spin_;
};
static_assert(sizeof(std::atomic<place>) == 4);

class backend_parker final : public parker {
  public:
    backend_parker(const drama::clock& time, io_backend& backend) noexcept
        : time_(&time), backend_(&backend) {}

    void park(duration longest) noexcept override {
        if (longest > duration::zero() && spin_.spin(*time_, [this] { return notified(); })) {
            word_.store(place::open, std::memory_order_relaxed);
            backend_->reap(duration::zero());
            return;
        }
        auto expected = place::open;
        if (!word_.compare_exchange_strong(expected, place::asleep, std::memory_order_acquire)) {
            longest = duration::zero();
        }
        backend_->reap(longest);
        if (word_.exchange(place::open, std::memory_order_acquire) == place::notified) {
            spin_.woken(*time_);
        }
    }
    void unpark() noexcept override {
        if (word_.exchange(place::notified, std::memory_order_release) == place::asleep) {
            backend_->wake();
        }
    }

  private:
    bool notified() const noexcept {
        return word_.load(std::memory_order_acquire) == place::notified;
    }

    const drama::clock* time_;
    io_backend* backend_;
    std::atomic<place> word_{place::open};
    spin_credit spin_;
};

// Registered once a process: the kernel keeps it, drama keeps only whether it worked.
bool register_membarrier() noexcept {
    return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

}  // namespace

real_world::real_world() : cpus_(read_machine_limits().usable_cpus()) {
    register_membarrier();
}

std::uint64_t real_world::seed() noexcept {
    std::uint64_t value = 0;
    if (::getrandom(&value, sizeof value, GRND_NONBLOCK) != sizeof value) {
        value = static_cast<std::uint64_t>(clock_.now().time_since_epoch().count());
    }
    return value;
}

duration real_world::thread_cpu_time() const noexcept {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

std::uint64_t real_world::thread_waits() const noexcept {
    rusage used{};
    ::getrusage(RUSAGE_THREAD, &used);
    return static_cast<std::uint64_t>(used.ru_nvcsw);
}

std::unique_ptr<parker> real_world::make_parker() {
    return std::make_unique<futex_parker>(clock_);
}

std::unique_ptr<parker> real_world::make_core_parker(io_backend& backend) {
    return std::make_unique<backend_parker>(clock_, backend);
}

result<std::unique_ptr<world_thread>> real_world::start_thread(thread_role role,
                                                               thread_body& body) {
    return internal::start_real_thread(clock_, role, body);
}

result<std::unique_ptr<io_system>> real_world::make_io(std::string_view choice, std::string& why) {
    std::string chosen(choice);
    if (chosen == "auto" || chosen.empty()) {
        if (const auto forced = environment("DRAMA_IO")) {
            chosen = *forced;
        }
    }
    io_choice wanted = io_choice::automatic;
    if (chosen == "epoll") {
        wanted = io_choice::epoll;
    } else if (chosen == "uring") {
        wanted = io_choice::uring;
    } else if (chosen != "auto" && !chosen.empty()) {
        why = "unknown io backend '" + chosen + "'; use auto, epoll or uring";
        return fail(errc::bad_argument);
    }
    return make_io_system(wanted, &why);
}

void real_world::keep_cpus_alert(bool wanted) noexcept {
    if (wanted) {
        pulse_.add();
    } else {
        pulse_.remove();
    }
}

// membarrier interrupts the CPUs that run this process's threads. Where it is not allowed, changing
// the protection of a page does the same by way of the TLB shootdown.
void real_world::barrier_all_threads() noexcept {
    if (::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0) {
        return;
    }
    const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* const page =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED) {
        *static_cast<volatile char*>(page) = 1;
        ::mprotect(page, size, PROT_READ);
        ::munmap(page, size);
    }
}

}  // namespace drama::inline v0
