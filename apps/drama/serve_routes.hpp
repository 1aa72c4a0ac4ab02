// SPDX-License-Identifier: Apache-2.0
// What `drama serve` answers: routes that behave well and routes that do not.
#pragma once

#include <vector>

#include "drama/http/exchange.hpp"

namespace drama::cli {

/// /echo, /hog, /compute, /block and /healthz.
std::vector<http_route> serve_routes();

}  // namespace drama::cli
