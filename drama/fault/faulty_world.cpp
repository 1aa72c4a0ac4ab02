// SPDX-License-Identifier: Apache-2.0
#include "drama/fault/faulty_world.hpp"

#include <array>
#include <mutex>
#include <utility>
#include <vector>

#include "drama/fault/faulty_backend.hpp"
#include "drama/fault/thread_faults.hpp"
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
class faulty_system final : public io_system {
  public:
    faulty_system(std::unique_ptr<io_system> in, fault_plan& plan, const drama::clock& clock)
        : in_(std::move(in)), plan_(&plan), clock_(clock) {}

    const char* name() const noexcept override { return in_->name(); }
    result<std::unique_ptr<io_backend>> make_backend(std::size_t core) override {
        DRAMA_TRY(auto made, in_->make_backend(core));
        return std::make_unique<listed_backend>(std::move(made), *plan_, clock_, backends_);
    }
    void set_offloader(io_offloader* offloader) noexcept override { in_->set_offloader(offloader); }
    result<int> open_socket(int family, int type, int protocol) override {
        return in_->open_socket(family, type, protocol);
    }
    result<std::array<int, 2>> open_pair(int type) override { return in_->open_pair(type); }
    result<std::array<int, 2>> open_pipe() override { return in_->open_pipe(); }
    result<int> duplicate(int fd) override { return in_->duplicate(fd); }
    result<void> bind(int fd, const socket_address& where) override { return in_->bind(fd, where); }
    result<void> listen(int fd, int backlog) override { return in_->listen(fd, backlog); }
    result<socket_address> local_address(int fd) override { return in_->local_address(fd); }
    result<socket_address> peer_address(int fd) override { return in_->peer_address(fd); }
    result<void> set_option(int fd, int level, int option, int value) override {
        return in_->set_option(fd, level, option, value);
    }
    result<int> get_option(int fd, int level, int option) override {
        return in_->get_option(fd, level, option);
    }
    result<void> shutdown(int fd, int how) override { return in_->shutdown(fd, how); }
    void close(int fd) noexcept override {
        backends_->let_go(fd);
        in_->close(fd);
    }
    void forget(int fd) noexcept override {
        backends_->let_go(fd);
        in_->forget(fd);
    }

  private:
    std::unique_ptr<io_system> in_;
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
    : own_(std::move(own)), in_(own_.get()), plan_(seed), time_(*in_) {
}

faulty_world::faulty_world(world& in, std::uint64_t seed) : in_(&in), plan_(seed), time_(in) {
}

result<std::unique_ptr<world_thread>> faulty_world::start_thread(thread_role role,
                                                                 thread_body& body) {
    const fault_context context{.plan = &plan_, .time = &time_};
    if (!may_start_thread(context, role)) {
        return fail(errc::thread_unavailable);
    }
    auto made = std::make_unique<faulty_thread>(role, body, context);
    DRAMA_TRY(auto started, in_->start_thread(role, made->body()));
    made->run(std::move(started));
    return made;
}

result<std::unique_ptr<io_system>> faulty_world::make_io(std::string_view choice,
                                                         std::string& why) {
    DRAMA_TRY(auto made, in_->make_io(choice, why));
    return std::make_unique<faulty_system>(std::move(made), plan_, in_->clock());
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
