// SPDX-License-Identifier: Apache-2.0
#include "drama/tenant/turn_tally.hpp"

#include <bit>

namespace drama::inline v0 {

void turn_tally::note_operation(op_code code, std::int64_t outcome) noexcept {
    const auto index = static_cast<std::size_t>(code);
    noted_ |= std::uint64_t{1} << index;
    operations_[index].add(code, outcome);
}

void turn_tally::flush() noexcept {
    if (started_ != 0) {
        payer_->usage.tasks_started.add(started_);
        started_ = 0;
    }
    if (ended_ != 0) {
        payer_->usage.tasks_ended.add(ended_);
        ended_in_turn_ += ended_;
        ended_ = 0;
    }
    for (; noted_ != 0; noted_ &= noted_ - 1) {
        const auto index = static_cast<std::size_t>(std::countr_zero(noted_));
        payer_->charge_operations(static_cast<op_code>(index), operations_[index]);
        operations_[index] = {};
    }
}

}  // namespace drama::inline v0
