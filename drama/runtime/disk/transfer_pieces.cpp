// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/disk/transfer_pieces.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <span>

#include <sys/uio.h>

namespace drama::inline v0 {
namespace {

constexpr std::size_t parts_max = 1024;  // the kernel's IOV_MAX: it refuses more
constexpr auto bytes_max = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());

bool has_vector(op_code code) noexcept {
    return code == op_code::readv_at || code == op_code::writev_at;
}

std::size_t bytes_of(const operation& op) noexcept {
    if (!has_vector(op.code)) {
        return is_read_at(op.code) || is_write_at(op.code) ? op.length : 0;
    }
    if (op.length > parts_max) {
        return 0;
    }
    std::size_t sum = 0;
    for (const iovec& part : std::span(op.vector, op.length)) {
        if (part.iov_len > bytes_max - sum) {
            return 0;
        }
        sum += part.iov_len;
    }
    return sum;
}

}  // namespace

void copy_parameters(operation& to, const operation& from) noexcept {
    to.code = from.code;
    to.fd = from.fd;
    to.flags = from.flags;
    to.mode = from.mode;
    to.offset = from.offset;
    to.length = from.length;
    to.buffer = from.buffer;    // of the union, whatever it holds: all are pointers
    to.path_to = from.path_to;  // as above
    to.payer = from.payer;
}

void transfer_pieces::begin(const operation& whole, std::size_t piece_bytes_max) noexcept {
    *this = transfer_pieces();
    whole_ = &whole;
    last_ = -ECANCELED;
    piece_max_ = piece_bytes_max;
    total_ = bytes_of(whole);
    const bool has_end = whole.offset >= 0 && total_ <= bytes_max &&
                         whole.offset <= std::numeric_limits<std::int64_t>::max() -
                                             static_cast<std::int64_t>(total_);
    is_split_ = total_ > piece_max_ && has_end;
}

void transfer_pieces::fill(operation& piece) noexcept {
    copy_parameters(piece, *whole_);
    if (!is_split_) {
        piece_ = total_;
        return;
    }
    piece.offset = whole_->offset + static_cast<std::int64_t>(moved_);
    if (has_vector(whole_->code)) {
        fill_from_vector(piece);
        return;
    }
    piece_ = std::min(piece_max_, total_ - moved_);
    if (whole_->buffer != nullptr) {
        piece.buffer = static_cast<std::byte*>(whole_->buffer) + moved_;
    }
    piece.length = piece_;
}

// Requires: parts with bytes are left.
void transfer_pieces::fill_from_vector(operation& piece) noexcept {
    const std::span<const iovec> parts(whole_->vector, whole_->length);
    while (parts[part_].iov_len == part_moved_) {
        ++part_;
        part_moved_ = 0;
    }
    const iovec& first = parts[part_];
    if (part_moved_ != 0 || first.iov_len > piece_max_) {
        piece_ = std::min(piece_max_, first.iov_len - part_moved_);
        piece.code = is_write_at(whole_->code) ? op_code::write_at : op_code::read_at;
        piece.buffer = static_cast<std::byte*>(first.iov_base) + part_moved_;
        piece.length = piece_;
        part_moved_ += piece_;
        return;
    }
    piece_ = 0;
    piece.vector = &first;
    piece.length = 0;
    while (part_ != parts.size() && parts[part_].iov_len <= piece_max_ - piece_) {
        piece_ += parts[part_++].iov_len;
        ++piece.length;
    }
}

bool transfer_pieces::advance(std::int64_t outcome) noexcept {
    last_ = outcome;
    if (outcome > 0 && total_ != 0) {
        moved_ += static_cast<std::size_t>(outcome);
    }
    return is_split_ && outcome > 0 && static_cast<std::size_t>(outcome) == piece_ &&
           moved_ < total_;
}

}  // namespace drama::inline v0
