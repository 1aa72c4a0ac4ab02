// SPDX-License-Identifier: Apache-2.0
// SQLite's files as drama's: each read, write and sync that SQLite asks for on its blocking thread
// is an operation of the tenant, which stands in the tenant's place in the disk queue.
#pragma once

#include <cstdint>

#include "drama/runtime/runtime.hpp"

namespace drama::cli {

/// The name under which SQLite knows these files.
inline constexpr const char* sql_files_name = "drama";

/// Memory that SQLite may hold for all databases of the process.
inline constexpr std::int64_t sql_heap_bytes_max = 256 * 1024 * 1024;

/// Makes them known to SQLite, and bounds its memory. Threads: any; once is enough. Errors: ENOMEM.
[[nodiscard]] result<void> register_sql_files();

/// While it lives, this thread's calls of SQLite may touch files, on `payer`'s account. Without it
/// they fail, as after a power cut: a database may be closed then, and nothing else.
///
/// A process has one connection to a database at a time, so the files have no locks; a folder of
/// databases belongs to one process.
/// Threads: made and destroyed on the blocking thread that calls SQLite. Lifetime: as a guard.
class sql_files_scope {
  public:
    sql_files_scope(runtime& rt, const tenant& payer) noexcept;
    ~sql_files_scope();
    sql_files_scope(const sql_files_scope&) = delete;
    sql_files_scope& operator=(const sql_files_scope&) = delete;

  private:
    friend struct sql_disk;

    runtime* rt_;
    tenant payer_;
};

}  // namespace drama::cli
