// SPDX-License-Identifier: Apache-2.0
#include "drama/fault/faulty_world.hpp"

#include <array>
#include <mutex>
#include <utility>
#include <vector>

#include "drama/fault/faulty_backend.hpp"
#include "drama/fault/thread_faults.hpp"
#include "drama/io/forwarding_system.hpp"
#include "drama/runtime/world/real_world.hpp"

namespace drama::inline v0 {
namespace {

// The backends of a system that are alive. Threads: any.
class backend_list {
  public:
    void add(faulty_backend& made) {
        const std::lock_guard guard(lock_);
        all_.push_back(&made);
    }
    void remove(faulty_backend& gone) noexcept {
        const std::lock_guard guard(lock_);
        std::erase(all_, &gone);
    }
    void let_go(int fd) noexcept {
        const std::lock_guard guard(lock_);
        for (faulty_backend* const each : all_) {
            each->let_go(fd);
        }
    }

  private:
    std::mutex lock_;  // guards all_
    std::vector<faulty_backend*> all_;
};

class listed_backend final : public faulty_backend {
  public:
    listed_backend(std::unique_ptr<io_backend> in, fault_plan& plan, const drama::clock& clock,
                   std::shared_ptr<backend_list> list)
        : faulty_backend(std::move(in), plan, clock), list_(std::move(list)) {
        list_->add(*this);
    }
    ~listed_backend() override { list_->remove(*this); }

  private:
    std::shared_ptr<backend_list> list_;
};

// Its own calls cannot fail by plan; only the operations of its backends do.
class faulty_system final : public forwarding_system {
  public:
    faulty_system(std::unique_ptr<io_system> real, fault_plan& plan, const drama::clock& now)
        : forwarding_system(std::move(real)), plan_(&plan), clock_(now) {}

    result<std::unique_ptr<io_backend>> make_backend(std::size_t core) override {
        DRAMA_TRY(auto made, forwarding_system::make_backend(core));
        return std::make_unique<listed_backend>(std::move(made), *plan_, clock_, backends_);
    }
    void close(int fd) noexcept override {
        backends_->let_go(fd);
        forwarding_system::close(fd);
    }
    void forget(int fd) noexcept override {
        backends_->let_go(fd);
        forwarding_system::forget(fd);
    }

  private:
    fault_plan* plan_;
    const drama::clock clock_;
    std::shared_ptr<backend_list> backends_ = std::make_shared<backend_list>();
};

// The handle of a thread whose body has another around it.
class faulty_thread final : public world_thread {
  public:
    faulty_thread(thread_role role, thread_body& body, const fault_context& context)
        : body_(std::make_unique<faulty_body>(role, body, context)) {}

    thread_body& body() noexcept { return *body_; }
    void run(std::unique_ptr<world_thread> thread) noexcept { thread_ = std::move(thread); }

    duration cpu_time() const noexcept override { return thread_->cpu_time(); }
    bool is_waiting_for_cpu() const noexcept override { return thread_->is_waiting_for_cpu(); }
    bool set_policy(thread_policy policy) noexcept override { return thread_->set_policy(policy); }
    bool request_stack() noexcept override { return thread_->request_stack(); }
    std::optional<std::size_t> take_stack(std::span<void*> frames) noexcept override {
        return thread_->take_stack(frames);
    }
    std::int64_t id() const noexcept override { return thread_->id(); }
    void detach() noexcept override {
        static_cast<void>(body_.release());  // it goes on without us
        thread_->detach();
    }

  private:
    std::unique_ptr<faulty_body> body_;
    std::unique_ptr<world_thread> thread_;  // joined first
};

}  // namespace

faulty_world::faulty_world(std::uint64_t seed)
    : faulty_world(std::make_unique<real_world>(), seed) {
}

faulty_world::faulty_world(std::unique_ptr<world> own, std::uint64_t seed)
    : forwarding_world(*own), own_(std::move(own)), plan_(seed), time_(within()) {
}

faulty_world::faulty_world(world& in, std::uint64_t seed)
    : forwarding_world(in), plan_(seed), time_(in) {
}

result<std::unique_ptr<world_thread>> faulty_world::start_thread(thread_role role,
                                                                 thread_body& body) {
    const fault_context context{.plan = &plan_, .time = &time_};
    if (!may_start_thread(context, role)) {
        return fail(errc::thread_unavailable);
    }
    auto made = std::make_unique<faulty_thread>(role, body, context);
    DRAMA_TRY(auto started, within().start_thread(role, made->body()));
    made->run(std::move(started));
    return made;
}

result<std::unique_ptr<io_system>> faulty_world::make_io(std::string_view choice,
                                                         std::string& why) {
    DRAMA_TRY(auto made, within().make_io(choice, why));
    return std::make_unique<faulty_system>(std::move(made), plan_, clock());
}

void faulty_world::machine_time::pass(duration length, bool burns) noexcept {
    const instant until = saturating_add(in_->clock().now(), length);
    const std::unique_ptr<parker> spot = burns ? nullptr : in_->make_parker();
    for (instant now = in_->clock().now(); now < until; now = in_->clock().now()) {
        if (spot != nullptr) {
            spot->park(until == never ? duration::max() : until - now);
        }
    }
}

}  // namespace drama::inline v0
