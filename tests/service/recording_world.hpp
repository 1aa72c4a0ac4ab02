// SPDX-License-Identifier: Apache-2.0
// A world that writes down every operation, when it begins and when it ends, and can make one fail.
// It stands in front of another world, real or simulated, so it sees a ring's operations too.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/uio.h>

#include "drama/io/forwarding_system.hpp"
#include "drama/runtime/world/forwarding_world.hpp"

namespace drama::testing_support {

/// The beginning or the end of an operation.
struct disk_event {
    bool is_end = false;
    std::uint64_t number = 0;  ///< of the operation: its two events have the same
    op_code code{};
    int fd = -1;
    std::int64_t offset = 0;
    std::string path;     ///< of operations on paths
    std::string path_to;  ///< of rename
    std::string bytes;    ///< what is written or sent
    std::int64_t outcome = 0;
};

/// Threads: any. One at a time stands in a process: operations have no room to say whose they are.
class recorder {
  public:
    recorder() noexcept { active() = this; }
    ~recorder() { active() = nullptr; }
    recorder(const recorder&) = delete;
    recorder& operator=(const recorder&) = delete;

    /// `fault` answers with an errno for operations that shall fail before they begin, 0 for the
    /// others.
    void set_fault(std::function<int(const disk_event&)> fault) {
        const std::lock_guard guard(lock_);
        fault_ = std::move(fault);
    }

    std::vector<disk_event> events() {
        const std::lock_guard guard(lock_);
        return events_;
    }

    submission begin(operation& op, io_backend& in) {
        disk_event event = describe(op);
        if (const int error = fault_of(event); error != 0) {
            op.outcome = -error;
            return submission::completed;
        }
        note_begin(op, std::move(event));
        const submission how = in.submit(op);
        if (how == submission::completed) {
            op.done = note_end(op);
        }
        return how;
    }
    void post(operation& op, io_backend& in) {
        note_begin(op, describe(op));
        in.post(op);
    }

  private:
    int fault_of(const disk_event& event) {
        const std::lock_guard guard(lock_);
        return fault_ ? fault_(event) : 0;
    }

    struct pending {
        void (*done)(operation&) noexcept;
        disk_event event;
    };

    static recorder*& active() noexcept {
        static recorder* one = nullptr;
        return one;
    }
    static std::string text_of(const char* path) { return path == nullptr ? "" : path; }
    static disk_event describe(const operation& op) {
        disk_event event;
        event.code = op.code;
        event.fd = op.fd;
        event.offset = op.offset;
        switch (op.code) {
            case op_code::open:
            case op_code::unlink:
            case op_code::make_directory:
                event.path = text_of(op.path);
                break;
            case op_code::rename:
                event.path = text_of(op.path);
                event.path_to = text_of(op.path_to);
                break;
            case op_code::write_at:
            case op_code::send:
                event.bytes.assign(static_cast<const char*>(op.buffer), op.length);
                break;
            case op_code::send_msg:
                event.bytes.assign(static_cast<const char*>(op.message->msg_iov[0].iov_base),
                                   op.message->msg_iov[0].iov_len);
                break;
            default:
                break;
        }
        return event;
    }
    void note_begin(operation& op, disk_event event) {
        const std::lock_guard guard(lock_);
        event.number = ++count_;
        events_.push_back(event);
        pending_[&op] = {std::exchange(op.done, &on_done), std::move(event)};
    }
    void (*note_end(const operation& op))(operation&) noexcept {
        const std::lock_guard guard(lock_);
        const auto found = pending_.find(&op);
        disk_event event = std::move(found->second.event);
        auto* const done = found->second.done;
        pending_.erase(found);
        event.is_end = true;
        event.outcome = op.outcome;
        events_.push_back(std::move(event));
        return done;
    }
    static void on_done(operation& op) noexcept {
        op.done = active()->note_end(op);
        op.done(op);
    }

    std::mutex lock_;  // guards everything below
    std::function<int(const disk_event&)> fault_;
    std::uint64_t count_ = 0;
    std::vector<disk_event> events_;
    std::map<const operation*, pending> pending_;
};

class recording_backend final : public io_backend {
  public:
    recording_backend(std::unique_ptr<io_backend> in, recorder& to)
        : in_(std::move(in)), to_(&to) {}
    io_backend& inner() noexcept { return *in_; }

    submission submit(operation& op) noexcept override { return to_->begin(op, *in_); }
    void post(operation& op) noexcept override { to_->post(op, *in_); }
    void cancel(operation& op) noexcept override { in_->cancel(op); }
    void flush() noexcept override { in_->flush(); }
    std::size_t reap(duration wait) noexcept override { return in_->reap(wait); }
    void wake() noexcept override { in_->wake(); }
    std::size_t in_flight() const noexcept override { return in_->in_flight(); }

  private:
    std::unique_ptr<io_backend> in_;
    recorder* to_;
};

class recording_system final : public forwarding_system {
  public:
    recording_system(std::unique_ptr<io_system> in, recorder& to)
        : forwarding_system(std::move(in)), to_(&to) {}

    result<std::unique_ptr<io_backend>> make_backend(std::size_t core) override {
        auto made = forwarding_system::make_backend(core);
        if (!made) {
            return made;
        }
        return std::make_unique<recording_backend>(std::move(*made), *to_);
    }

  private:
    recorder* to_;
};

class recording_world final : public forwarding_world {
  public:
    recording_world(world& in, recorder& to) noexcept : forwarding_world(in), to_(&to) {}

    std::unique_ptr<parker> make_core_parker(io_backend& backend) override {
        return within().make_core_parker(static_cast<recording_backend&>(backend).inner());
    }
    result<std::unique_ptr<io_system>> make_io(std::string_view choice, std::string& why) override {
        auto made = within().make_io(choice, why);
        if (!made) {
            return made;
        }
        return std::make_unique<recording_system>(std::move(*made), *to_);
    }

  private:
    recorder* to_;
};

}  // namespace drama::testing_support
