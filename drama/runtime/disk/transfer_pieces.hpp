// SPDX-License-Identifier: Apache-2.0
// One read or write at an offset as a sequence of smaller ones, so that a large transfer does not
// hold the device against others. Ends as one call would: at the first piece that moves less than
// it should.
#pragma once

#include <cstddef>
#include <cstdint>

#include "drama/io/operation.hpp"

namespace drama::inline v0 {

constexpr bool is_write_at(op_code code) noexcept {
    return code == op_code::write_at || code == op_code::writev_at;
}
constexpr bool is_read_at(op_code code) noexcept {
    return code == op_code::read_at || code == op_code::readv_at;
}
constexpr bool is_sync(op_code code) noexcept {
    return code == op_code::fsync || code == op_code::fdatasync;
}

/// Gives `to` the parameters of `from`, and nothing of its progress.
void copy_parameters(operation& to, const operation& from) noexcept;

/// The pieces of one operation. What is not a transfer, is small, or is for the kernel to refuse
/// goes as a whole.
///
/// Of a vector, a piece is a run of whole parts; a part that is larger than a piece is moved in
/// pieces of its own. So no vector is copied.
/// Lifetime: the operation stays until the last piece.
class DRAMA_API transfer_pieces {
  public:
    /// Requires: piece_bytes_max > 0.
    void begin(const operation& whole, std::size_t piece_bytes_max) noexcept;
    /// Fills in the next piece: all but `done`.
    void fill(operation& piece) noexcept;
    /// How many bytes that one should move; 0: it is no transfer.
    std::size_t piece_bytes() const noexcept { return piece_; }
    /// Notes what the piece that was filled last has come to. True if another one follows.
    bool advance(std::int64_t outcome) noexcept;
    /// What the whole has come to, once no piece follows or none is wanted; -ECANCELED if there was
    /// none.
    std::int64_t outcome() const noexcept {
        return moved_ != 0 ? static_cast<std::int64_t>(moved_) : last_;
    }

  private:
    void fill_from_vector(operation& piece) noexcept;

    const operation* whole_ = nullptr;
    std::size_t piece_max_ = 0;
    std::size_t total_ = 0;
    std::size_t moved_ = 0;
    std::size_t piece_ = 0;       // bytes of the piece filled last
    std::size_t part_ = 0;        // of a vector: the next part,
    std::size_t part_moved_ = 0;  // and how much of it has been filled in
    std::int64_t last_ = 0;       // outcome of the last piece; before the first: cancelled
    bool is_split_ = false;
};

}  // namespace drama::inline v0
