// SPDX-License-Identifier: Apache-2.0
// Routes that burn CPU for a purpose: compression and hashing of a body, on the compute pool. Long
// bodies go there in pieces, so that tenants take turns between two pieces.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <openssl/evp.h>
#include <zstd.h>

#include "drama/base/assert.hpp"
#include "drama/http/body_view.hpp"
#include "drama/http/query.hpp"
#include "drama/runtime/blocking.hpp"
#include "serve/routes.hpp"

namespace drama::cli {
namespace {

constexpr std::size_t piece_bytes = 256 * 1024;
constexpr number_range levels{.min = 1, .max = 19};
constexpr std::uint64_t level_default = 3;

/// The body in one piece: where it lies, or copied together into `space`.
std::string_view content_of(const body_view& body, std::string& space) {
    if (const auto whole = body.contiguous()) {
        return *whole;
    }
    space.resize(body.size());
    body.copy_to(space);
    return space;
}

// A frame of its own for each piece: a compressor of level 19 takes far more memory than its input,
// and in this way there are never more of them than compute threads.
void compress_piece(std::string_view piece, int level, std::string* out) {
    const std::size_t before = out->size();
    out->resize(before + ::ZSTD_compressBound(piece.size()));
    const std::size_t made = ::ZSTD_compress(out->data() + before, out->size() - before,
                                             piece.data(), piece.size(), level);
    if (::ZSTD_isError(made) != 0) {
        throw std::bad_alloc();  // the only thing it lacks where the output has room
    }
    out->resize(before + made);
}

task<result<http_reply>> compress_body(http_exchange exchange) {
    auto level = query_number_or(exchange.request->target, "level", level_default, levels);
    if (!level) {
        co_return text_reply(400, "level: " + level.error().message() + " (1 to 19)");
    }
    std::string space;
    std::string_view rest = content_of(exchange.request->body, space);
    http_reply reply;
    reply.content_type = "application/zstd";
    do {
        const std::string_view piece = rest.substr(0, piece_bytes);
        rest.remove_prefix(piece.size());
        auto packed =
            co_await compute(compress_piece, piece, static_cast<int>(*level), &reply.body);
        if (!packed) {
            co_return fail(packed.error());
        }
    } while (!rest.empty());
    co_return std::move(reply);
}

struct free_digest {
    void operator()(EVP_MD_CTX* digest) const noexcept { ::EVP_MD_CTX_free(digest); }
};
using digest_state = std::unique_ptr<EVP_MD_CTX, free_digest>;

void hash_piece(EVP_MD_CTX* digest, std::string_view piece) {
    const int done = ::EVP_DigestUpdate(digest, piece.data(), piece.size());
    DRAMA_ASSERT(done == 1, "a digest of memory cannot fail");
}

std::string finish_hex(EVP_MD_CTX* digest) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
    unsigned size = 0;
    const int done = ::EVP_DigestFinal_ex(digest, bytes.data(), &size);
    DRAMA_ASSERT(done == 1, "a digest of memory cannot fail");
    std::string hex;
    hex.reserve(std::size_t{size} * 2);
    for (unsigned i = 0; i < size; ++i) {
        hex += digits[bytes[i] >> 4U];
        hex += digits[bytes[i] & 15U];
    }
    return hex;
}

task<result<http_reply>> hash_body(http_exchange exchange) {
    const digest_state digest(::EVP_MD_CTX_new());
    if (!digest || ::EVP_DigestInit_ex(digest.get(), ::EVP_sha256(), nullptr) != 1) {
        throw std::bad_alloc();
    }
    std::string space;
    std::string_view rest = content_of(exchange.request->body, space);
    do {
        const std::string_view piece = rest.substr(0, piece_bytes);
        rest.remove_prefix(piece.size());
        auto hashed = co_await compute(hash_piece, digest.get(), piece);
        if (!hashed) {
            co_return fail(hashed.error());
        }
    } while (!rest.empty());
    co_return text_reply(200, finish_hex(digest.get()));
}

}  // namespace

void add_pack_routes(std::vector<http_route>& to) {
    to.insert(to.end(),
              {{.method = "POST", .path = "/compress", .handler = compress_body, .computes = true},
               {.method = "POST", .path = "/hash", .handler = hash_body, .computes = true}});
}

}  // namespace drama::cli
