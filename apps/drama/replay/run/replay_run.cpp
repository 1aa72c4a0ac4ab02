// SPDX-License-Identifier: Apache-2.0
#include "replay/run/replay_run.hpp"

#include <memory>

#include "replay/run/event_loop.hpp"

namespace drama::cli {

std::expected<replay_result, std::string> replay(const workload& what, std::string_view order) {
    event_loop loop(what, order);
    if (std::string wrong = loop.run(); !wrong.empty()) {
        return std::unexpected(std::move(wrong));
    }
    return loop.result();
}

}  // namespace drama::cli
