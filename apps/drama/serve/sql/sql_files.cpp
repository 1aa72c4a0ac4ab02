// SPDX-License-Identifier: Apache-2.0
// The methods are those of SQLite's file system layer, version 1: sqlite.org/c3ref/vfs.html and
// io_methods.html say what each must do and answer.
#include "serve/sql/sql_files.hpp"

#include <cerrno>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <utility>

#include <sqlite3.h>

#include "drama/base/assert.hpp"
#include "drama/coro/context.hpp"
#include "drama/fs/directory.hpp"
#include "drama/fs/file.hpp"
#include "serve/durable_folder.hpp"

namespace drama::cli {
namespace {

thread_local sql_files_scope* this_scope = nullptr;

// Tasks of one operation each. What they are given lives on the blocking thread, which waits.

task<result<file>> open_at(std::string path, open_options options) {
    co_return co_await file::open(std::move(path), options);
}

/// Reads until `into` is full or the file ends.
task<result<std::size_t>> read_up_to(file* from, std::int64_t offset, std::span<std::byte> into) {
    std::size_t done = 0;
    while (done < into.size()) {
        const auto rest = into.subspan(done);
        auto got = co_await from->read_at(offset + static_cast<std::int64_t>(done), rest);
        if (!got) {
            co_return fail(got.error());
        }
        if (*got == 0) {
            break;
        }
        done += *got;
    }
    co_return done;
}

task<result<void>> write_at(file* to, std::int64_t offset, std::span<const std::byte> from) {
    auto writing = to->write_all_at(offset, from);
    co_return co_await std::move(writing);
}

task<result<void>> resize(file* of, std::int64_t bytes) {
    co_return co_await of->truncate(bytes);
}

/// `folder`: whose entry for the file may not be durable yet; else empty.
task<result<void>> make_durable(file* content, std::string folder) {
    auto synced = co_await content->sync_data();
    if (!synced || folder.empty()) {
        co_return synced;
    }
    auto syncing = sync_directory(std::move(folder));
    co_return co_await std::move(syncing);
}

task<result<std::int64_t>> size_of(file* of) {
    auto status = co_await of->status();
    if (!status) {
        co_return fail(status.error());
    }
    co_return status->size;
}

task<result<std::int64_t>> size_at(std::string path) {
    auto status = co_await file_status_of(std::move(path), false);
    if (!status) {
        co_return fail(status.error());
    }
    co_return status->size;
}

task<result<void>> remove_at(std::string path, bool durably) {
    auto removed = co_await remove_file(path);
    if (!removed || !durably) {
        co_return removed;
    }
    auto syncing = sync_directory(parent_of(path));
    co_return co_await std::move(syncing);
}

}  // namespace

/// The way from a blocking thread to the disk and back.
struct sql_disk {
    /// Runs `f(args...)` as a task on the account of this thread's scope. The root is the system's,
    /// whom no gate refuses: a database must not fail in the middle for a limit on tasks.
    template <class F, class... Args>
    static std::invoke_result_t<F&, Args...>::value_type run(F f, Args... args) {
        if (this_scope == nullptr) {
            return fail(errc::shutting_down);
        }
        runtime& rt = *this_scope->rt_;
        return rt.sync_wait(rt.tenants().system(), as_tenant<tenant, F, Args...>,
                            this_scope->payer_, f, std::move(args)...);
    }
};

namespace {

struct open_file : sqlite3_file {
    file content;
    std::string unsynced_folder;  ///< where the file's entry may not be durable yet
};

open_file& of(sqlite3_file* given) noexcept {
    return *static_cast<open_file*>(given);
}

int code_of(const result<void>& done, int failure) noexcept {
    if (done) {
        return SQLITE_OK;
    }
    const bool is_full = done.error() == errno_code(ENOSPC) || done.error() == errno_code(EDQUOT);
    return is_full ? SQLITE_FULL : failure;
}

int close_file(sqlite3_file* given) {
    std::destroy_at(&of(given));
    return SQLITE_OK;
}

int read_file(sqlite3_file* given, void* into, int bytes, sqlite3_int64 offset) {
    const std::span space(static_cast<std::byte*>(into), static_cast<std::size_t>(bytes));
    const auto got =
        sql_disk::run(read_up_to, &of(given).content, static_cast<std::int64_t>(offset), space);
    if (!got) {
        return SQLITE_IOERR_READ;
    }
    if (*got == space.size()) {
        return SQLITE_OK;
    }
    std::memset(space.data() + *got, 0, space.size() - *got);
    return SQLITE_IOERR_SHORT_READ;
}

int write_file(sqlite3_file* given, const void* from, int bytes, sqlite3_int64 offset) {
    const std::span<const std::byte> content(static_cast<const std::byte*>(from),
                                             static_cast<std::size_t>(bytes));
    return code_of(
        sql_disk::run(write_at, &of(given).content, static_cast<std::int64_t>(offset), content),
        SQLITE_IOERR_WRITE);
}

int truncate_file(sqlite3_file* given, sqlite3_int64 bytes) {
    return code_of(sql_disk::run(resize, &of(given).content, static_cast<std::int64_t>(bytes)),
                   SQLITE_IOERR_TRUNCATE);
}

int sync_file(sqlite3_file* given, int /*flags*/) {
    open_file& me = of(given);
    const auto synced = sql_disk::run(make_durable, &me.content, me.unsynced_folder);
    if (synced) {
        me.unsynced_folder.clear();
    }
    return code_of(synced, SQLITE_IOERR_FSYNC);
}

int file_size(sqlite3_file* given, sqlite3_int64* bytes) {
    const auto size = sql_disk::run(size_of, &of(given).content);
    *bytes = size.value_or(0);
    return size ? SQLITE_OK : SQLITE_IOERR_FSTAT;
}

int lock_file(sqlite3_file*, int) {
    return SQLITE_OK;
}

int is_reserved(sqlite3_file*, int* answer) {
    *answer = 0;
    return SQLITE_OK;
}

int control_file(sqlite3_file*, int, void*) {
    return SQLITE_NOTFOUND;
}

int sector_size(sqlite3_file*) {
    return 4096;
}

int device_traits(sqlite3_file*) {
    return 0;
}

constexpr sqlite3_io_methods methods{
    .iVersion = 1,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = file_size,
    .xLock = lock_file,
    .xUnlock = lock_file,
    .xCheckReservedLock = is_reserved,
    .xFileControl = control_file,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = device_traits,
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int open_named(sqlite3_vfs*, const char* path, sqlite3_file* into, int flags, int* got_flags) {
    into->pMethods = nullptr;  // nothing to close unless it succeeds
    if (path == nullptr) {
        return SQLITE_CANTOPEN;  // temporary files: databases here keep those in memory
    }
    const bool may_create = (flags & SQLITE_OPEN_CREATE) != 0;
    open_options options{.access = file_access::read_write};
    auto opened = sql_disk::run(open_at, std::string(path), options);
    if (!opened && may_create && opened.error() == errno_code(ENOENT)) {
        options.create = true;
        opened = sql_disk::run(open_at, std::string(path), options);
    }
    if (!opened) {
        return SQLITE_CANTOPEN;
    }
    auto* const made = new (into) open_file;
    made->content = *std::move(opened);
    if (may_create) {
        // Also of a file that is there: who made it may have ended before its entry was durable.
        made->unsynced_folder = parent_of(path);
    }
    made->pMethods = &methods;
    if (got_flags != nullptr) {
        *got_flags = flags;
    }
    return SQLITE_OK;
}

int delete_named(sqlite3_vfs*, const char* path, int durably) {
    const auto removed = sql_disk::run(remove_at, std::string(path), durably != 0);
    if (!removed && removed.error() == errno_code(ENOENT)) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    return code_of(removed, SQLITE_IOERR_DELETE);
}

// An empty file stands for none, as SQLite has it: a journal of size zero is no journal.
int look_at(sqlite3_vfs*, const char* path, int flags, int* answer) {
    const auto size = sql_disk::run(size_at, std::string(path));
    if (!size && size.error() != errno_code(ENOENT)) {
        return SQLITE_IOERR_ACCESS;
    }
    *answer = size && (*size > 0 || flags != SQLITE_ACCESS_EXISTS) ? 1 : 0;
    return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* path, int room, char* into) {
    const std::size_t bytes = std::strlen(path) + 1;
    if (bytes > static_cast<std::size_t>(room)) {
        return SQLITE_CANTOPEN;
    }
    std::memcpy(into, path, bytes);
    return SQLITE_OK;
}

}  // namespace

sql_files_scope::sql_files_scope(runtime& rt, const tenant& payer) noexcept
    : rt_(&rt), payer_(payer) {
    DRAMA_ASSERT(this_scope == nullptr, "a thread calls for one tenant at a time");
    this_scope = this;
}

sql_files_scope::~sql_files_scope() {
    this_scope = nullptr;
}

// Randomness, time and what is no file are those of SQLite's own layer for the system.
result<void> register_sql_files() {
    static sqlite3_vfs made = [] {
        sqlite3_vfs layer = *::sqlite3_vfs_find(nullptr);
        layer.zName = sql_files_name;
        layer.szOsFile = sizeof(open_file);
        layer.mxPathname = 4096;
        layer.pNext = nullptr;
        layer.xOpen = open_named;
        layer.xDelete = delete_named;
        layer.xAccess = look_at;
        layer.xFullPathname = full_path;
        return layer;
    }();
    if (::sqlite3_vfs_register(&made, 0) != SQLITE_OK) {
        return fail(errno_code(ENOMEM));
    }
    ::sqlite3_hard_heap_limit64(sql_heap_bytes_max);
    return {};
}

}  // namespace drama::cli
