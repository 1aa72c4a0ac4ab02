// SPDX-License-Identifier: Apache-2.0
// One run of a checked program: its threads as fibers, whose next step is chosen by the search, and
// what each step does to the memory. A thread stands before a step until it is chosen; what it does
// between two steps is its own.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "drama/check/internal/fiber.hpp"
#include "drama/check/internal/memory.hpp"
#include "drama/check/internal/search.hpp"

namespace drama::inline v0::internal {

/// Something that other threads can notice.
struct checked_step {
    enum class kind : std::uint8_t {
        load,
        store,
        change,
        compare,
        fence,
        everywhere,  // a fence on all threads
        spin,
        wait,
        notify,
    };

    kind what = kind::load;
    std::memory_order order = std::memory_order_seq_cst;
    std::memory_order failure_order = std::memory_order_relaxed;  // compare
    int of = -1;
    std::source_location where;

    bool writes() const noexcept {
        return what != kind::load && what != kind::fence && what != kind::spin &&
               what != kind::everywhere;
    }
};

/// The value of an atomic, for a trace.
using value_printer = std::string (*)(std::uint64_t);

/// Who touched a plain object last. Lives in it.
struct plain_history {
    epoch written;
    std::source_location written_at;
    std::array<std::int16_t, checked_threads_max> read{};
    std::source_location read_at;
    std::uint32_t alive = alive_mark;

    static constexpr std::uint32_t alive_mark = 0x6d0de1ed;
};

/// A place with an order that could be weaker.
struct order_site {
    std::source_location where;
    std::memory_order order;
    bool is_failure;  // of a compare-exchange

    bool is(const std::source_location& at, bool failure) const noexcept {
        return is_failure == failure && where.line() == at.line() &&
               where.column() == at.column() &&
               std::string_view(where.file_name()) == at.file_name();
    }
};

struct run_limits {
    unsigned preemptions_max = 3;
    std::uint32_t steps_max = 5000;
    bool is_exhaustive = false;  // no bound: leave out what another order covers
    bool records = false;        // a trace
    const std::vector<std::uint16_t>* replay = nullptr;
    std::vector<order_site>* sites = nullptr;  // gains what is seen
    const order_site* weakened = nullptr;
};

struct checked_thread {
    std::string_view name;
    void (*call)(void*);
    void* of;
};

/// Threads: one at a time; active() is the calling thread's.
class execution {
  public:
    explicit execution(search& choices) noexcept : search_(&choices) {}
    execution(const execution&) = delete;
    execution& operator=(const execution&) = delete;

    /// The run that the calling thread is in, or null.
    static execution* active() noexcept;

    /// Runs `body` once. False: it failed.
    bool run(const run_limits& limits, void (*body)(void*), void* of);

    // For the program's first thread.
    void run_threads(const checked_thread* bodies, std::size_t count);

    // For any of its threads.
    [[noreturn]] void fail(std::string what, const std::source_location& where);
    int add(std::uint64_t value, value_printer print, const std::source_location& made);
    void remove(int of) noexcept;
    std::uint64_t load(int of, std::memory_order order, const std::source_location& where);
    void store(int of, std::uint64_t value, std::memory_order order,
               const std::source_location& where);
    using change = std::uint64_t (*)(std::uint64_t before, std::uint64_t operand);
    std::uint64_t modify(checked_step step, change by, std::uint64_t operand);
    bool compare_exchange(checked_step step, std::uint64_t& expected, std::uint64_t desired,
                          bool is_weak);
    void fence(std::memory_order order, const std::source_location& where);
    void fence_everywhere(const std::source_location& where);
    void spin(const std::source_location& where);
    void wait(int of, std::uint64_t old, std::memory_order order,
              const std::source_location& where);
    void notify(int of, bool all, const std::source_location& where);
    void plain_access(plain_history& history, bool writes, const std::source_location& where);
    void plain_end(plain_history& history) noexcept;

    // What the last run was.
    const std::string& failure() const noexcept { return failure_; }
    const std::vector<std::string>& trace() const noexcept { return trace_; }
    const std::vector<std::uint16_t>& decisions() const noexcept { return decisions_; }
    unsigned preemptions() const noexcept { return preemptions_; }
    std::uint32_t steps() const noexcept { return steps_; }
    bool was_redundant() const noexcept { return coasts_; }

  private:
    struct thread {
        fiber stack;
        checked_step pending;
        std::string_view name;
        void (*call)(void*) = nullptr;
        void* of = nullptr;
        std::uint32_t own_writes = 0;
        std::uint32_t others_seen = 0;  // writes by others, when it last went on from a spin
    };

    static void enter_first(void* of);
    static void enter_thread(void* of);
    void reset(const run_limits& limits);
    void finish_thread();
    void arrive(const checked_step& step);
    void hand_on(bool is_voluntary);
    std::size_t choose_next(bool is_voluntary);
    std::size_t decide_thread(thread_mask options, std::size_t preferred);
    std::size_t decide_value(std::size_t count);
    [[noreturn]] void fail_stuck();
    void go_to(std::size_t next);
    void end_step(const checked_step& step, bool wrote);
    void check_alive(int of, const std::source_location& where);
    std::memory_order effective(std::memory_order order, const std::source_location& where,
                                bool is_failure);
    std::size_t pick_age(int of, std::memory_order order);
    void note(const checked_step& step, std::string text);
    std::string value_of(int of, std::uint64_t value) const;
    std::string name_of(std::size_t which) const;
    std::uint8_t self() const noexcept { return static_cast<std::uint8_t>(running_); }

    search* search_;
    run_limits limits_;
    memory memory_;
    fiber host_;
    std::array<thread, checked_threads_max> threads_;
    std::vector<value_printer> printers_;
    void (*body_)(void*) = nullptr;
    void* body_of_ = nullptr;

    std::size_t running_ = 0;
    std::size_t count_ = 1;  // threads, the first one included
    bool is_parallel_ = false;
    bool is_launching_ = false;
    bool coasts_ = false;  // was searched already in another order: to the end, without a choice
    bool ended_ = false;
    thread_mask enabled_ = 0;
    thread_mask unfinished_ = 0;
    thread_mask spinning_ = 0;
    thread_mask waiting_ = 0;
    thread_mask asleep_ = 0;
    unsigned preemptions_ = 0;
    bool may_fail_weakly_ = true;
    std::uint32_t writes_ = 0;
    std::uint32_t steps_ = 0;
    std::size_t replayed_ = 0;
    std::vector<std::uint16_t> decisions_;
    std::vector<std::string> trace_;
    std::string failure_;
};

/// The last part of a path, its line: what a trace says of a place.
std::string place_of(const std::source_location& where);
const char* name_of(std::memory_order order) noexcept;

}  // namespace drama::inline v0::internal
