// SPDX-License-Identifier: Apache-2.0
// What a connection holds while a request is under way, and only then: parser, input, a place for
// the response's head. One block of the frame pool.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "drama/coro/account.hpp"
#include "drama/coro/frame_pool.hpp"
#include "drama/http/request_parser.hpp"

namespace drama::inline v0::internal {

class request_memory {
  public:
    request_memory(const parser_limits& limits, account& holder) noexcept
        : parser(limits), holder_(&holder) {}
    ~request_memory() {
        large_ = {};
        note_large();
    }
    request_memory(const request_memory&) = delete;
    request_memory& operator=(const request_memory&) = delete;

    static void* operator new(std::size_t bytes) { return allocate_frame(bytes); }
    static void operator delete(void* block, std::size_t bytes) noexcept {
        free_frame(block, bytes);
    }

    /// Where the next bytes go; never empty. The parser refuses messages before this grows past
    /// what its limits allow.
    std::span<std::byte> free_space() {
        if (used_ == capacity()) {
            std::vector<std::byte> larger(capacity() * 2);
            std::memcpy(larger.data(), data(), used_);
            large_.swap(larger);
            note_large();
        }
        return {data() + used_, capacity() - used_};
    }
    void received(std::size_t bytes) noexcept { used_ += bytes; }
    bool is_empty() const noexcept { return used_ == 0; }

    parse_result parse() noexcept {
        return parser.parse({reinterpret_cast<const char*>(data()), used_});
    }
    /// Forgets the first `bytes`; what follows is the next request.
    void consume(std::size_t bytes) noexcept {
        used_ -= bytes;
        std::memmove(data(), data() + bytes, used_);
        if (!large_.empty() && used_ <= small_.size()) {
            std::memcpy(small_.data(), large_.data(), used_);
            large_ = {};
            note_large();
        }
        parser.reset();
    }

    request_parser parser;
    std::array<char, 512> head;

  private:
    std::byte* data() noexcept { return large_.empty() ? small_.data() : large_.data(); }
    std::size_t capacity() const noexcept { return large_.empty() ? small_.size() : large_.size(); }

    // Who held the connection when the message began is told, until the memory is given back.
    void note_large() noexcept {
        holder_->add_buffer_bytes(static_cast<std::int64_t>(large_.size()) - noted_);
        noted_ = static_cast<std::int64_t>(large_.size());
    }

    account* holder_;
    std::int64_t noted_ = 0;
    std::size_t used_ = 0;
    std::vector<std::byte> large_;
    std::array<std::byte, 2048> small_;
};
static_assert(sizeof(request_memory) + 64 <= frame_pool::pooled_bytes_max);

}  // namespace drama::inline v0::internal
