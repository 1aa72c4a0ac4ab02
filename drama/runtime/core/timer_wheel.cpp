// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/core/timer_wheel_body.hpp"

namespace drama::inline v0 {

template class basic_timer_wheel<real_atomics>;

}  // namespace drama::inline v0
