// SPDX-License-Identifier: Apache-2.0
#include "drama/io/io_factory.hpp"

#include "drama/io/epoll/epoll_backend.hpp"
#include "drama/io/uring/uring_backend.hpp"

namespace drama::inline v0 {
namespace {

void tell(std::string* reason, std::string line) {
    if (reason != nullptr) {
        *reason = std::move(line);
    }
}

}  // namespace

result<std::unique_ptr<io_system>> make_io_system(io_choice choice, std::string* reason) {
    if (choice == io_choice::epoll) {
        tell(reason, "io: epoll, as asked");
        return std::make_unique<epoll_system>();
    }
    auto offered = uring_system::probe();
    if (offered) {
        tell(reason, "io: io_uring for files (" + *offered + "), epoll for sockets");
        return std::make_unique<uring_system>();
    }
    const std::string why = "io_uring: " + offered.error().message();
    if (choice == io_choice::uring) {
        tell(reason, "io: none, " + why);
        return std::unexpected(offered.error());
    }
    tell(reason, "io: epoll, because " + why);
    return std::make_unique<epoll_system>();
}

}  // namespace drama::inline v0
