// SPDX-License-Identifier: Apache-2.0
#include "drama/io/io_factory.hpp"

#include "drama/io/epoll/epoll_backend.hpp"

namespace drama::inline v0 {

result<std::unique_ptr<io_system>> make_io_system(io_choice choice, std::string* reason) {
    if (choice == io_choice::uring) {
        return fail(errc::not_supported);
    }
    if (reason != nullptr) {
        *reason = "io: epoll";
    }
    return std::make_unique<epoll_system>();
}

}  // namespace drama::inline v0
