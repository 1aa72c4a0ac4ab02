// SPDX-License-Identifier: Apache-2.0
// What the microbenchmarks share: one measured form, run several times on a fresh runtime.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "drama/runtime/runtime.hpp"

namespace drama::bench {

/// Runs on a started runtime and yields nanoseconds per operation.
using form = double (*)(runtime& rt);

struct named_form {
    const char* name;
    const char* unit;
    form run;
};

/// Nanoseconds on the machine's clock.
std::int64_t now_ns();

double echo_round_trip(runtime& rt);

/// Prints what one of `count` sleeping tasks costs. Requires: no other thread runs.
void measure_memory(std::size_t threads, int count);

}  // namespace drama::bench
