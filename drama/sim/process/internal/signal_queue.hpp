// SPDX-License-Identifier: Apache-2.0
// Signals of a simulated process: what has come and was not read, and the descriptors that read it.
#pragma once

#include <cstdint>

#include "drama/sim/internal/sim_descriptor.hpp"
#include "drama/sim/node/sim_process.hpp"

namespace drama::inline v0::internal {

constexpr std::uint64_t signal_bit(int number) noexcept {
    return std::uint64_t{1} << static_cast<unsigned>(number - 1);
}

/// One signalfd. Threads: one at a time. Ownership: the table's, from its number on.
class signal_queue final : public sim_descriptor {
  public:
    signal_queue(sim_process& of, std::uint64_t signals) noexcept;

    void on_close() noexcept override;
    std::uint64_t signals() const noexcept { return signals_; }

  protected:
    std::int64_t attempt(operation& op, bool again) noexcept override;
    int events() noexcept override;

  private:
    sim_process& of_;
    const std::uint64_t signals_;
};

/// A signal comes to a process. Where nobody reads it, it does what it does by default; yields true
/// if that ends the process.
bool raise_signal(sim_process& at, int number) noexcept;

}  // namespace drama::inline v0::internal
