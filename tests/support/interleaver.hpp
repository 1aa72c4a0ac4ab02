// SPDX-License-Identifier: Apache-2.0
// Exhaustive search of small lock-free protocols: every order of steps of a few threads, on a
// machine with store buffers (total store order). Threads run one at a time; stores that are not
// sequentially consistent wait in their thread's buffer until it is flushed, at a moment that is
// also searched.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace drama::testing {

/// Runs scenarios under every schedule. Complexity: exponential in steps; keep scenarios tiny.
class interleaver {
  public:
    using body = std::function<void()>;

    /// Calls `prepare` for each schedule; it returns the threads' bodies. Then `check` is called.
    /// Returns how many schedules were tried.
    std::size_t explore(const std::function<std::vector<body>()>& prepare,
                        const std::function<void()>& check) {
        std::size_t schedules = 0;
        path_.clear();
        do {
            position_ = 0;
            run_once(prepare());
            check();
            ++schedules;
        } while (!stopped_ && next_path());
        return schedules;
    }
    /// Ends the search after this schedule: what was looked for is found.
    void stop() { stopped_ = true; }

    /// The search that this thread takes part in, or null.
    static interleaver*& current() {
        static thread_local interleaver* mine = nullptr;
        return mine;
    }
    static std::size_t& self() {
        static thread_local std::size_t index = 0;
        return index;
    }

    /// A point at which another thread may run. `waits`: the caller spins until others have moved.
    void point(bool waits = false) {
        const std::size_t me = self();
        std::unique_lock lock(mutex_);
        threads_[me].waits = waits;
        running_ = none;
        changed_.notify_all();
        changed_.wait(lock, [&] { return running_ == me; });
    }

    struct pending_store {
        void* to;
        std::uint64_t value;
        void (*apply)(void* to, std::uint64_t value);
    };
    std::deque<pending_store>& buffer(std::size_t thread) { return threads_[thread].buffer; }
    void flush(std::size_t thread) {
        while (!buffer(thread).empty()) {
            flush_one(thread);
        }
    }
    void flush_all() {
        for (std::size_t i = 0; i < threads_.size(); ++i) {
            flush(i);
        }
    }

  private:
    static constexpr std::size_t none = static_cast<std::size_t>(-1);

    struct state {
        std::deque<pending_store> buffer;
        bool finished = false;
        bool waits = false;
    };

    void flush_one(std::size_t thread) {
        const pending_store store = buffer(thread).front();
        buffer(thread).pop_front();
        store.apply(store.to, store.value);
    }

    void run_once(std::vector<body> bodies) {
        threads_.assign(bodies.size(), state{});
        running_ = none;
        std::vector<std::thread> started;
        for (std::size_t i = 0; i < bodies.size(); ++i) {
            started.emplace_back([this, i, &bodies] {
                current() = this;
                self() = i;
                {
                    std::unique_lock lock(mutex_);
                    changed_.wait(lock, [&] { return running_ == i; });
                }
                bodies[i]();
                const std::lock_guard guard(mutex_);
                threads_[i].finished = true;
                running_ = none;
                changed_.notify_all();
            });
        }
        steer();
        for (auto& each : started) {
            each.join();
        }
        flush_all();
    }

    void steer() {
        std::unique_lock lock(mutex_);
        for (;;) {
            // Options: step a thread that can move, or let one buffered store reach memory.
            std::vector<std::size_t> options;
            for (std::size_t i = 0; i < threads_.size(); ++i) {
                if (!threads_[i].finished && !threads_[i].waits) {
                    options.push_back(i);
                }
                if (!threads_[i].buffer.empty()) {
                    options.push_back(threads_.size() + i);
                }
            }
            bool all_finished = true;
            for (auto& each : threads_) {
                all_finished = all_finished && each.finished;
            }
            if (all_finished) {
                return;
            }
            if (options.empty()) {
                for (auto& each : threads_) {
                    each.waits = false;  // all spin: let them look again
                }
                continue;
            }
            const std::size_t chosen = options[choose(options.size())];
            for (auto& each : threads_) {
                each.waits = false;
            }
            if (chosen >= threads_.size()) {
                flush_one(chosen - threads_.size());
                continue;
            }
            running_ = chosen;
            changed_.notify_all();
            changed_.wait(lock, [&] { return running_ == none; });
        }
    }

    std::size_t choose(std::size_t options) {
        if (position_ == path_.size()) {
            path_.push_back({0, options});
        }
        return path_[position_++].taken;
    }

    bool next_path() {
        while (!path_.empty() && path_.back().taken + 1 == path_.back().of) {
            path_.pop_back();
        }
        if (path_.empty()) {
            return false;
        }
        ++path_.back().taken;
        return true;
    }

    struct branch {
        std::size_t taken;
        std::size_t of;
    };

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<state> threads_;
    std::size_t running_ = none;
    std::vector<branch> path_;
    std::size_t position_ = 0;
    bool stopped_ = false;
};

/// The atomics parameter that runs under an interleaver. Same shape as drama::real_atomics.
struct checked_atomics {
    template <class T>
    class atomic {
      public:
        atomic(T initial = T{}) noexcept : value_(initial) {}  // NOLINT: as std::atomic

        T load(std::memory_order = std::memory_order_seq_cst) const {
            interleaver& search = *interleaver::current();
            search.point();
            const auto& mine = search.buffer(interleaver::self());
            for (auto store = mine.rbegin(); store != mine.rend(); ++store) {
                if (store->to == this) {
                    return unpack(store->value);
                }
            }
            return value_;
        }
        void store(T value, std::memory_order order = std::memory_order_seq_cst) {
            interleaver& search = *interleaver::current();
            search.point();
            const std::size_t me = interleaver::self();
            search.buffer(me).push_back({this, pack(value), &apply});
            if (order == std::memory_order_seq_cst) {
                search.flush(me);
            }
        }
        T exchange(T value, std::memory_order = std::memory_order_seq_cst) {
            interleaver& search = *interleaver::current();
            search.point();
            search.flush(interleaver::self());
            return std::exchange(value_, value);
        }

      private:
        static std::uint64_t pack(T value) {
            std::uint64_t packed = 0;
            std::memcpy(&packed, &value, sizeof value);
            return packed;
        }
        static T unpack(std::uint64_t packed) {
            T value;
            std::memcpy(&value, &packed, sizeof value);
            return value;
        }
        static void apply(void* to, std::uint64_t value) {
            static_cast<atomic*>(to)->value_ = unpack(value);
        }

        T value_;
    };

    static void interleave() { interleaver::current()->point(); }
    static void yield(unsigned /*tries*/ = 0) { interleaver::current()->point(true); }
};

}  // namespace drama::testing
