// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/disk/internal/disk_faults.hpp"

#include <fcntl.h>

#include "drama/fault/io_faults.hpp"

namespace drama::inline v0::internal {
namespace {

using enum fault_kind;

bool is_sync(op_code code) noexcept {
    return code == op_code::fsync || code == op_code::fdatasync;
}

bool needs_room(const operation& op) noexcept {
    switch (op.code) {
        case op_code::open:
            return (op.flags & O_CREAT) != 0 || (op.flags & O_ACCMODE) != O_RDONLY;
        case op_code::write:
        case op_code::write_at:
        case op_code::writev_at:
        case op_code::rename:
        case op_code::truncate:
        case op_code::fallocate:
        case op_code::make_directory:
            return true;
        default:
            return false;
    }
}

}  // namespace

std::optional<std::int64_t> disk_faults::ask(fault_kind kind, const operation& op) noexcept {
    return plan_->decide(
        {.kind = kind, .site = site_of(op.code), .payer = op.payer, .node = machine_});
}

std::optional<std::int64_t> disk_faults::ask_at(fault_kind kind, std::string_view site) noexcept {
    return plan_->decide({.kind = kind, .site = site, .node = machine_});
}

// All are asked, so that the count of one kind does not depend on rules for another.
std::int64_t disk_faults::refusal(const operation& op) noexcept {
    std::int64_t error = ask(disk_interrupted, op).value_or(0);
    if (needs_room(op)) {
        error = ask(disk_full, op).value_or(error);
    }
    if (!is_sync(op.code)) {  // there it is one of the failures that lose pages
        error = ask(disk_error, op).value_or(error);
    }
    return -error;
}

std::optional<disk_faults::failed_sync> disk_faults::sync_failure_of(const operation& op,
                                                                     sync_failure usual) noexcept {
    const std::pair<fault_kind, sync_failure> kinds[] = {
        {disk_full, usual},
        {disk_error, usual},
        {sync_error_forgotten, sync_failure::pages_clean},
        {sync_error_per_fd, sync_failure::told_open_descriptors},
        {sync_error_for_ever, sync_failure::for_ever}};
    std::optional<failed_sync> found;
    for (const auto& [kind, how] : kinds) {
        if (const auto error = ask(kind, op)) {
            found = {-*error, how};
        }
    }
    return found;
}

disk_faults::close_failure disk_faults::on_close() noexcept {
    const bool is_unheard = ask_at(disk_error, "disk.close").has_value();
    if (ask_at(sync_error_per_fd, "disk.close")) {
        return close_failure::told_open_descriptors;
    }
    return is_unheard ? close_failure::unheard : close_failure::none;
}

std::optional<crash_law> disk_faults::law_of_unsynced() noexcept {
    if (const auto form = ask_at(unsynced_lost, "disk.crash")) {
        return *form == 0   ? crash_law::nothing
               : *form == 1 ? crash_law::everything
                            : crash_law::out_of_order;
    }
    return std::nullopt;
}

crash_law disk_faults::law_of_file(crash_law usual) noexcept {
    crash_law law = law_of_unsynced().value_or(usual);
    if (ask_at(torn_write, "disk.crash")) {
        law = crash_law::out_of_order;
    }
    return ask_at(length_without_data, "disk.crash") ? crash_law::lengths_only : law;
}

crash_law disk_faults::law_of_names(crash_law usual) noexcept {
    const crash_law law = law_of_unsynced().value_or(usual);
    return ask_at(entry_lost, "disk.crash") ? crash_law::nothing : law;
}

}  // namespace drama::inline v0::internal
