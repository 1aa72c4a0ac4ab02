// SPDX-License-Identifier: Apache-2.0
// The files and directories of one simulated disk by their paths, and what of the names is durable.
// The working directory is the root; there are no links.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "drama/io/file_results.hpp"
#include "drama/sim/disk/internal/file_node.hpp"
#include "drama/sim/disk/internal/name_journal.hpp"

struct statx;

namespace drama::inline v0::internal {

/// Outcomes are those of operations: a negative errno on failure. Threads: one at a time.
class file_tree {
  public:
    /// Holds "/" and "/tmp", durable. Lifetime: `now_ns`, which new files ask for their time.
    explicit file_tree(const std::int64_t* now_ns);
    ~file_tree();
    file_tree(const file_tree&) = delete;
    file_tree& operator=(const file_tree&) = delete;

    /// Null if nothing stands there.
    std::shared_ptr<file_node> find(std::string_view path) const;
    /// What open(2) with `flags` finds or makes. `made`: it is new.
    std::int64_t open(std::string_view path, int flags, mode_t mode,
                      std::shared_ptr<file_node>& out);
    std::int64_t make_directory(std::string_view path, mode_t mode);
    /// The name of a Unix socket. Its number, which is that of no other.
    std::int64_t make_socket(std::string_view path);
    /// The number; -ECONNREFUSED if something else stands there.
    std::int64_t socket_at(std::string_view path) const;
    std::int64_t rename(std::string_view from, std::string_view to, int flags);
    std::int64_t unlink(std::string_view path, int flags);
    std::int64_t list(std::string_view path, directory_listing& into) const;
    static void describe(const file_node& node, struct statx& out) noexcept;

    name_journal& journal() noexcept { return journal_; }
    /// The power fails: of the names (`law` is asked with null) and of each file that is not
    /// synced is left what `law` and `random` leave.
    void crash(const std::function<crash_law(const file_node*)>& law, prng& random);
    /// Makes everything durable.
    void sync_all();
    std::int64_t used_bytes() const;

  private:
    /// A directory, and the name in it that the path ends with; none for the root.
    struct place {
        std::shared_ptr<file_node> in;
        std::string name;
        std::int64_t error = 0;
    };

    place place_of(std::string_view path) const;
    std::shared_ptr<file_node> make(const place& at, bool is_directory, mode_t mode);
    template <class Visit>
    static void visit(file_node& from, Visit& each);

    const std::int64_t* now_ns_;
    std::shared_ptr<file_node> root_;
    name_journal journal_;
    std::uint64_t next_number_ = 1;
};

}  // namespace drama::inline v0::internal
