// SPDX-License-Identifier: Apache-2.0
// The disk of a simulated world: files and directories in memory, served after a latency drawn from
// the seed. An operation takes effect when it completes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "drama/base/prng.hpp"
#include "drama/io/io_backend.hpp"
#include "drama/sim/internal/event_queue.hpp"
#include "drama/sim/internal/sim_descriptor.hpp"
#include "drama/sim/sim_network.hpp"

struct iovec;

namespace drama::inline v0::internal {

/// What a name of the disk stands for.
struct file_node {
    bool is_directory = false;
    mode_t mode = 0;
    std::uint64_t number = 0;
    std::int64_t changed_ns = 0;
    std::vector<std::byte> bytes;
};

/// A descriptor of a file or directory.
class sim_file final : public sim_descriptor {
  public:
    sim_file(std::shared_ptr<file_node> node, int flags) noexcept
        : node_(std::move(node)), flags_(flags) {}

    submission start(operation& op, sim_backend& on) noexcept override;
    void on_close() noexcept override { delete this; }

    file_node& node() noexcept { return *node_; }
    int flags() const noexcept { return flags_; }
    std::int64_t position = 0;

  protected:
    std::int64_t attempt(operation& op, bool again) noexcept override;
    int events() noexcept override;

  private:
    std::shared_ptr<file_node> node_;
    int flags_;
};

/// Threads: the owner and simulated threads.
class sim_files {
  public:
    sim_files(sim_network& network, std::uint64_t seed);
    ~sim_files();

    submission start(operation& op, sim_backend& on) noexcept;
    /// Half of the cancelled operations have begun already: they take effect.
    void cancel(operation& op) noexcept;
    void abandon(sim_backend& home) noexcept;

  private:
    struct request : timed_event {
        sim_files* of = nullptr;
        operation* op = nullptr;
        sim_backend* on = nullptr;
        bool is_cancelled = false;
    };

    static void on_served(timed_event& event) noexcept;
    request& take_request();
    std::int64_t latency_ns(const operation& op) noexcept;

    std::int64_t perform(operation& op);
    std::int64_t perform_on_fd(operation& op);
    std::int64_t open(const operation& op);
    std::int64_t transfer(operation& op, sim_file& file);
    std::int64_t read(const file_node& node, std::int64_t at, const iovec& part);
    std::int64_t write(file_node& node, std::int64_t at, const iovec& part);
    std::int64_t rename(const operation& op);
    std::int64_t unlink(const operation& op);
    std::int64_t make(const std::string& path, bool is_directory, mode_t mode);
    std::int64_t status(const operation& op);
    std::int64_t list(operation& op);
    static std::string normal_path(const char* path);
    bool is_empty_directory(const std::string& path) const;
    file_node* find(const std::string& path) noexcept;
    std::int64_t check_parent(const std::string& path) noexcept;

    sim_network& network_;
    prng random_;
    std::map<std::string, std::shared_ptr<file_node>, std::less<>> names_;
    std::vector<std::unique_ptr<request>> requests_;
    std::vector<request*> idle_requests_;
    std::uint64_t next_number_ = 1;
};

}  // namespace drama::inline v0::internal
