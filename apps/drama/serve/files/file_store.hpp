// SPDX-License-Identifier: Apache-2.0
// Whole files of tenants on the disk, each put, read and removed as one. A change that has
// succeeded is durable: it survives the loss of the process and of the machine's power.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "drama/base/result.hpp"
#include "drama/base/spinlock.hpp"
#include "drama/coro/task.hpp"
#include "drama/fs/file.hpp"

namespace drama::cli {

/// Files below DATA/files/TENANT. One server at a time uses a data folder.
///
/// A put writes a temporary file, then renames it, each made durable before the next step, so a
/// name has one whole version or none at any moment, whatever ends the process. What a get sees may
/// be a version whose put has not been answered yet. Each file ends with a seal (file_seal.hpp), so
/// that what a disk has spoiled is an error and not an answer.
/// Threads:  all from any task, prepare before the others. Lifetime: outlives the tasks.
class file_store {
  public:
    enum class put_outcome : std::uint8_t { created, replaced };

    explicit file_store(const std::string& data_folder);

    /// Makes the data folder and this store's part of it, and removes what puts of an earlier
    /// process have left. Errors: the kernel's.
    [[nodiscard]] task<result<void>> prepare();

    /// Errors: the kernel's (ENOSPC ...), errc::stop_requested, errc::deadline_exceeded: the old
    ///         version is there then, and no temporary file; an error of the last step, making the
    ///         new name durable, leaves the new version. Once that is named, a stop comes too late.
    /// Lifetime: `content` stays until the task has ended.
    [[nodiscard]] task<result<put_outcome>> put(std::string folder, std::string name,
                                                std::string_view content);
    /// Errors: ENOENT; EFBIG - it is no file that a put has made; EBADMSG - the disk gives
    /// something
    ///         else than was put.
    [[nodiscard]] task<result<std::string>> get(std::string folder, std::string name);
    /// Errors: ENOENT. Once it has begun, a stop does not end it.
    [[nodiscard]] task<result<void>> remove(std::string folder, std::string name);
    /// Writes `bytes` of its own making to a file without a name that could be asked for, makes
    /// them durable and removes the file: what a tenant that keeps the disk busy does.
    /// Errors: as put; no file is left, also not by a stop.
    [[nodiscard]] task<result<void>> churn(std::string folder, std::uint64_t bytes);

    static constexpr std::int64_t file_bytes_max = 1024 * 1024;

  private:
    std::string temporary_name();
    task<result<void>> write_noise(std::string folder, std::string temporary, std::uint64_t bytes);
    task<result<file>> open_temporary(std::string folder, std::string temporary);
    task<result<void>> write_temporary(std::string folder, std::string temporary,
                                       std::string_view content);
    task<result<void>> sweep();
    bool is_known(const std::string& folder) noexcept;
    void set_known(const std::string& folder, bool known);

    const std::string data_;
    const std::string root_;  // data_/files
    std::int64_t started_ns_ = 0;
    std::atomic<std::uint64_t> puts_{0};
    const std::vector<std::uint64_t> noise_;

    spinlock lock_;                          // guards `known_`
    std::unordered_set<std::string> known_;  // folders that this process has made durable
};

}  // namespace drama::cli
