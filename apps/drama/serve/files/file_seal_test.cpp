// SPDX-License-Identifier: Apache-2.0
#include "serve/files/file_seal.hpp"

#include <gtest/gtest.h>

namespace drama::cli {
namespace {

const sealed_place here{"t-gold", "a"};

TEST(FileSeal, GivesBackWhatWasSealed) {
    for (const std::size_t bytes : {0, 1, 1000, 100'000}) {
        const std::string content(bytes, 'x');
        std::string sealed = content;
        add_seal(sealed, here);
        ASSERT_EQ(sealed.size(), bytes + seal_bytes);

        EXPECT_TRUE(take_seal(sealed, here));
        EXPECT_EQ(sealed, content);
    }
}

TEST(FileSeal, NoticesEachChangedBitAndEachMissingByte) {
    std::string sealed = "some content";
    add_seal(sealed, here);
    for (std::size_t bit = 0; bit != sealed.size() * 8; ++bit) {
        std::string changed = sealed;
        changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
        EXPECT_FALSE(take_seal(changed, here)) << bit;
    }
    for (std::size_t bytes = 0; bytes != sealed.size(); ++bytes) {
        std::string shorter = sealed.substr(0, bytes);
        EXPECT_FALSE(take_seal(shorter, here)) << bytes;
        EXPECT_EQ(shorter.size(), bytes) << "and leaves it as it is";
    }
}

TEST(FileSeal, NoticesTheContentOfAnotherFile) {
    std::string sealed = "some content";
    add_seal(sealed, here);

    EXPECT_FALSE(take_seal(sealed, {"t-gold", "b"}));
    EXPECT_FALSE(take_seal(sealed, {"t-golda", ""}));
    EXPECT_FALSE(take_seal(sealed, {"t-", "golda"}));
    EXPECT_TRUE(take_seal(sealed, here));
}

}  // namespace
}  // namespace drama::cli
