// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/blocking.hpp"

#include "drama/runtime/engine.hpp"

namespace drama::inline v0::internal {

thread_pool& pool_of(host& in, work_kind kind) noexcept {
    auto& owner = static_cast<engine&>(in);
    return kind == work_kind::compute ? owner.compute() : owner.blocking();
}

}  // namespace drama::inline v0::internal
