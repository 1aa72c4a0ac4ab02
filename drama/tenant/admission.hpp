// SPDX-License-Identifier: Apache-2.0
// What stands in front of a tenant's work: the line of those who wait for admission, and the permit
// that one admitted request holds. The runtime implements the gate.
#pragma once

#include <cstdint>
#include <optional>
#include <source_location>
#include <utility>

#include "drama/base/export.hpp"
#include "drama/base/intrusive_list.hpp"
#include "drama/coro/refusal.hpp"
#include "drama/coro/runnable.hpp"

namespace drama::inline v0 {

class tenant_record;

namespace internal {

class spawned;
struct admission_wait;

/// Which gate: a root, or a request on a connection that was admitted before.
enum class gate_kind : std::uint8_t { spawn, request };

/// One tenant's line at one gate; linked into the gate's list while somebody waits.
/// Threads: under the gate's lock.
struct admission_line : list_link<> {
    tenant_record* of = nullptr;
    gate_kind kind = gate_kind::spawn;
    intrusive_list<admission_wait> waits;
    std::uint32_t length = 0;    ///< of it
    instant counted = long_ago;  ///< up to then, who waited has been charged for it

    /// One more or one less waits from now on.
    void note_change(std::int32_t by, instant now) noexcept;
};

/// The gate, as permits and awaiters see it. Threads: any.
class admission_host {
  public:
    /// Admits a request now and counts it, or says why not.
    virtual std::optional<refusal> try_enter(tenant_record& payer, std::uint32_t cost) noexcept = 0;
    /// A request that was admitted has ended.
    virtual void leave(tenant_record& payer, std::uint32_t cost) noexcept = 0;
    /// False: `wait` was decided at once. True: it will be, and the task made ready.
    virtual bool wait(admission_wait& wait) noexcept = 0;
    /// True if the wait was in its line and now is not.
    virtual bool withdraw(admission_wait& wait) noexcept = 0;

  protected:
    ~admission_host() = default;
};

/// The wait of one task at one gate: base of the awaiters of `spawn` and `admit`.
///
/// Whoever takes it out of its line decides, and makes the task ready afterwards.
struct DRAMA_API admission_wait : wait_record, list_link<> {
    enum class outcome : std::uint8_t { waiting, admitted, refused };

    admission_wait(tenant_record& who, gate_kind what, std::uint32_t amount,
                   std::source_location at) noexcept;
    admission_wait(const admission_wait&) = delete;
    admission_wait& operator=(const admission_wait&) = delete;

    void attach(runnable& task) noexcept { self = &task; }
    /// Withdraws the published wait. Called on resumption.
    void settle() noexcept;

    tenant_record* payer;
    admission_host* gate;
    runnable* self = nullptr;
    spawned* root = nullptr;  ///< what waits to be launched; null: a request
    std::uint32_t cost;
    gate_kind which;
    outcome decided = outcome::waiting;
    bool published = false;
    refusal why;
};

}  // namespace internal

/// How a request asks for admission.
struct admit_options {
    std::uint32_t cost = 1;    ///< of the tenant's `requests_max`
    instant deadline = never;  ///< of the request, in its context; with_deadline enforces one
};

/// One admitted request; its destructor ends it.
/// Threads: as a value. Lifetime: not beyond the runtime.
class [[nodiscard]] request_permit {
  public:
    request_permit() noexcept = default;
    request_permit(tenant_record& payer, std::uint32_t cost) noexcept
        : payer_(&payer), cost_(cost) {}
    request_permit(request_permit&& other) noexcept
        : payer_(std::exchange(other.payer_, nullptr)), cost_(other.cost_) {}
    request_permit& operator=(request_permit&& other) noexcept {
        std::swap(payer_, other.payer_);
        std::swap(cost_, other.cost_);
        return *this;
    }
    ~request_permit() { end(); }

    explicit operator bool() const noexcept { return payer_ != nullptr; }
    std::uint32_t cost() const noexcept { return cost_; }
    /// Ends the request early. Harmless if it has ended.
    DRAMA_API void end() noexcept;

  private:
    tenant_record* payer_ = nullptr;
    std::uint32_t cost_ = 0;
};

namespace internal {

/// Takes a permit now, or says why not. Inside a task the permit begins the request's life there.
DRAMA_API admission<request_permit> try_admit(tenant_record& payer,
                                              const admit_options& options) noexcept;
/// Birth, class and deadline of a new request in the context of the task that serves it.
void begin_request(runnable& serving, const admit_options& options) noexcept;

struct DRAMA_API admit_awaiter : admission_wait {
    admit_awaiter(tenant_record& who, const admit_options& wanted, std::source_location at) noexcept
        : admission_wait(who, gate_kind::request, wanted.cost, at), options(wanted) {}
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> at) noexcept;
    [[nodiscard]] admission<request_permit> await_resume() noexcept;

    admit_options options;
};

}  // namespace internal
}  // namespace drama::inline v0
