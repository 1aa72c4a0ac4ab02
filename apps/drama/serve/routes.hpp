// SPDX-License-Identifier: Apache-2.0
// What `drama serve` answers: each file of routes adds its own.
#pragma once

#include <vector>

#include "drama/http/exchange.hpp"

namespace drama::cli {

/// Routes that cost time and nothing else, and behave or do not: /echo, /hog, /compute, /block,
/// /spawn and /healthz.
void add_work_routes(std::vector<http_route>& to);
/// Routes that keep data, /files/NAME, and /churn.
void add_file_routes(std::vector<http_route>& to);
/// Routes over the tenant's database, /sql.
void add_sql_routes(std::vector<http_route>& to);
/// Routes that burn CPU for a purpose: /compress and /hash.
void add_pack_routes(std::vector<http_route>& to);

}  // namespace drama::cli
