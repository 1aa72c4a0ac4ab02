// SPDX-License-Identifier: Apache-2.0
// Three parties meet at a piece that goes to the device: the starter (any thread that found room),
// the completer (any core's reap) and the canceller (who keeps the request alive meanwhile). What
// is queued is the lock's affair; for the rest one word, `at`, decides:
//   starter:   starting -> in_device; finds `over`: concludes the piece in the completer's place;
//              finds `cancel_asked`: passes the cancel on first
//   completer: -> over; it was `in_device`: concludes the piece; else the starter does
//   canceller: sets `is_stopped` under the lock, so that no other piece starts; then
//              starting -> cancel_asked, or, in `in_device`, cancels in the device
#include "drama/runtime/disk/disk_queue.hpp"

#include <algorithm>
#include <cerrno>

#include "drama/base/assert.hpp"
#include "drama/base/coverage/mark.hpp"

namespace drama::inline v0 {
namespace {

using stage = disk_request::stage;
using step = disk_request::step;

// What operations cost on a fast device, measured: the ratios count, the price does the rest.
constexpr std::uint64_t operation_ns = 16'000;
constexpr std::uint64_t sync_ns = 100'000;
constexpr std::uint64_t moved_mib_ns = 400'000;
constexpr std::uint64_t synced_mib_ns = 800'000;
constexpr double price_min = 1.0 / 64;
constexpr double price_max = 64;
constexpr double price_memory = 1.0 - 1.0 / 64;

// Inside a tenant, reads go before the rest within a millisecond: they are on the user's path.
constexpr work_class goes_first = work_class::write;
constexpr work_class goes_next = work_class::compute;

constexpr std::uint64_t cost_of(std::uint64_t bytes, std::uint64_t mib_ns) noexcept {
    constexpr std::uint64_t mib = 1024 * 1024;
    return bytes / 1024 * mib_ns / (mib / 1024);
}

// Of files that have nothing to sync, such as devices.
constexpr bool cannot_sync(std::int64_t outcome) noexcept {
    return outcome == -EINVAL || outcome == -EROFS;
}

}  // namespace

disk_queue::disk_queue(disk_device& device, const drama::clock& clock,
                       const disk_queue_options& options) noexcept
    : device_(&device),
      clock_(clock),
      options_(options),
      order_(options.order, static_cast<std::uint32_t>(options.depth_max), queue_id::disk,
             static_cast<std::uint32_t>(options.depth_max)) {
}

disk_queue::~disk_queue() {
    DRAMA_ASSERT(queued() == 0 && in_flight() == 0, "a disk queue dies before its operations");
}

void disk_queue::submit(disk_request& request, operation& whole, tenant_record& payer) noexcept {
    request.queue = this;
    request.whole = &whole;
    request.payer = &payer;
    request.done = &on_piece_done;
    request.pieces.begin(whole, options_.piece_bytes_max);
    request.pieces.fill(request);
    std::unique_lock lock(lock_);
    if (payer.disk() == nullptr) {
        lock.unlock();
        whole.outcome = -ENOMEM;
        whole.done(whole);
        return;
    }
    push_locked(request, clock_.now());
    pump(lock);
}

void disk_queue::cancel(disk_request& request) noexcept {
    DRAMA_MARK("disk.cancels");
    std::unique_lock lock(lock_);
    request.is_stopped = true;
    if (request.is_queued) {
        request.is_queued = false;
        order_.remove(request.payer->disk()->lanes, request, clock_.now());
        operation& whole = *request.whole;
        whole.outcome = request.pieces.outcome();
        lock.unlock();
        whole.done(whole);
        return;
    }
    lock.unlock();
    stage seen = stage::starting;
    if (request.at.compare_exchange_strong(seen, stage::cancel_asked, std::memory_order_acq_rel)) {
        return;
    }
    if (seen == stage::in_device) {
        device_->cancel(request, request.core);
    }
}

void disk_queue::note_passed(const operation& op, tenant_record& payer) noexcept {
    const std::lock_guard guard(lock_);
    const double cost_ns = static_cast<double>(operation_ns) * price_locked();
    payer.share().charge(duration(static_cast<std::int64_t>(cost_ns)) /
                         static_cast<std::int64_t>(options_.depth_max));
    if (op.code == op_code::open && op.outcome >= 0) {
        unsynced_.forget_file(static_cast<int>(op.outcome));
    }
}

duration disk_queue::oldest_wait(instant now) noexcept {
    const std::lock_guard guard(lock_);
    return order_.head_wait(now);
}

hold_watch::judgement disk_queue::hold_so_far(tenant_record& of, instant now) noexcept {
    const std::lock_guard guard(lock_);
    return order_.hold_so_far(of.disk()->lanes, now);
}

void disk_queue::look_for_overdue() noexcept {
    const instant now = clock_.now();
    std::unique_lock lock(lock_);
    while (!counted_.empty() && now - counted_.front().began >= overdue_after) {
        count_out_locked(counted_.front());
    }
    pump(lock);
}

void disk_queue::push_locked(disk_request& request, instant now) {
    std::uint64_t nominal = operation_ns;
    if (is_sync(request.code)) {
        nominal = sync_ns + cost_of(unsynced_.of_file(request.fd, now), synced_mib_ns);
    } else {
        nominal += cost_of(request.pieces.piece_bytes(), moved_mib_ns);
    }
    request.nominal_ns = nominal;
    request.known_cost =
        duration(static_cast<std::int64_t>(static_cast<double>(nominal) * price_locked()) + 1);
    request.cls = is_read_at(request.code) ? goes_first : goes_next;
    request.is_queued = true;
    order_.push(request.payer->disk()->lanes, request, now);
}

disk_request& disk_queue::take_locked(const pool_grant& grant, instant now) noexcept {
    auto& request = static_cast<disk_request&>(*grant.item);
    request.grant = grant;
    request.is_queued = false;
    request.began = now;
    request.at.store(stage::starting, std::memory_order_relaxed);
    if (is_sync(request.code)) {
        request.syncs_bytes = unsynced_.take(request.fd, now);
    }
    request.payer->usage.disk_wait_ns.add(
        static_cast<std::uint64_t>((now - request.queued_at).count()));
    counted_.push_back(request);
    in_flight_.store(in_flight() + 1, std::memory_order_relaxed);
    return request;
}

void disk_queue::count_out_locked(disk_request& request) noexcept {
    counted_.remove(request);
    in_flight_.store(in_flight() - 1, std::memory_order_relaxed);
}

// What may start now. Beyond the depth it is for who has little in the device: who has much there
// stands in the way of those behind it, but not while its operations are stuck.
pool_grant disk_queue::choose_locked(instant now) noexcept {
    const std::size_t used = in_flight();
    if (order_.size() == 0 || used >= options_.depth_max + options_.spare_max) {
        return {};
    }
    if (used < options_.depth_max || order_.next_in_service(now) < options_.spare_of_one) {
        return order_.pick(0, now);
    }
    if (options_.order == policy::fifo || now - counted_.front().began < late_after) {
        return {};
    }
    DRAMA_MARK("disk.passes_by_who_is_stuck");
    return order_.pick_under_share(0, now);
}

// Starts what may start. The lock is let go for each.
void disk_queue::pump(std::unique_lock<spinlock>& lock) noexcept {
    for (;;) {
        const instant now = clock_.now();
        const pool_grant grant = choose_locked(now);
        if (!grant) {
            return;
        }
        disk_request& next = take_locked(grant, now);
        lock.unlock();
        if (begin(next)) {
            conclude(next);
        }
        lock.lock();
    }
}

// True if the piece is over and nobody else will conclude it; else it is no longer ours to touch.
bool disk_queue::begin(disk_request& request) noexcept {
    if (device_->submit(request, request.core) == submission::completed) {
        request.at.store(stage::over, std::memory_order_release);
        return true;
    }
    stage seen = stage::starting;
    if (request.at.compare_exchange_strong(seen, stage::in_device, std::memory_order_acq_rel)) {
        return false;
    }
    if (seen == stage::cancel_asked) {
        device_->cancel(request, request.core);
        return !request.at.compare_exchange_strong(seen, stage::in_device,
                                                   std::memory_order_acq_rel);
    }
    return true;
}

void disk_queue::on_piece_done(operation& op) noexcept {
    auto& request = static_cast<disk_request&>(op);
    disk_queue& self = *request.queue;
    if (request.at.exchange(stage::over, std::memory_order_acq_rel) != stage::in_device) {
        return;
    }
    self.conclude(request);
    std::unique_lock lock(self.lock_);
    self.pump(lock);
}

// The piece is over: queues the next step of the operation, or completes it.
void disk_queue::conclude(disk_request& request) noexcept {
    const instant now = clock_.now();
    std::unique_lock lock(lock_);
    order_.settle(request.grant, request.known_cost, now);
    if (request.list_link<disk_queue>::is_linked()) {
        count_out_locked(request);
        learn_price_locked(request.nominal_ns, now - request.began);
    }
    const bool goes_on = go_on_locked(request, now);
    lock.unlock();
    if (!goes_on) {
        operation& whole = *request.whole;
        whole.done(whole);
    }
}

// True if another step of the operation was queued; else the whole has its outcome.
bool disk_queue::go_on_locked(disk_request& request, instant now) {
    const std::int64_t outcome = request.outcome;
    note_changes_locked(request, now);
    if (request.does == step::write_through) {
        request.does = step::of_operation;
        request.payer->disk()->lanes.holds().add(hold_cause::unsynced_bytes, now - request.began,
                                                 1);
        if (outcome < 0 && outcome != -ECANCELED && !cannot_sync(outcome)) {
            request.whole->outcome = outcome;  // what was written may be lost
            return false;
        }
    } else {
        request.has_next_piece = request.pieces.advance(outcome);
        if (is_write_at(request.code) && !request.is_stopped &&
            request.payer->disk()->unsynced.total(now) > options_.unsynced_bytes_max) {
            request.does = step::write_through;
            request.code = op_code::fdatasync;
            push_locked(request, now);
            return true;
        }
    }
    if (request.has_next_piece && !request.is_stopped) {
        request.pieces.fill(request);
        push_locked(request, now);
        return true;
    }
    request.whole->outcome = request.pieces.outcome();
    return false;
}

// What a piece has done to the bytes that are not synced.
void disk_queue::note_changes_locked(const disk_request& request, instant now) noexcept {
    const std::int64_t outcome = request.outcome;
    if (is_write_at(request.code) && outcome > 0) {
        unsynced_.add(request.fd, *request.payer, static_cast<std::uint64_t>(outcome), now);
    } else if (is_sync(request.code) && outcome == -ECANCELED) {
        unsynced_.add(request.fd, *request.payer, request.syncs_bytes, now);
    } else if (request.code == op_code::truncate && outcome == 0 && request.offset == 0) {
        unsynced_.take(request.fd, now);
    } else if (request.code == op_code::open && outcome >= 0) {
        unsynced_.forget_file(static_cast<int>(outcome));
    }
}

// The device's time is shared out by nominal costs; the price makes their sum what it really took.
void disk_queue::learn_price_locked(std::uint64_t nominal_ns, duration took) noexcept {
    time_ns_ = time_ns_ * price_memory + static_cast<double>(took.count());
    nominal_ns_ = nominal_ns_ * price_memory + static_cast<double>(nominal_ns);
}

double disk_queue::price_locked() const noexcept {
    return nominal_ns_ > 0 ? std::clamp(time_ns_ / nominal_ns_, price_min, price_max) : 1;
}

}  // namespace drama::inline v0
