// SPDX-License-Identifier: Apache-2.0
#include "drama/net/internal/accept_gate.hpp"

#include <cerrno>

#include <sys/socket.h>

namespace drama::inline v0::internal {
namespace {

bool is_lack_of_descriptors(int error) noexcept {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

// accept reports what befell a waiting connection; the next one may be fine. See accept(2).
bool concerns_one_client(int error) noexcept {
    switch (error) {
        case ENETDOWN:
        case EPROTO:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case ENETUNREACH:
        case ECONNABORTED:
        case EPERM:
            return true;
        default:
            return false;
    }
}

}  // namespace

void close_gate::operator()(accept_gate* gate) const noexcept {
    delete gate;
}

accept_gate::accept_gate(io_fd listening, int address_family) noexcept
    : listener_(std::move(listening)), family_(address_family) {
    refill();
}

bool accept_gate::refill() noexcept {
    if (reserve_.load(std::memory_order_acquire) >= 0) {
        return true;
    }
    auto opened = listener_.io().open_socket(family_, SOCK_STREAM, 0);
    if (!opened) {
        return false;
    }
    int none = -1;
    if (!reserve_.compare_exchange_strong(none, *opened, std::memory_order_acq_rel)) {
        listener_.io().close(*opened);  // another accept was faster
    }
    return true;
}

void accept_gate::give_up_reserve() noexcept {
    const int held = reserve_.exchange(-1, std::memory_order_acq_rel);
    if (held >= 0) {
        listener_.io().close(held);
    }
}

void accept_gate::refuse(io_fd connection) noexcept {
    connection.reset();
    refused_.fetch_add(1, std::memory_order_relaxed);
}

accept_gate::verdict accept_gate::judge(std::error_code error, bool used_reserve) noexcept {
    if (error.category() != std::system_category()) {
        return verdict::give_up;  // stop or deadline
    }
    if (concerns_one_client(error.value())) {
        return verdict::pause;
    }
    if (!is_lack_of_descriptors(error.value())) {
        return verdict::give_up;
    }
    if (used_reserve) {
        return verdict::pause;
    }
    give_up_reserve();
    return verdict::retry;
}

void accept_gate::close() noexcept {
    give_up_reserve();
    listener_.reset();
}

}  // namespace drama::inline v0::internal
