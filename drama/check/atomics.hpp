// SPDX-License-Identifier: Apache-2.0
// The atomics parameter of a checked program: the same shape as real_atomics, but every access is a
// step of a search over all that C++ allows. A template over `Atomics` runs on either.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include "drama/check/internal/execution.hpp"

namespace drama::inline v0::check {

/// Stands for std::atomic<T>: all its operations, orders and waits.
///
/// Made and destroyed inside a search. To destroy one that another thread has used, and that was
/// not waited for by what C++ calls happens-before, fails the search.
/// Outside of a search it is a plain value. Requires: at most 8 bytes, without padding.
template <class T>
class atomic {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t));
    using place = std::source_location;
    using order = std::memory_order;

  public:
    using value_type = T;
    static constexpr bool is_always_lock_free = true;

    atomic(T initial = T{}, const place& made = place::current())  // NOLINT: as std::atomic
        : value_(initial) {
        if (internal::execution* const in = internal::execution::active()) {
            of_ = in->add(pack(initial), &print, made);
        }
    }
    ~atomic() {
        if (internal::execution* const in = internal::execution::active(); in && of_ >= 0) {
            in->remove(of_);
        }
    }
    atomic(const atomic&) = delete;
    atomic& operator=(const atomic&) = delete;

    bool is_lock_free() const noexcept { return true; }

    T load(order by = order::seq_cst, const place& where = place::current()) const {
        internal::execution* const in = searched();
        return in == nullptr ? value_ : unpack(in->load(of_, by, where));
    }
    void store(T value, order by = order::seq_cst, const place& where = place::current()) {
        if (internal::execution* const in = searched()) {
            in->store(of_, pack(value), by, where);
        } else {
            value_ = value;
        }
    }
    T exchange(T value, order by = order::seq_cst, const place& where = place::current()) {
        return modify<&second>(value, by, where);
    }

    bool compare_exchange_weak(T& expected, T desired, order success, order failure,
                               const place& where = place::current()) {
        return compare(expected, desired, {success, failure, true}, where);
    }
    bool compare_exchange_weak(T& expected, T desired, order by = order::seq_cst,
                               const place& where = place::current()) {
        return compare(expected, desired, {by, on_failure(by), true}, where);
    }
    bool compare_exchange_strong(T& expected, T desired, order success, order failure,
                                 const place& where = place::current()) {
        return compare(expected, desired, {success, failure, false}, where);
    }
    bool compare_exchange_strong(T& expected, T desired, order by = order::seq_cst,
                                 const place& where = place::current()) {
        return compare(expected, desired, {by, on_failure(by), false}, where);
    }

    /// What `+` takes: T, or the distance of pointers.
    using difference = std::conditional_t<std::is_pointer_v<T>, std::ptrdiff_t, T>;

    T fetch_add(difference by, order how = order::seq_cst, const place& where = place::current())
        requires requires(T a, difference b) { a + b; }
    {
        return modify<&sum, difference>(by, how, where);
    }
    T fetch_sub(difference by, order how = order::seq_cst, const place& where = place::current())
        requires requires(T a, difference b) { a - b; }
    {
        return modify<&less, difference>(by, how, where);
    }
    T fetch_and(T with, order how = order::seq_cst, const place& where = place::current())
        requires std::is_integral_v<T>
    {
        return modify<&both>(with, how, where);
    }
    T fetch_or(T with, order how = order::seq_cst, const place& where = place::current())
        requires std::is_integral_v<T>
    {
        return modify<&either>(with, how, where);
    }
    T fetch_xor(T with, order how = order::seq_cst, const place& where = place::current())
        requires std::is_integral_v<T>
    {
        return modify<&differing>(with, how, where);
    }

    operator T() const { return load(); }  // NOLINT: as std::atomic
    T operator=(T value) {
        store(value);
        return value;
    }
    T operator++() { return static_cast<T>(fetch_add(1) + 1); }
    T operator++(int) { return fetch_add(1); }
    T operator--() { return static_cast<T>(fetch_sub(1) - 1); }
    T operator--(int) { return fetch_sub(1); }
    T operator+=(difference by) { return static_cast<T>(fetch_add(by) + by); }
    T operator-=(difference by) { return static_cast<T>(fetch_sub(by) - by); }
    T operator&=(T with) { return static_cast<T>(fetch_and(with) & with); }
    T operator|=(T with) { return static_cast<T>(fetch_or(with) | with); }
    T operator^=(T with) { return static_cast<T>(fetch_xor(with) ^ with); }

    void wait(T old, order by = order::seq_cst, const place& where = place::current()) const {
        if (internal::execution* const in = searched()) {
            in->wait(of_, pack(old), by, where);
        }
    }
    void notify_one(const place& where = place::current()) { notify(false, where); }
    void notify_all(const place& where = place::current()) { notify(true, where); }

  private:
    struct orders {
        order success;
        order failure;
        bool is_weak;
    };

    static constexpr order on_failure(order by) noexcept {
        return by == order::acq_rel ? order::acquire : by == order::release ? order::relaxed : by;
    }
    template <class Value>
    static std::uint64_t pack(Value value) noexcept {
        std::uint64_t packed = 0;
        std::memcpy(&packed, &value, sizeof value);
        return packed;
    }
    template <class Value = T>
    static Value unpack(std::uint64_t packed) noexcept {
        Value value;
        std::memcpy(static_cast<void*>(&value), &packed, sizeof value);
        return value;
    }
    static std::string print(std::uint64_t packed) {
        if constexpr (std::is_same_v<T, bool>) {
            return packed != 0 ? "true" : "false";
        } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
            return std::to_string(static_cast<long long>(unpack(packed)));
        } else if constexpr (std::is_pointer_v<T>) {
            return packed == 0 ? "null" : "..." + std::to_string(packed & 0xffff);
        } else {
            return std::to_string(packed);
        }
    }

    static T second(T, T operand) noexcept { return operand; }
    static T sum(T before, difference by) noexcept { return static_cast<T>(before + by); }
    static T less(T before, difference by) noexcept { return static_cast<T>(before - by); }
    static T both(T before, T with) noexcept { return static_cast<T>(before & with); }
    static T either(T before, T with) noexcept { return static_cast<T>(before | with); }
    static T differing(T before, T with) noexcept { return static_cast<T>(before ^ with); }

    /// The search that this object was made in, or null.
    internal::execution* searched() const noexcept {
        return of_ < 0 ? nullptr : internal::execution::active();
    }

    template <auto Change, class Operand = T>
    T modify(Operand operand, order by, const place& where) {
        if (internal::execution* const in = searched()) {
            using step = internal::checked_step;
            return unpack(in->modify(
                step{step::kind::change, by, order::relaxed, of_, where},
                [](std::uint64_t before, std::uint64_t with) {
                    return pack(Change(unpack(before), unpack<Operand>(with)));
                },
                pack(operand)));
        }
        return std::exchange(value_, Change(value_, operand));
    }
    bool compare(T& expected, T desired, orders by, const place& where) {
        std::uint64_t packed = pack(expected);
        if (internal::execution* const in = searched()) {
            using step = internal::checked_step;
            if (in->compare_exchange(step{step::kind::compare, by.success, by.failure, of_, where},
                                     packed, pack(desired), by.is_weak)) {
                return true;
            }
            expected = unpack(packed);
            return false;
        }
        const bool equal = packed == pack(value_);
        (equal ? value_ : expected) = equal ? desired : value_;
        return equal;
    }
    void notify(bool all, const place& where) {
        if (internal::execution* const in = searched()) {
            in->notify(of_, all, where);
        }
    }

    T value_;
    int of_ = -1;
};

/// A value that threads share without being atomic: to access it while another thread may, with
/// nothing that orders the two, fails the search, and so does to destroy it.
template <class T>
class plain {
    using place = std::source_location;

    struct assigned {
        template <class Value>
            requires std::is_convertible_v<Value, T>
        assigned(Value&& from, const place& at = place::current())  // NOLINT: an argument
            : value(std::forward<Value>(from)), where(at) {}
        T value;
        place where;
    };

  public:
    plain() : plain(T{}) {}
    explicit plain(T initial, const place& made = place::current()) : value_(std::move(initial)) {
        note(true, made);
    }
    plain(const plain& other) : plain(other.read(place())) {}
    ~plain() {
        if (internal::execution* const in = internal::execution::active()) {
            in->plain_end(history_);
        }
    }

    const T& read(const place& where = place::current()) const {
        note(false, where);
        return value_;
    }
    /// To be changed in place.
    T& write(const place& where = place::current()) {
        note(true, where);
        return value_;
    }
    operator const T&() const { return read(place()); }  // NOLINT: as the value itself
    plain& operator=(assigned from) {
        write(from.where) = std::move(from.value);
        return *this;
    }
    plain& operator=(const plain& other) {
        T copied = other.read(place());
        write(place()) = std::move(copied);
        return *this;
    }
    T operator->() const
        requires std::is_pointer_v<T>
    {
        return read(place());
    }
    plain& operator++() {
        ++write(place());
        return *this;
    }
    plain& operator--() {
        --write(place());
        return *this;
    }
    plain& operator+=(const T& by) {
        write(place()) += by;
        return *this;
    }
    plain& operator-=(const T& by) {
        write(place()) -= by;
        return *this;
    }

  private:
    void note(bool writes, const place& where) const {
        if (internal::execution* const in = internal::execution::active()) {
            in->plain_access(history_, writes, where);
        }
    }

    T value_;
    mutable internal::plain_history history_;
};

/// What templates over `Atomics` take.
struct atomics {
    template <class T>
    using atomic = check::atomic<T>;
    template <class T>
    using plain = check::plain<T>;

    static void fence(std::memory_order by,
                      const std::source_location& where = std::source_location::current()) {
        if (internal::execution* const in = internal::execution::active()) {
            in->fence(by, where);
        }
    }
    /// The caller waits for others in a loop: it goes on when one of them has changed something.
    static void yield(unsigned /*tries*/ = 0,
                      const std::source_location& where = std::source_location::current()) {
        if (internal::execution* const in = internal::execution::active()) {
            in->spin(where);
        }
    }
    static void pause(unsigned /*times*/ = 1,
                      const std::source_location& where = std::source_location::current()) {
        yield(0, where);
    }
};

/// A full fence on every thread of the program, one after the other, as membarrier(2) makes.
inline void fence_everywhere(const std::source_location& where = std::source_location::current()) {
    if (internal::execution* const in = internal::execution::active()) {
        in->fence_everywhere(where);
    }
}

}  // namespace drama::inline v0::check
