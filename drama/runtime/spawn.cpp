// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/spawn.hpp"

#include "drama/base/coverage/mark.hpp"
#include "drama/runtime/engine.hpp"

namespace drama::inline v0::internal {

root_wait::root_wait(spawn_payer from, std::source_location at) noexcept
    : admission_wait(static_cast<tenant_record&>(*from.pays), gate_kind::spawn, 0, at),
      spawned_at(from.where) {
}

root_wait::~root_wait() {
    if (root != nullptr) {
        root->abandon();
    }
}

bool root_wait::await_ready() noexcept {
    if (decided != outcome::waiting) {
        return true;
    }
    engine& in = static_cast<engine&>(*self->home);
    root->home = &in;
    root->birth = coarse_instant(in.now());
    root->site.where = spawned_at;
    if (self->payer != payer) {
        return false;
    }
    root->inherit(*self);
    root->launch(&in.roots());
    decided = outcome::admitted;
    return true;
}

admission<spawned*> root_wait::take() noexcept {
    DRAMA_MARK("spawn.waited_at_the_gate");
    settle();
    if (decided != outcome::admitted) {
        return std::unexpected(why);
    }
    return std::exchange(root, nullptr);
}

}  // namespace drama::inline v0::internal
