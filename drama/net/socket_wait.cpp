// SPDX-License-Identifier: Apache-2.0
#include "drama/net/socket_wait.hpp"

namespace drama::inline v0::internal {

task<result<void>> write_everything(op_code code, int descriptor, std::span<const std::byte> bytes,
                                    std::source_location at) {
    while (!bytes.empty()) {
        auto written = co_await bytes_wait(code, descriptor, bytes, at);
        if (!written) {
            co_return fail(written.error());
        }
        bytes = bytes.subspan(*written);
    }
    co_return result<void>();
}

}  // namespace drama::inline v0::internal
