// SPDX-License-Identifier: Apache-2.0
#include "drama/net/pooled_buffer.hpp"

#include <array>
#include <new>

#include "drama/coro/frame_pool.hpp"

namespace drama::inline v0 {
namespace {

struct free_buffers {
    std::array<std::byte*, pooled_buffer::kept_max> kept{};
    std::size_t count = 0;

    ~free_buffers() {
        while (count != 0) {
            delete[] kept[--count];
        }
        count = kept.size();  // what is given back later, while the thread ends, is freed
    }
};

thread_local free_buffers free_here;

}  // namespace

std::byte* pooled_buffer::take() {
    if (!internal::may_allocate("buffer", bytes)) {
        throw std::bad_alloc();
    }
    free_buffers& here = free_here;
    if (here.count != 0 && here.kept[here.count - 1] != nullptr) {
        return here.kept[--here.count];
    }
    return new std::byte[bytes];
}

void pooled_buffer::give_back(std::byte* memory) noexcept {
    free_buffers& here = free_here;
    if (here.count < here.kept.size()) {
        here.kept[here.count++] = memory;
    } else {
        delete[] memory;
    }
}

}  // namespace drama::inline v0
