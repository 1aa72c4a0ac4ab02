// SPDX-License-Identifier: Apache-2.0
// What IO asks of the runtime: operations go to the backend of the core that submits them, to the
// disk queue, or to threads of the runtime's own.
#include <new>

#include "drama/base/coverage/mark.hpp"
#include "drama/coro/frame_pool.hpp"
#include "drama/runtime/engine.hpp"

namespace drama::inline v0::internal {
namespace {

struct offloaded final : job {
    operation* op = nullptr;
    void (*perform)(operation&) noexcept = nullptr;
};

}  // namespace

submission engine::submit(operation& op, std::uint16_t& core_index) noexcept {
    const runtime_entry entry(*this);
    if (core* const mine = entry.held()) {
        core_index = static_cast<std::uint16_t>(mine->index);
        return mine->backend->submit(op);
    }
    core_index = 0;
    cores_[0]->backend->post(op);
    return submission::pending;
}

void engine::charge(account& payer, const operation& op) noexcept {
    const runtime_entry entry(*this);
    if (core* const mine = entry.held(); mine != nullptr && mine->tally.is_of(&payer)) {
        mine->tally.note_operation(op.code, op.outcome);
        return;
    }
    static_cast<tenant_record&>(payer).charge_operation(op.code, op.outcome);
}

void engine::cancel(operation& op, std::uint16_t core_index) noexcept {
    DRAMA_MARK("engine.cancels_io");
    const runtime_entry entry(*this);
    cores_[core_index]->backend->cancel(op);
}

void engine::submit_to_disk(disk_request& request, operation& whole, account& payer) noexcept {
    const runtime_entry entry(*this);
    disk_.submit(request, whole, static_cast<tenant_record&>(payer));
}

void engine::cancel_in_disk(disk_request& request) noexcept {
    DRAMA_MARK("engine.cancels_in_disk");
    const runtime_entry entry(*this);
    disk_.cancel(request);
}

void engine::note_passed_by_disk(const operation& op, account& payer) noexcept {
    const runtime_entry entry(*this);
    disk_.note_passed(op, static_cast<tenant_record&>(payer));
}

bool engine::offload(operation& op, void (*perform)(operation&) noexcept) noexcept {
    DRAMA_MARK("engine.offloads");
    const runtime_entry entry(*this);
    auto* const work =
        may_allocate("job", sizeof(offloaded)) ? new (std::nothrow) offloaded : nullptr;
    if (work == nullptr) {
        return false;
    }
    work->op = &op;
    work->perform = perform;
    work->payer = &tenants_.system().record();
    work->name = "io";
    work->run = [](job& each) noexcept {
        auto& mine = static_cast<offloaded&>(each);
        mine.perform(*mine.op);
    };
    work->complete = [](job& each) noexcept {
        auto& mine = static_cast<offloaded&>(each);
        if (mine.given_up) {
            mine.perform(*mine.op);  // accepted operations complete, at shutdown too
        }
        delete &mine;
    };
    thread_pool& reserved = op.code == op_code::resolve ? *names_ : *files_;
    if (!reserved.submit(*work)) {
        delete work;
        return false;
    }
    return true;
}

}  // namespace drama::inline v0::internal
