// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/disk/transfer_pieces.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <sys/uio.h>

namespace drama {
namespace {

constexpr std::size_t most = 100;

std::array<std::byte, 1000> memory;

void set(operation& op, op_code code, std::size_t length) {
    op.code = code;
    op.fd = 3;
    op.offset = 17;
    op.length = length;
    op.buffer = memory.data();
}

/// Every byte that a piece names, in order, and how many that are.
std::size_t add_bytes(const operation& piece, std::vector<const std::byte*>& to) {
    const iovec single{piece.buffer, piece.length};
    const bool has_vector = piece.code == op_code::readv_at || piece.code == op_code::writev_at;
    std::size_t bytes = 0;
    for (const iovec& part :
         has_vector ? std::span(piece.vector, piece.length) : std::span(&single, 1)) {
        for (std::size_t i = 0; i != part.iov_len; ++i) {
            to.push_back(static_cast<const std::byte*>(part.iov_base) + i);
        }
        bytes += part.iov_len;
    }
    return bytes;
}

/// What the pieces of `whole` name when each moves all that it should.
std::vector<const std::byte*> moved_by(const operation& whole) {
    transfer_pieces pieces;
    pieces.begin(whole, most);
    std::vector<const std::byte*> seen;
    bool more = true;
    while (more) {
        operation piece;
        const auto before = static_cast<std::int64_t>(seen.size());
        pieces.fill(piece);
        EXPECT_EQ(piece.offset, whole.offset + before);
        EXPECT_LE(pieces.piece_bytes(), most);
        const std::size_t bytes = add_bytes(piece, seen);
        EXPECT_EQ(bytes, pieces.piece_bytes());
        more = pieces.advance(static_cast<std::int64_t>(bytes));
    }
    EXPECT_EQ(pieces.outcome(), static_cast<std::int64_t>(seen.size()));
    return seen;
}

TEST(TransferPieces, CoverEveryLengthOnceAndInOrder) {
    for (std::size_t length = 0; length <= 3 * most + 1; ++length) {
        for (const op_code code : {op_code::read_at, op_code::write_at}) {
            operation whole;
            set(whole, code, length);
            std::vector<const std::byte*> wanted;
            add_bytes(whole, wanted);

            EXPECT_EQ(moved_by(whole), wanted) << length;
        }
    }
}

TEST(TransferPieces, CoverEveryVectorOfThreeParts) {
    const std::array<std::size_t, 7> lengths{0, 1, 60, most - 1, most, most + 1, 2 * most + 50};
    for (const std::size_t a : lengths) {
        for (const std::size_t b : lengths) {
            for (const std::size_t c : lengths) {
                const std::array<iovec, 3> parts{
                    {{memory.data(), a}, {memory.data() + 300, b}, {memory.data() + 600, c}}};
                operation whole;
                set(whole, op_code::writev_at, parts.size());
                whole.vector = parts.data();
                std::vector<const std::byte*> wanted;
                add_bytes(whole, wanted);

                EXPECT_EQ(moved_by(whole), wanted) << a << ' ' << b << ' ' << c;
            }
        }
    }
}

TEST(TransferPieces, EndAtAPieceThatMovesLess) {
    operation whole;
    set(whole, op_code::read_at, 5 * most);
    transfer_pieces pieces;
    operation piece;
    pieces.begin(whole, most);
    pieces.fill(piece);
    EXPECT_TRUE(pieces.advance(most));
    pieces.fill(piece);

    EXPECT_FALSE(pieces.advance(7));

    EXPECT_EQ(pieces.outcome(), static_cast<std::int64_t>(most + 7));
}

TEST(TransferPieces, AnErrorCountsOnlyWhereNothingWasMoved) {
    operation whole;
    set(whole, op_code::write_at, 5 * most);
    operation piece;
    transfer_pieces first;
    first.begin(whole, most);
    EXPECT_EQ(first.outcome(), -ECANCELED) << "no piece at all";
    first.fill(piece);
    EXPECT_FALSE(first.advance(-ENOSPC));
    EXPECT_EQ(first.outcome(), -ENOSPC);

    transfer_pieces second;
    second.begin(whole, most);
    second.fill(piece);
    EXPECT_TRUE(second.advance(most));
    second.fill(piece);
    EXPECT_FALSE(second.advance(-ENOSPC));
    EXPECT_EQ(second.outcome(), static_cast<std::int64_t>(most));
}

TEST(TransferPieces, LeavesToTheKernelWhatItRefuses) {
    operation negative;
    set(negative, op_code::write_at, 3 * most);
    negative.offset = -1;
    operation beyond;
    set(beyond, op_code::write_at, 3 * most);
    beyond.offset = std::numeric_limits<std::int64_t>::max() - 10;
    const std::vector<iovec> many(2000, {memory.data(), 1});
    operation too_many;
    set(too_many, op_code::writev_at, many.size());
    too_many.vector = many.data();
    const std::array<iovec, 2> huge{{{memory.data(), SIZE_MAX / 2}, {memory.data(), SIZE_MAX / 2}}};
    operation too_large;
    set(too_large, op_code::writev_at, huge.size());
    too_large.vector = huge.data();
    for (const operation* whole : {&negative, &beyond, &too_many, &too_large}) {
        transfer_pieces pieces;
        operation piece;
        pieces.begin(*whole, most);
        pieces.fill(piece);

        EXPECT_EQ(piece.code, whole->code);
        EXPECT_EQ(piece.offset, whole->offset);
        EXPECT_EQ(piece.length, whole->length);
        EXPECT_EQ(piece.buffer, whole->buffer);
        EXPECT_FALSE(pieces.advance(-EINVAL));
        EXPECT_EQ(pieces.outcome(), -EINVAL);
    }
}

TEST(TransferPieces, OtherOperationsPassAsTheyAre) {
    operation whole;
    set(whole, op_code::open, 0);
    whole.path = "/a";
    whole.flags = 5;
    whole.mode = 0640;
    transfer_pieces pieces;
    operation piece;
    pieces.begin(whole, most);
    pieces.fill(piece);

    EXPECT_EQ(piece.path, whole.path);
    EXPECT_EQ(piece.flags, 5);
    EXPECT_EQ(piece.mode, 0640U);
    EXPECT_EQ(pieces.piece_bytes(), 0U);
    EXPECT_FALSE(pieces.advance(12));
    EXPECT_EQ(pieces.outcome(), 12);
}

}  // namespace
}  // namespace drama
