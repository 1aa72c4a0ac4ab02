// SPDX-License-Identifier: Apache-2.0
#include "serve/files/file_seal.hpp"

#include <array>
#include <cerrno>
#include <memory>
#include <new>

#include <openssl/evp.h>

#include "drama/runtime/blocking.hpp"

namespace drama::cli {
namespace {

/// Digests of up to so much are computed on the spot: they take less than a change of thread.
constexpr std::size_t short_bytes = 16 * 1024;

using digest = std::array<unsigned char, seal_bytes>;

digest digest_of(std::string_view content, const sealed_place& at) {
    struct free_context {
        void operator()(EVP_MD_CTX* of) const noexcept { ::EVP_MD_CTX_free(of); }
    };
    const std::unique_ptr<EVP_MD_CTX, free_context> context(::EVP_MD_CTX_new());
    // Names have no zero bytes, so the parts cannot be taken for each other.
    const std::string place = at.folder + '\0' + at.name + '\0';
    digest made;
    unsigned size = 0;
    if (context == nullptr || ::EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1 ||
        ::EVP_DigestUpdate(context.get(), place.data(), place.size()) != 1 ||
        ::EVP_DigestUpdate(context.get(), content.data(), content.size()) != 1 ||
        ::EVP_DigestFinal_ex(context.get(), made.data(), &size) != 1) {
        throw std::bad_alloc();  // the only thing it lacks
    }
    return made;
}

void add_to(std::string* content, const sealed_place* at) {
    add_seal(*content, *at);
}

bool take_from(std::string* content, const sealed_place* at) {
    return take_seal(*content, *at);
}

}  // namespace

void add_seal(std::string& content, const sealed_place& at) {
    const digest made = digest_of(content, at);
    content.append(reinterpret_cast<const char*>(made.data()), made.size());
}

bool take_seal(std::string& content, const sealed_place& at) {
    if (content.size() < seal_bytes) {
        return false;
    }
    const std::string_view all = content;
    const std::size_t bytes = content.size() - seal_bytes;
    const digest made = digest_of(all.substr(0, bytes), at);
    if (all.substr(bytes) !=
        std::string_view(reinterpret_cast<const char*>(made.data()), made.size())) {
        return false;
    }
    content.resize(bytes);
    return true;
}

task<result<void>> seal(std::string* content, const sealed_place* at) {
    if (content->size() <= short_bytes) {
        add_to(content, at);
        co_return result<void>();
    }
    co_return co_await compute(add_to, content, at);
}

task<result<void>> unseal(std::string* content, const sealed_place* at) {
    result<bool> taken = false;
    if (content->size() <= short_bytes) {
        taken = take_from(content, at);
    } else {
        auto computed = co_await compute(take_from, content, at);
        taken = computed;
    }
    if (!taken) {
        co_return fail(taken.error());
    }
    co_return *taken ? result<void>() : fail(errno_code(EBADMSG));
}

}  // namespace drama::cli
