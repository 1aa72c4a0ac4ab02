// SPDX-License-Identifier: Apache-2.0
// result<T>: a value or an error code; and the two declaring macros that pass an error upward.
#pragma once

#include <expected>
#include <system_error>
#include <type_traits>
#include <utility>

#include "drama/base/errc.hpp"

namespace drama::inline v0 {

/// What a fallible operation yields. Nothing in drama throws for a normal event.
template <class T>
using result = std::expected<T, std::error_code>;

/// The error branch of a result: `return fail(errc::closed);`.
inline std::unexpected<std::error_code> fail(std::error_code code) noexcept {
    return std::unexpected(code);
}

namespace internal {
template <class T>
struct is_expected : std::false_type {};
template <class T, class E>
struct is_expected<std::expected<T, E>> : std::true_type {};
}  // namespace internal

/// T is some std::expected.
template <class T>
concept is_result = internal::is_expected<std::remove_cvref_t<T>>::value;

/// result<T>, or T itself where T is a result already: `blocking`, `compute` and friends flatten.
template <class T>
using flat_result = std::conditional_t<is_result<T>, T, result<T>>;

}  // namespace drama::inline v0

#define DRAMA_JOIN_IMPL_(a, b) a##b
#define DRAMA_JOIN_(a, b) DRAMA_JOIN_IMPL_(a, b)
#define DRAMA_TRY_IMPL_(temporary, declaration, expression, leave) \
    auto temporary = expression;                                   \
    if (!temporary) {                                              \
        leave ::std::unexpected(::std::move(temporary).error());   \
    }                                                              \
    declaration = *::std::move(temporary)

/// `DRAMA_TRY(auto n, parse(text));` declares n, or returns the error from this function.
#define DRAMA_TRY(declaration, expression) \
    DRAMA_TRY_IMPL_(DRAMA_JOIN_(drama_result_, __LINE__), declaration, expression, return)

/// The same inside a coroutine: `DRAMA_CO_TRY(auto n, co_await stream.read_some(buffer));`.
#define DRAMA_CO_TRY(declaration, expression) \
    DRAMA_TRY_IMPL_(DRAMA_JOIN_(drama_result_, __LINE__), declaration, expression, co_return)
