// SPDX-License-Identifier: Apache-2.0
// Two owners of one descriptor would close it twice: unique_fd moves and does not copy.
// error: deleted
#include <utility>

#include "drama/base/unique_fd.hpp"

drama::unique_fd keep(drama::unique_fd& mine) {
#ifndef DRAMA_FIX
    drama::unique_fd other(mine);
#else
    drama::unique_fd other(std::move(mine));
#endif
    return other;
}
