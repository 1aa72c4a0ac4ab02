// SPDX-License-Identifier: Apache-2.0
// What `drama serve` answers: each file of routes adds its own.
#pragma once

#include <vector>

#include "drama/http/exchange.hpp"

namespace drama::cli {

/// Routes that cost time and nothing else, and behave or do not: /echo, /hog, /compute, /block,
/// /spawn and /healthz.
void add_work_routes(std::vector<http_route>& to);

}  // namespace drama::cli
