// SPDX-License-Identifier: Apache-2.0
// Starting and stopping a runtime. Shutdown, in order:
// 1. the gates refuse: phase draining;
// 2. every root is asked to stop, and with it its children;
// 3. tasks end; blocking functions that run are waited for, queued ones are given up;
// 4. pools, workers and watchdog finish and are joined;
// 5. what has not ended at `shutdown_deadline` is named in the log, left to itself, and its memory
// kept.
#include <algorithm>
#include <new>

#include "drama/runtime/engine.hpp"
#include "drama/base/coverage/mark.hpp"
#include "drama/runtime/watch/stack_text.hpp"

namespace drama::inline v0::internal {
namespace {

constexpr duration stop_poll_period = std::chrono::milliseconds(1);
constexpr std::size_t file_threads_max = 16;
constexpr std::size_t name_threads_max = 4;

// Blocking threads kept for tenants under their share: one in 64, one at least; none of very few.
constexpr std::size_t reserved_of(std::size_t threads_max) noexcept {
    return threads_max < 8 ? 0 : std::max<std::size_t>(threads_max / 64, 1);
}

// Whether it is known who burns, and for whom.
bool has_board(const runtime_options& options) noexcept {
    return options.order == policy::fair && options.check_permits;
}

bool has_class_order(const runtime_options& options) noexcept {
    return options.order == policy::fair && options.class_order;
}

bool holds_burning_calls(const runtime_options& options) noexcept {
    return has_board(options) && options.holds_burning_calls;
}

std::size_t or_else(std::size_t wanted, std::size_t fallback) noexcept {
    return wanted != 0 ? wanted : fallback;
}

}  // namespace

engine::engine(world& in, runtime_options options)
    : world_(&in),
      mishaps_(in.mishaps()),
      options_(std::move(options)),
      clock_(in.clock()),
      watcher_(in.watcher()),
      cpus_(in.usable_cpus()),
      gate_(*this),
      begins_(has_class_order(options_) ? or_else(options_.compute_threads, cpus_) : 0),
      tenants_(or_else(options_.workers, cpus_), options_.tenants_max, &gate_),
      async_(options_.order, or_else(options_.workers, cpus_), queue_id::async),
      disk_(*this, clock_,
            {.order = options_.order,
             .depth_max = std::max<std::size_t>(options_.disk_depth_max, 1),
             .spare_max = std::max<std::size_t>(options_.disk_depth_max, 1),
             .spare_of_one = std::max<std::size_t>(options_.disk_depth_max / 2, 1),
             .unsynced_bytes_max = options_.disk_unsynced_bytes_max}),
      permits_(static_cast<std::int32_t>(cpus_)),
      board_(async_.clock()),
      demoted_(options_.order, board_),
      random_(in.seed()) {
    options_.workers = or_else(options_.workers, cpus_);
    async_.set_class_order(has_class_order(options_));
    const std::size_t compute_threads = or_else(options_.compute_threads, cpus_);
    compute_ = std::make_unique<thread_pool>(
        in, pool_options{.name = "compute",
                         .role = thread_role::compute,
                         .queue = queue_id::compute,
                         .order = options_.order,
                         .class_order = options_.class_order,
                         .begins = &begins_,
                         .threads_max = compute_threads,
                         .overcommit_max = compute_threads,
                         .permits = options_.check_permits ? &permits_ : nullptr,
                         .board = has_board(options_) ? &board_ : nullptr,
                         .rival = has_board(options_) ? this : nullptr,
                         .decisions = &decisions_});
    blocking_ = std::make_unique<thread_pool>(
        in, pool_options{.order = options_.order,
                         .class_order = options_.class_order,
                         .threads_max = options_.blocking_threads_max,
                         .reserved = options_.order == policy::fifo
                                         ? 0
                                         : reserved_of(options_.blocking_threads_max),
                         .keeper = holds_burning_calls(options_) ? this : nullptr,
                         .decisions = &decisions_});
    const auto reserved = [&](const char* name, std::size_t threads_max) {
        return std::make_unique<thread_pool>(in, pool_options{.name = name,
                                                              .order = options_.order,
                                                              .threads_max = threads_max,
                                                              .has_own_lanes = true});
    };
    files_ = reserved("files", file_threads_max);
    names_ = reserved("names", name_threads_max);
    const auto report = [this](const std::string& line) { log(line); };
    compute_->report = report;
    blocking_->report = report;
    watchdog_ = std::make_unique<watchdog>(*this);
}

engine::~engine() {
    DRAMA_ASSERT(phase_ != phase::running && phase_ != phase::draining,
                 "a runtime is destroyed before it was stopped");
}

result<void> engine::make_cores() {
    std::string why;
    auto io = world_->make_io(options_.io, why);
    if (!io) {
        return fail(io.error());
    }
    io_ = *std::move(io);
    io_->set_offloader(this);
    if (options_.log) {
        log("drama: io backend " + std::string(io_->name()) + (why.empty() ? "" : ": " + why));
    }
    for (std::size_t index = 0; index < options_.workers; ++index) {
        auto made = std::make_unique<core>(index, async_, clock_.now());
        auto backend = io_->make_backend(index);
        if (!backend) {
            return fail(backend.error());
        }
        made->backend = *std::move(backend);
        made->spot = world_->make_core_parker(*made->backend);
        cores_.push_back(std::move(made));
    }
    std::vector<const served_ring*> workers;
    for (const auto& each : cores_) {
        workers.push_back(&each->shard.served());
    }
    compute_->look_at(std::move(workers));
    return {};
}

result<worker*> engine::start_worker(core* first) {
    auto made = std::make_unique<worker>(*this);
    worker* const body = made.get();
    if (first != nullptr) {
        body->adopt(*first);
    }
    const std::lock_guard guard(workers_mutex_);
    workers_.push_back(std::move(made));
    auto thread = try_start_thread(*world_, thread_role::worker, *body);
    if (!thread) {
        workers_.pop_back();
        return fail(thread.error());
    }
    body->set_thread(*std::move(thread));
    return body;
}

result<void> engine::start() {
    const phase now_in = phase_.load(std::memory_order_acquire);
    if (now_in == phase::running) {
        return {};  // a program may start it and then call run, which starts it too
    }
    if (now_in != phase::made) {
        return fail(errc::shutting_down);
    }
    if (auto made = make_cores(); !made) {
        return made;
    }
    phase_.store(phase::running, std::memory_order_release);
    auto watch = try_start_thread(*world_, thread_role::watchdog, *watchdog_);
    if (!watch) {
        phase_.store(phase::stopped, std::memory_order_release);
        return fail(watch.error());
    }
    watchdog_->set_thread(*std::move(watch));
    for (const auto& each : cores_) {
        if (auto started = start_worker(each.get()); !started) {
            log("drama: cannot start a worker thread: " + started.error().message());
            finish_threads();
            return fail(started.error());
        }
    }
    if (options_.hand_over) {
        ensure_spare();
    }
    return {};
}

void engine::ensure_spare() noexcept {
    {
        const std::lock_guard guard(workers_mutex_);
        if (!spares_.empty()) {
            return;
        }
    }
    try {
        if (auto spare = start_worker(nullptr)) {
            const std::lock_guard guard(workers_mutex_);
            spares_.push_back(*spare);
        }
    } catch (const std::bad_alloc&) {
        log("drama: no memory for a spare worker; hand-overs must wait");
    }
}

worker* engine::take_spare() noexcept {
    const std::lock_guard guard(workers_mutex_);
    if (spares_.empty()) {
        return nullptr;
    }
    worker* const spare = spares_.back();
    spares_.pop_back();
    return spare;
}

void engine::return_spare(worker& unused) noexcept {
    DRAMA_MARK("engine.spare_comes_back");
    const std::lock_guard guard(workers_mutex_);
    spares_.push_back(&unused);
}

bool engine::is_own_thread() noexcept {
    const worker* const mine = current_worker();
    if ((mine != nullptr && &mine->owner() == this) || watchdog::watched_here() == this) {
        return true;
    }
    const pool_thread* const pooled = thread_pool::current();
    return pooled != nullptr && std::ranges::any_of(pools(), [&](const thread_pool* each) {
               return each == &pooled->owner();
           });
}

void engine::request_stop() noexcept {
    phase expected = phase::running;
    if (phase_.compare_exchange_strong(expected, phase::draining, std::memory_order_acq_rel)) {
        gate_.note_end();  // who waits for admission is refused now
        roots_.stop(errc::shutting_down);
    }
}

result<void> engine::stop() noexcept {
    if (!is_running()) {
        return {};
    }
    if (is_own_thread()) {
        return fail(errc::would_deadlock);
    }
    request_stop();
    const bool drained = wait_until_drained();
    if (!drained) {
        log("drama: shutdown deadline passed; still there: " + describe_leftovers());
    }
    stop_pools();
    if (!drained) {
        phase_.store(phase::stopped, std::memory_order_release);
        return fail(errc::deadline_exceeded);
    }
    finish_threads();
    return {};
}

bool engine::wait_until_drained() noexcept {
    const instant deadline = saturating_add(now(), options_.shutdown_deadline);
    const std::unique_ptr<parker> spot = world_->make_parker();
    bool blocking_stopped = false;
    while (tasks_alive() > 0 || blocking_->queued() > 0 || compute_->queued() > 0) {
        if (now() >= deadline) {
            return false;
        }
        if (!blocking_stopped) {
            // What is queued will not start; its tasks learn that now.
            blocking_->stop();
            compute_->stop();
            blocking_stopped = true;
        }
        spot->park(stop_poll_period);
    }
    stop_pools();
    const auto any_runs = [this] {
        return std::ranges::any_of(pools(),
                                   [](thread_pool* each) { return each->running_threads() > 0; });
    };
    while (any_runs()) {
        if (now() >= deadline) {
            return false;
        }
        spot->park(stop_poll_period);
    }
    return true;
}

void engine::stop_pools() noexcept {
    for (thread_pool* const each : pools()) {
        each->stop();
    }
}

void engine::finish_threads() noexcept {
    stop_pools();
    const std::unique_ptr<parker> spot = world_->make_parker();
    watchdog_->ask_to_finish();
    while (!watchdog_->is_finished()) {
        spot->park(stop_poll_period);
    }
    watchdog_->set_thread(nullptr);
    std::vector<std::unique_ptr<worker>> ending;
    {
        const std::lock_guard guard(workers_mutex_);
        ending.swap(workers_);
    }
    for (const auto& each : ending) {
        each->ask_to_finish();
    }
    const auto all_finished = [&] {
        return std::ranges::all_of(ending, [](const auto& each) { return each->is_finished(); });
    };
    while (!all_finished()) {
        spot->park(stop_poll_period);
    }
    for (const auto& each : ending) {
        each->set_thread(nullptr);  // joins
    }
    finished_workers_.swap(ending);  // frames may still live in their pools
    for (const auto& each : cores_) {
        each->spot.reset();
        each->backend.reset();
    }
    phase_.store(phase::stopped, std::memory_order_release);
}

void engine::detach_threads() noexcept {
    DRAMA_MARK("engine.leaves_threads");
    for (thread_pool* const each : pools()) {
        each->detach_running();
    }
    watchdog_->ask_to_finish();
    const std::lock_guard guard(workers_mutex_);
    for (const auto& each : workers_) {
        each->ask_to_finish();
        if (each->thread() != nullptr) {
            each->thread()->detach();
        }
    }
}

std::string engine::describe_leftovers() {
    DRAMA_MARK("engine.has_leftovers");
    std::string text = std::to_string(tasks_alive()) + " tasks";
    if (const std::size_t threads = blocking_->running_threads()) {
        text += ", " + std::to_string(threads) + " blocking threads";
    }
    for (thread_pool* const each : pools()) {
        text += each->running_calls();
    }
    for (const auto& each : cores_) {
        if (const tenant_record* const payer = each->polling.tenant.load(std::memory_order_acquire);
            payer != nullptr && (each->poll_sequence.load(std::memory_order_relaxed) & 1U) != 0) {
            text += "; core " + std::to_string(each->index) + " runs a task of '" + payer->name() +
                    "', " + site_text(each->polling.site());
        }
    }
    tenants_.for_each([&](tenant each) {
        if (each.record().tasks() > 0) {
            text += "; tenant '" + each.name() + "' has " + std::to_string(each.record().tasks()) +
                    " tasks";
        }
    });
    return text;
}

}  // namespace drama::inline v0::internal
