// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: the first byte chooses the limits, the rest is what a client sends.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "drama/http/request_parser_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    drama::parser_limits limits;
    if ((data[0] & 1) != 0) {
        limits = {.request_line_bytes_max = 32,
                  .header_bytes_max = 64,
                  .headers_max = 3,
                  .body_bytes_max = 16};
    }
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::string broken = drama::internal::check_request_parser(input, limits);
    if (!broken.empty()) {
        std::fprintf(stderr, "broken property: %s\n", broken.c_str());
        std::abort();
    }
    return 0;
}
