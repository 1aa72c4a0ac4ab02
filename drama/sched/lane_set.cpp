// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/lane_set.hpp"

namespace drama::inline v0 {

template class basic_work_fifo<work_item>;

}  // namespace drama::inline v0
