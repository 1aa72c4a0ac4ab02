// SPDX-License-Identifier: Apache-2.0
// Heavy computation in pieces: each runs on the compute pool, charged to the tenant, and the
// workers stay free for others.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"

using namespace drama;

namespace {

std::uint32_t count_primes(std::uint32_t from, std::uint32_t to) {
    std::uint32_t count = 0;
    for (std::uint32_t n = std::max(from, 2U); n < to; ++n) {
        bool is_prime = true;
        for (std::uint32_t d = 2; d * d <= n && is_prime; ++d) {
            is_prime = n % d != 0;
        }
        count += is_prime ? 1 : 0;
    }
    return count;
}

task<result<std::uint32_t>> piece(std::uint32_t from, std::uint32_t to) {
    co_return co_await compute(count_primes, from, to);
}

task<result<std::uint32_t>> count_in_pieces(scope_handle scope, std::uint32_t limit,
                                            std::uint32_t step) {
    std::vector<join_handle<result<std::uint32_t>>> pieces;
    for (std::uint32_t from = 0; from < limit; from += step) {
        auto child = scope.spawn(piece, from, std::min(from + step, limit));
        if (!child) {
            co_return fail(child.error());
        }
        pieces.push_back(std::move(*child));
    }
    std::uint32_t sum = 0;
    for (auto& each : pieces) {
        DRAMA_CO_TRY(const std::uint32_t count, co_await each.join());
        sum += count;
    }
    co_return sum;
}

}  // namespace

int main() {
    runtime rt;
    const tenant science = rt.tenants().get_or_create("science");
    if (!rt.start()) {
        return 1;
    }
    const auto primes =
        rt.sync_wait(science, [] { return in_scope(count_in_pieces, 200'000U, 10'000U); });
    if (!primes) {
        std::fprintf(stderr, "%s\n", primes.error().message().c_str());
        return 1;
    }
    std::printf("%u primes below 200000, counted by %llu calls\n", *primes,
                static_cast<unsigned long long>(science.usage().compute_calls.read()));
    return *primes == 17984 ? 0 : 1;
}
