// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/sim_world.hpp"

#include "drama/base/assert.hpp"
#include "drama/sim/internal/sim_backend.hpp"
#include "drama/sim/net/internal/sim_io_system.hpp"
#include "drama/sim/internal/sim_scheduler.hpp"

namespace drama::inline v0 {
namespace {

using internal::sim_backend;
using internal::sim_parker;
using internal::sim_scheduler;
using internal::sim_thread;
using internal::wait_point;

std::int64_t after(const sim_scheduler& scheduler, duration length) noexcept {
    return saturating_add(instant(duration(scheduler.now_ns())), length).time_since_epoch().count();
}

class plain_parker final : public sim_parker {
  public:
    explicit plain_parker(sim_scheduler& scheduler) noexcept : scheduler_(scheduler) {
        point_.id = scheduler.next_point_id();
    }
    void park(duration longest) noexcept override {
        if (longest > duration::zero()) {
            scheduler_.wait(point_, after(scheduler_, longest));
        }
        point_.notified = false;
    }
    void unpark() noexcept override { scheduler_.notify(point_); }
    wait_point& point() noexcept override { return point_; }

  private:
    sim_scheduler& scheduler_;
    wait_point point_;
};

class core_parker final : public sim_parker {
  public:
    core_parker(sim_scheduler& scheduler, sim_backend& backend) noexcept
        : scheduler_(scheduler), backend_(backend) {}
    void park(duration longest) noexcept override {
        if (longest > duration::zero()) {
            scheduler_.wait(point(), after(scheduler_, longest));
        }
        point().notified = false;
        backend_.reap(duration::zero());
    }
    void unpark() noexcept override { backend_.wake(); }
    wait_point& point() noexcept override { return backend_.point(); }

  private:
    sim_scheduler& scheduler_;
    sim_backend& backend_;
};

class thread_handle final : public world_thread {
  public:
    explicit thread_handle(sim_thread& thread) noexcept : thread_(&thread), id_(thread.id) {}
    ~thread_handle() override {
        if (thread_ != nullptr) {
            thread_->home->join(*thread_);
        }
    }
    duration cpu_time() const noexcept override {
        return thread_ == nullptr ? duration::zero() : duration(thread_->home->cpu_ns(*thread_));
    }
    bool set_policy(thread_policy) noexcept override { return true; }
    bool request_stack() noexcept override { return false; }
    std::optional<std::size_t> take_stack(std::span<void*>) noexcept override { return 0; }
    std::int64_t id() const noexcept override { return static_cast<std::int64_t>(id_); }
    void detach() noexcept override {
        if (thread_ != nullptr) {
            sim_thread* const left = std::exchange(thread_, nullptr);
            left->home->detach(*left);
        }
    }

  private:
    sim_thread* thread_;
    std::uint64_t id_;
};

}  // namespace

namespace sim {

void spend(duration length) noexcept {
    if (sim_scheduler* const scheduler = internal::scheduler_of_this_thread()) {
        scheduler->pass_time(length, true);
    }
}

void block(duration length) noexcept {
    if (sim_scheduler* const scheduler = internal::scheduler_of_this_thread()) {
        scheduler->pass_time(length, false);
    }
}

}  // namespace sim

sim_world::sim_world(std::uint64_t seed, const sim_options& options)
    : seed_(seed),
      options_(options),
      threads_(std::make_unique<sim_scheduler>(seed, options)),
      wall_(threads_->clock_value()),
      mishaps_(threads_->faults(), {}, &wall_),
      network_(std::make_shared<sim_network>(*threads_, seed ^ 0x6e657477u)),
      clock_(threads_->clock_value(), options.clock_tick.count()) {
}

sim_world::~sim_world() {
    // Descriptors that were left open let go of their disks.
    network_.reset();
}

result<std::unique_ptr<world_thread>> sim_world::start_thread(thread_role role, thread_body& body) {
    DRAMA_TRY(sim_thread* const started, threads_->start(role, body));
    return std::make_unique<thread_handle>(*started);
}

result<std::unique_ptr<world_thread>> sim_world::start_thread_in(internal::thread_group& group,
                                                                 thread_role role,
                                                                 thread_body& body) {
    DRAMA_TRY(sim_thread* const started, threads_->start(role, body, &group));
    return std::make_unique<thread_handle>(*started);
}

std::unique_ptr<io_system> sim_world::make_io_of(internal::sim_process& process) {
    return std::make_unique<internal::sim_io_system>(network_, disk(process.machine), process,
                                                     children_);
}

duration sim_world::thread_cpu_time() const noexcept {
    const sim_thread* const self = threads_->current();
    return self == nullptr ? duration::zero() : duration(threads_->cpu_ns(*self));
}

std::uint64_t sim_world::thread_waits() const noexcept {
    const sim_thread* const self = threads_->current();
    return self == nullptr ? 0 : self->waits;
}

std::unique_ptr<parker> sim_world::make_parker() {
    return std::make_unique<plain_parker>(*threads_);
}

std::unique_ptr<parker> sim_world::make_core_parker(io_backend& backend) {
    auto* const simulated = dynamic_cast<sim_backend*>(&backend);
    DRAMA_ASSERT(simulated != nullptr, "the backend is not of a simulated world");
    return std::make_unique<core_parker>(*threads_, *simulated);
}

result<std::unique_ptr<io_system>> sim_world::make_io(std::string_view, std::string& why) {
    why = "io: simulated";
    return make_io_at({});
}

std::unique_ptr<io_system> sim_world::make_io_at(std::string machine) {
    return make_io_of(network_->start_process(network_->add_node(std::move(machine))));
}

sim_disk& sim_world::disk(std::string_view machine) {
    const auto found = disks_.find(machine);
    if (found != disks_.end()) {
        return *found->second;
    }
    std::uint64_t mixed = seed_ ^ 0x6e657477u;
    for (const char each : machine) {
        mixed ^= static_cast<unsigned char>(each);
        mixed = splitmix64(mixed);
    }
    auto made = std::make_unique<sim_disk>(*network_, std::string(machine), mixed);
    return *disks_.emplace(machine, std::move(made)).first->second;
}

instant sim_world::now() const noexcept {
    return instant(duration(threads_->now_ns()));
}

void sim_world::run_until_idle() noexcept {
    threads_->run({});
}

void sim_world::run_for(duration length) noexcept {
    threads_->run({.until_ns = after(*threads_, length)});
}

bool sim_world::run_until(bool (*met)(void*), void* with, duration longest) noexcept {
    return threads_->run({.until_ns = after(*threads_, longest),
                          .asks = met,
                          .asked = with,
                          .time_passes = false}) == internal::run_end::asked;
}

void sim_world::set_impatience(bool (*is_enough)(void*), void* with) noexcept {
    threads_->set_impatience(is_enough, with);
}

fault_plan& sim_world::faults() noexcept {
    return threads_->faults();
}

void sim_world::calm_down() noexcept {
    threads_->faults().clear();
    threads_->be_fair();
}

void sim_world::fail_threads_after(std::size_t most) noexcept {
    threads_->limit_threads(most);
}

std::uint64_t sim_world::event_hash() const noexcept {
    return threads_->log().hash();
}

std::uint64_t sim_world::progress_marks() const noexcept {
    return census_.progress_marks() + threads_->deliveries();
}

std::uint64_t sim_world::events() const noexcept {
    return threads_->log().count();
}

bool sim_world::has_events() const noexcept {
    return threads_->has_events();
}

std::uint64_t sim_world::steps() const noexcept {
    return threads_->steps();
}

void sim_world::note(std::uint64_t value) noexcept {
    threads_->note(sim_event::note, value);
}

const std::vector<sim_event_record>& sim_world::kept_events() const noexcept {
    return threads_->log().kept();
}

std::size_t sim_world::burning_max() const noexcept {
    return threads_->burning_max();
}

std::string sim_world::describe_threads() const {
    return threads_->describe();
}

}  // namespace drama::inline v0
