// SPDX-License-Identifier: Apache-2.0
// The order that makes a put durable:
//   1. the tenant's folder, and its name in the folder above
//   2. the temporary file's content and its seal: written, then fdatasync
//   3. rename to the file's name
//   4. fsync of the folder: the name now stands for the new content for good
// A put may be stopped until 3 begins; 3 and 4 run to their end.
#include "serve/files/file_store.hpp"

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <span>
#include <utility>

#include <dirent.h>

#include "drama/base/prng.hpp"
#include "drama/fs/directory.hpp"
#include "drama/fs/file.hpp"
#include "serve/durable_folder.hpp"
#include "serve/files/file_names.hpp"
#include "serve/files/file_seal.hpp"
#include "serve/to_its_end.hpp"

namespace drama::cli {
namespace {

constexpr std::uint64_t noise_bytes = 256 * 1024;

bool is_errno(std::error_code error, int value) noexcept {
    return error == errno_code(value);
}

std::string joined(const std::string& folder, std::string_view name) {
    std::string made;
    made.reserve(folder.size() + 1 + name.size());
    return made.append(folder).append(1, '/').append(name);
}

task<result<void>> remove_if_there(std::string path) {
    auto removed = co_await remove_file(std::move(path));
    if (!removed && !is_errno(removed.error(), ENOENT)) {
        co_return removed;
    }
    co_return result<void>();
}

task<result<void>> remove_durably(std::string folder, std::string path) {
    auto removed = co_await remove_file(std::move(path));
    if (!removed) {
        co_return removed;
    }
    auto syncing = sync_directory(std::move(folder));
    co_return co_await std::move(syncing);
}

/// Gives the temporary file its name; true: the name is new.
task<result<bool>> rename_to(std::string temporary, std::string path) {
    auto renamed = co_await rename_file(temporary, path, false);
    if (renamed) {
        co_return true;
    }
    bool is_new = false;
    if (is_errno(renamed.error(), EINVAL)) {  // a file system that cannot refuse to replace
        auto found = co_await file_status_of(path, false);
        is_new = !found;
    } else if (!is_errno(renamed.error(), EEXIST)) {
        co_return fail(renamed.error());
    }
    auto replaced = co_await rename_file(temporary, path);
    if (!replaced) {
        co_return fail(replaced.error());
    }
    co_return is_new;
}

task<result<file_store::put_outcome>> publish(std::string temporary, std::string folder,
                                              std::string path) {
    auto renaming = rename_to(temporary, std::move(path));
    auto is_new = co_await std::move(renaming);
    if (!is_new) {
        auto removing = remove_if_there(std::move(temporary));
        auto removed = co_await std::move(removing);
        static_cast<void>(removed);  // the next start does it otherwise
        co_return fail(is_new.error());
    }
    auto syncing = sync_directory(std::move(folder));
    auto synced = co_await std::move(syncing);
    if (!synced) {
        co_return fail(synced.error());
    }
    co_return *is_new ? file_store::put_outcome::created : file_store::put_outcome::replaced;
}

/// Removes what earlier puts have left in one tenant's folder.
task<result<void>> sweep_folder(std::string folder) {
    auto listed = co_await list_directory(folder);
    if (!listed) {
        co_return fail(listed.error());
    }
    for (const directory_item& each : *listed) {
        if (!is_temporary(each.name)) {
            continue;
        }
        auto removing = remove_if_there(joined(folder, each.name));
        auto removed = co_await std::move(removing);
        if (!removed) {
            co_return removed;
        }
    }
    co_return result<void>();
}

/// Bytes that no disk compresses.
std::vector<std::uint64_t> made_noise() {
    prng random(1);
    std::vector<std::uint64_t> made(noise_bytes / sizeof(std::uint64_t));
    std::ranges::generate(made, [&random] { return random.next(); });
    return made;
}

}  // namespace

file_store::file_store(const std::string& data_folder)
    : data_(data_folder), root_(joined(data_folder, "files")), noise_(made_noise()) {
}

task<result<void>> file_store::prepare() {
    const runnable& self = co_await this_task();
    // Tells this process's temporary files from those of another one that is not gone yet.
    started_ns_ = self.home->now().time_since_epoch().count();
    auto making_data = make_durable_folder(data_);
    auto made = co_await std::move(making_data);
    if (!made) {
        co_return made;
    }
    auto making_root = make_durable_folder(root_);
    auto made_root = co_await std::move(making_root);
    if (!made_root) {
        co_return made_root;
    }
    auto sweeping = sweep();
    co_return co_await std::move(sweeping);
}

task<result<void>> file_store::sweep() {
    auto listed = co_await list_directory(root_);
    if (!listed) {
        co_return fail(listed.error());
    }
    for (const directory_item& each : *listed) {
        if (each.type != DT_DIR && each.type != DT_UNKNOWN) {
            continue;
        }
        auto sweeping = sweep_folder(joined(root_, each.name));
        auto swept = co_await std::move(sweeping);
        // Leftovers are never served: one that cannot be removed is no reason not to start.
        static_cast<void>(swept);
    }
    co_return result<void>();
}

task<result<file_store::put_outcome>> file_store::put(std::string folder, std::string name,
                                                      std::string_view content) {
    const std::string at = joined(root_, folder);
    const std::string temporary = joined(at, temporary_name());
    const sealed_place place{std::move(folder), std::move(name)};
    std::string sealed;
    sealed.reserve(content.size() + seal_bytes);
    sealed.append(content);
    auto sealing = seal(&sealed, &place);
    if (auto done = co_await std::move(sealing); !done) {
        co_return fail(done.error());
    }
    auto writing = write_temporary(at, temporary, sealed);
    auto written = co_await std::move(writing);
    if (!written) {
        // Also where the open failed: a stop may have hidden that it did not.
        auto removing = to_its_end(remove_if_there(temporary));
        auto removed = co_await std::move(removing);
        static_cast<void>(removed);  // the next start does it otherwise
        co_return fail(written.error());
    }
    auto publishing = to_its_end(publish(temporary, at, joined(at, place.name)));
    co_return co_await std::move(publishing);
}

std::string file_store::temporary_name() {
    const std::string number = std::to_string(puts_.fetch_add(1, std::memory_order_relaxed));
    return std::string(temporary_prefix) + std::to_string(started_ns_) + "-" + number;
}

task<result<void>> file_store::churn(std::string folder, std::uint64_t bytes) {
    const std::string at = joined(root_, folder);
    const std::string temporary = joined(at, temporary_name());
    auto writing = write_noise(at, temporary, bytes);
    auto written = co_await std::move(writing);
    auto removing = to_its_end(remove_if_there(temporary));
    auto removed = co_await std::move(removing);
    co_return written ? removed : written;
}

task<result<void>> file_store::write_noise(std::string folder, std::string temporary,
                                           std::uint64_t bytes) {
    auto opening = open_temporary(std::move(folder), std::move(temporary));
    auto opened = co_await std::move(opening);
    if (!opened) {
        co_return fail(opened.error());
    }
    const auto noise = std::as_bytes(std::span(noise_));
    for (std::uint64_t done = 0; done < bytes; done += noise.size()) {
        const auto piece = noise.first(std::min<std::uint64_t>(noise.size(), bytes - done));
        auto writing = opened->write_all_at(static_cast<std::int64_t>(done), piece);
        auto written = co_await std::move(writing);
        if (!written) {
            co_return written;
        }
    }
    co_return co_await opened->sync_data();
}

/// Opens a new file in a folder that is made if it is missing.
task<result<file>> file_store::open_temporary(std::string folder, std::string temporary) {
    const open_options options{
        .access = file_access::write_only, .create = true, .exclusive = true};
    for (int tries_left = 1; tries_left >= 0; --tries_left) {
        if (!is_known(folder)) {
            auto making = make_durable_folder(folder);
            auto made = co_await std::move(making);
            if (!made) {
                co_return fail(made.error());
            }
            set_known(folder, true);
        }
        auto opened = co_await file::open(temporary, options);
        if (opened || tries_left == 0 || !is_errno(opened.error(), ENOENT)) {
            co_return std::move(opened);
        }
        set_known(folder, false);  // somebody has removed it
    }
    co_return fail(errno_code(ENOENT));
}

task<result<void>> file_store::write_temporary(std::string folder, std::string temporary,
                                               std::string_view content) {
    auto opening = open_temporary(std::move(folder), std::move(temporary));
    auto opened = co_await std::move(opening);
    if (!opened) {
        co_return fail(opened.error());
    }
    auto writing = opened->write_all_at(0, std::as_bytes(std::span(content)));
    auto written = co_await std::move(writing);
    if (!written) {
        co_return written;
    }
    co_return co_await opened->sync_data();
}

task<result<std::string>> file_store::get(std::string folder, std::string name) {
    // What is no file of ours must not keep a thread waiting for its other end.
    const open_options options{.non_block = true};
    const sealed_place place{std::move(folder), std::move(name)};
    auto opened = co_await file::open(joined(joined(root_, place.folder), place.name), options);
    if (!opened) {
        co_return fail(opened.error());
    }
    auto status = co_await opened->status();
    if (!status) {
        co_return fail(status.error());
    }
    constexpr auto longest = file_bytes_max + static_cast<std::int64_t>(seal_bytes);
    if (status->kind != file_kind::regular || status->size > longest) {
        co_return fail(errno_code(EFBIG));
    }
    // A version never changes once it has its name, so its size is its content's.
    std::string content(static_cast<std::size_t>(status->size), '\0');
    auto reading = opened->read_exactly_at(0, std::as_writable_bytes(std::span(content)));
    auto read = co_await std::move(reading);
    if (!read) {
        co_return fail(read.error());
    }
    auto unsealing = unseal(&content, &place);
    if (auto whole = co_await std::move(unsealing); !whole) {
        co_return fail(whole.error());
    }
    co_return std::move(content);
}

task<result<void>> file_store::remove(std::string folder, std::string name) {
    const std::string at = joined(root_, folder);
    auto removing = to_its_end(remove_durably(at, joined(at, name)));
    co_return co_await std::move(removing);
}

bool file_store::is_known(const std::string& folder) noexcept {
    const std::lock_guard guard(lock_);
    return known_.contains(folder);
}

void file_store::set_known(const std::string& folder, bool known) {
    const std::lock_guard guard(lock_);
    if (known) {
        known_.insert(folder);
    } else {
        known_.erase(folder);
    }
}

}  // namespace drama::cli
