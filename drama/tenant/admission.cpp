// SPDX-License-Identifier: Apache-2.0
#include "drama/tenant/admission.hpp"

#include "drama/tenant/tenant_record.hpp"

namespace drama::inline v0 {
namespace internal {
namespace {

// A stop or a deadline: whoever is still in the line leaves it, and nothing was granted.
void give_up(wait_record& record) noexcept {
    auto& me = static_cast<admission_wait&>(record);
    if (!me.gate->withdraw(me)) {
        return;
    }
    me.decided = admission_wait::outcome::refused;
    me.why = {record.stop_reason == errc::deadline_exceeded ? refusal_reason::deadline_exceeded
                                                            : refusal_reason::stop_requested,
              resource::cpu, me.payer->id(), duration::zero()};
    me.self->home->ready(*me.self);
}

}  // namespace

admission_wait::admission_wait(tenant_record& who, gate_kind what, std::uint32_t amount,
                               std::source_location at) noexcept
    : payer(&who), gate(who.gate()), cost(amount), which(what) {
    kind = wait_kind::admission;
    object = &who;
    where = at;
    cancel = &give_up;
}

void admission_wait::settle() noexcept {
    if (published) {
        published = false;
        self->end_wait();
    }
}

admission<request_permit> try_admit(tenant_record& payer, const admit_options& options) noexcept {
    if (admission_host* const gate = payer.gate()) {
        if (auto refused = gate->try_enter(payer, options.cost)) {
            return std::unexpected(*refused);
        }
    } else {
        payer.requests.fetch_add(options.cost, std::memory_order_relaxed);
    }
    if (runnable* const serving = current_runnable()) {
        begin_request(*serving, options);
    }
    return request_permit(payer, options.cost);
}

void admission_line::note_change(std::int32_t by, instant now) noexcept {
    if (length != 0 && now > counted) {
        const auto ns = static_cast<std::uint64_t>((now - counted).count());
        of->usage.gate_ns.add(ns);
        of->usage.gate_item_ns.add(ns * length);
    }
    counted = now;
    length += static_cast<std::uint32_t>(by);
}

void begin_request(runnable& serving, const admit_options& options) noexcept {
    serving.birth = coarse_instant(serving.home->now());
    serving.deadline = options.deadline;
    serving.input_complete = false;
    serving.set_class(work_class::read);
}

bool admit_awaiter::await_suspend(std::coroutine_handle<> at) noexcept {
    self->resume_point = at;
    if (gate == nullptr) {
        payer->requests.fetch_add(cost, std::memory_order_relaxed);
        decided = outcome::admitted;
        return false;
    }
    return gate->wait(*this) || self->gives_way_refused(where);
}

admission<request_permit> admit_awaiter::await_resume() noexcept {
    settle();
    if (decided != outcome::admitted) {
        return std::unexpected(why);
    }
    begin_request(*self, options);
    return request_permit(*payer, cost);
}

}  // namespace internal

void request_permit::end() noexcept {
    tenant_record* const payer = std::exchange(payer_, nullptr);
    if (payer == nullptr) {
        return;
    }
    if (internal::admission_host* const gate = payer->gate()) {
        gate->leave(*payer, cost_);
    } else {
        payer->requests.fetch_sub(cost_, std::memory_order_relaxed);
    }
}

}  // namespace drama::inline v0
