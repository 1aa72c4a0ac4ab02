// SPDX-License-Identifier: Apache-2.0
// One end of a simulated pipe.
#pragma once

#include <memory>
#include <string_view>

#include "drama/sim/internal/sim_descriptor.hpp"
#include "drama/sim/net/internal/local/local_stream.hpp"

namespace drama::inline v0::internal {

/// Threads: one at a time. Ownership: the table's, from its number on.
class pipe_end final : public sim_descriptor {
  public:
    /// What a pipe of Linux holds, and what it takes whole or not at all.
    static constexpr std::size_t bytes_max = 64 * 1024;
    static constexpr std::size_t whole_bytes_max = 4096;

    pipe_end(std::shared_ptr<local_stream> through, bool reads) noexcept;

    void on_close() noexcept override;

  protected:
    std::int64_t attempt(operation& op, bool again) noexcept override;
    int events() noexcept override;
    bool may_serve_writers() noexcept override;

  private:
    std::int64_t read(const operation& op) noexcept;
    std::int64_t write(const operation& op) noexcept;
    /// Of reads and of writes that need not be whole, faults let through so much only.
    std::size_t limited(std::size_t count, std::string_view site, const operation& op) noexcept;

    std::shared_ptr<local_stream> through_;
    const bool reads_;
};

}  // namespace drama::inline v0::internal
