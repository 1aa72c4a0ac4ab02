// SPDX-License-Identifier: Apache-2.0
// Where time, threads, randomness and IO come from: the machine, or a simulation. Everything that
// is not deterministic enters the runtime through this seam.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>

#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"
#include "drama/base/result.hpp"
#include "drama/io/io_backend.hpp"

namespace drama::inline v0 {

class task_watcher;

/// A place where one thread waits. An unpark that comes first makes the next park return at once.
class DRAMA_API parker {
  public:
    virtual ~parker() = default;
    /// Waits for unpark or until `longest` has passed; duration::max(): without limit.
    /// Threads: the waiting thread.
    virtual void park(duration longest) noexcept = 0;
    /// Threads: any.
    virtual void unpark() noexcept = 0;
};

/// What one runtime thread does, in steps. The world decides when each step runs: a real thread
/// loops {step; park}, a simulated one is chosen by seed.
class DRAMA_API thread_body {
  public:
    virtual ~thread_body() = default;
    /// Does a bounded piece of work; never waits, except inside user code. Yields when it wants to
    /// be called again: long_ago for at once, a later instant for then, `never` for when unparked.
    virtual instant step() noexcept = 0;
    /// Where it waits between steps; may change from step to step.
    virtual parker& parked_on() noexcept = 0;
    /// No further step is wanted; the thread ends.
    virtual bool is_finished() const noexcept = 0;
    /// The calling OS thread begins and ceases to run this body, its steps and the parks between
    /// them: the place for thread-local pointers. A real thread enters once and ends with its body;
    /// simulated ones do both whenever an OS thread goes over to another body.
    virtual void enter_thread() noexcept {}
    virtual void leave_thread() noexcept {}
};

enum class thread_role : std::uint8_t { worker, compute, blocking, watchdog, admin };
inline constexpr std::size_t thread_roles = 5;

/// How the kernel should treat a thread (DESIGN: workers have short slices; burners give way).
enum class thread_policy : std::uint8_t {
    responsive,  ///< the program's nice value, shortest slice
    burning,     ///< nice 19, longest slice; cannot be undone without privileges
    plain,
};

/// A running thread. Destroying it joins: its body must have finished, or detach was called.
class DRAMA_API world_thread {
  public:
    virtual ~world_thread() = default;
    /// CPU time used so far. Threads: any.
    virtual duration cpu_time() const noexcept = 0;
    /// True if the thread could run and has no CPU: others keep it from running. Threads: any.
    virtual bool is_waiting_for_cpu() const noexcept { return false; }
    /// Best effort: false if the kernel refuses. Threads: any.
    virtual bool set_policy(thread_policy policy) noexcept = 0;
    /// Asks the thread for return addresses of what it executes. It answers when it next runs, so
    /// nobody waits here. False: that cannot be had. Threads: one at a time.
    virtual bool request_stack() noexcept = 0;
    /// Innermost first, how many; nothing if the last request is not answered yet.
    virtual std::optional<std::size_t> take_stack(std::span<void*> frames) noexcept = 0;
    /// The kernel's number for it, or a simulated one.
    virtual std::int64_t id() const noexcept = 0;
    /// Lets it run on by itself: the destructor no longer joins. For threads stuck in user code.
    virtual void detach() noexcept = 0;
};

class world_mishaps;

/// Threads: all from any thread. Lifetime: outlives the runtime built on it.
class DRAMA_API world {
  public:
    virtual ~world() = default;

    virtual const drama::clock& clock() const noexcept = 0;
    /// Where a runtime's generators start.
    virtual std::uint64_t seed() noexcept = 0;
    /// CPUs that this process may use: affinity and cgroup quota respected; at least 1.
    virtual std::size_t usable_cpus() const noexcept = 0;

    /// Errors: errc::thread_unavailable when the system refuses. Lifetime: `body` outlives the
    /// thread.
    virtual result<std::unique_ptr<world_thread>> start_thread(thread_role role,
                                                               thread_body& body) = 0;
    /// CPU time of the calling thread.
    virtual duration thread_cpu_time() const noexcept = 0;
    /// How often the calling thread gave its CPU up by itself, to wait for something.
    virtual std::uint64_t thread_waits() const noexcept = 0;
    virtual std::unique_ptr<parker> make_parker() = 0;
    /// A parker that waits in a backend: parking reaps completions.
    virtual std::unique_ptr<parker> make_core_parker(io_backend& backend) = 0;
    /// `why` receives one line for the log. Errors: the kernel's.
    virtual result<std::unique_ptr<io_system>> make_io(std::string_view choice,
                                                       std::string& why) = 0;
    /// What goes wrong in this world beside IO and threads; null: nothing does on purpose.
    virtual world_mishaps* mishaps() noexcept { return nullptr; }
    /// While wanted, threads that wait behind burning ones get their turn within a fraction of a
    /// millisecond, where the kernel by itself would let them wait for its tick. Who wants it says
    /// so once, and once that it does not any more.
    virtual void keep_cpus_alert(bool /*wanted*/) noexcept {}
    /// Who is told what the tasks of this world do; null: nobody. Lifetime: the world's.
    virtual task_watcher* watcher() noexcept { return nullptr; }
    /// A full memory barrier on every thread of the process.
    virtual void barrier_all_threads() noexcept = 0;
};

/// start_thread of `in`, to which no memory is one more reason why there is no thread.
inline result<std::unique_ptr<world_thread>> try_start_thread(world& in, thread_role role,
                                                              thread_body& body) noexcept {
    try {
        return in.start_thread(role, body);
    } catch (const std::bad_alloc&) {
        return fail(errc::thread_unavailable);
    }
}

}  // namespace drama::inline v0
