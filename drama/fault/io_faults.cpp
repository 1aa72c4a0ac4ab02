// SPDX-License-Identifier: Apache-2.0
#include "drama/fault/io_faults.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

namespace drama::inline v0 {
namespace {

using enum fault_kind;

// The questions of one operation, all at one place and on one account.
class questions {
  public:
    questions(fault_plan& plan, const operation& op) noexcept
        : plan_(&plan), site_(site_of(op.code)), payer_(op.payer) {}

    std::optional<std::int64_t> ask(fault_kind kind) const noexcept {
        return plan_->decide({.kind = kind, .site = site_, .payer = payer_});
    }
    void fails(fault_kind kind) noexcept {
        if (const auto error = ask(kind); error && !out.outcome) {
            out.outcome = -*error;
        }
    }
    void fails(fault_kind kind, int error) noexcept {
        if (ask(kind) && !out.outcome) {
            out.outcome = -error;
        }
    }
    void held(fault_kind kind) noexcept {
        if (const auto length = ask(kind)) {
            out.held_ns = std::max(out.held_ns, *length);
        }
    }
    void held_for_ever(fault_kind kind) noexcept {
        if (ask(kind)) {
            out.held_ns = stuck;
        }
    }
    void shortened(fault_kind kind) noexcept {
        if (const auto bytes = ask(kind); bytes && *bytes > 0) {
            out.length_max = static_cast<std::size_t>(*bytes);
        }
    }

    io_fault out;

  private:
    fault_plan* plan_;
    std::string_view site_;
    const account* payer_;
};

void ask_of_stream(questions& about, bool receives) noexcept {
    about.fails(connection_reset, ECONNRESET);
    if (about.out.outcome) {
        return;
    }
    about.held(net_latency);
    if (receives) {
        if (about.ask(half_close) && !about.out.outcome) {
            about.out.outcome = 0;
        }
        about.held_for_ever(connect_then_silence);
    } else {
        about.held(zero_window);
        about.held_for_ever(peer_never_reads);
    }
    about.shortened(short_transfer);
}

void ask_of_sync(questions& about) noexcept {
    for (const fault_kind kind : {sync_error_forgotten, sync_error_per_fd, sync_error_for_ever}) {
        if (const auto error = about.ask(kind)) {
            about.out.failed = -*error;
        }
    }
}

bool needs_room(op_code code) noexcept {
    switch (code) {
        case op_code::open:
        case op_code::write_at:
        case op_code::writev_at:
        case op_code::rename:
        case op_code::truncate:
        case op_code::fallocate:
        case op_code::make_directory:
        case op_code::fsync:
        case op_code::fdatasync:
            return true;
        default:
            return false;
    }
}

// What fails is asked for nothing else: it transfers nothing.
void ask_of_file(questions& about, const operation& op) noexcept {
    about.fails(disk_interrupted);
    if (needs_room(op.code)) {
        about.fails(disk_full);
    }
    about.fails(disk_error);
    about.held(disk_slow);
    if (about.out.outcome) {
        return;
    }
    switch (op.code) {
        case op_code::read_at:
            about.shortened(disk_short_transfer);
            about.out.flips = about.ask(bit_flip);
            about.out.moved_bytes = about.ask(misdirected).value_or(0);
            break;
        case op_code::write_at:
            about.shortened(disk_short_transfer);
            about.out.moved_bytes = about.ask(misdirected).value_or(0);
            break;
        case op_code::fsync:
        case op_code::fdatasync:
            ask_of_sync(about);
            break;
        default:
            break;
    }
}

}  // namespace

std::string_view site_of(op_code code) noexcept {
    static constexpr std::array<std::string_view, op_codes> sites{
        "tcp.accept",  "tcp.connect", "tcp.recv",      "tcp.send",       "tcp.recv",
        "tcp.send",    "pipe.read",   "pipe.write",    "poll",           "disk.open",
        "disk.read",   "disk.write",  "disk.read",     "disk.write",     "disk.fsync",
        "disk.fsync",  "disk.rename", "disk.truncate", "disk.fallocate", "disk.stat",
        "disk.unlink", "disk.mkdir",  "disk.list",     "name.lookup"};
    return sites[static_cast<std::size_t>(code)];
}

io_fault decide_io(fault_plan& plan, const operation& op) noexcept {
    questions about(plan, op);
    switch (op.code) {
        case op_code::connect:
            about.fails(connect_fails);
            about.held(net_latency);
            break;
        case op_code::accept:
            about.fails(accept_fails);
            break;
        case op_code::recv:
        case op_code::recv_msg:
            ask_of_stream(about, true);
            break;
        case op_code::send:
        case op_code::send_msg:
            ask_of_stream(about, false);
            break;
        case op_code::resolve:
            if (const auto how = about.ask(name_lookup)) {
                about.out.held_ns = std::max<std::int64_t>(*how, 0);
                if (*how <= 0) {
                    about.out.outcome = -ENOENT;
                }
            }
            break;
        default:
            if (is_file_operation(op.code)) {
                ask_of_file(about, op);
            }
            break;
    }
    if (about.out.length_max != SIZE_MAX &&
        (op.code == op_code::recv_msg || op.code == op_code::send_msg)) {
        about.out.length_max = SIZE_MAX;  // its length is in the message
    }
    return about.out;
}

}  // namespace drama::inline v0
