// SPDX-License-Identifier: Apache-2.0
#include "drama/admin/json_writer.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace drama {
namespace {

TEST(JsonWriter, NestsAndSetsCommas) {
    std::string out;
    json_writer json(out);

    json.begin_object();
    json.number("a", 1);
    json.begin_array("b");
    json.begin_object();
    json.end_object();
    json.begin_object();
    json.boolean("c", true);
    json.end_object();
    json.end_array();
    json.number("d", 0.5);
    json.null("e");
    json.end_object();

    EXPECT_EQ(out, R"({"a":1,"b":[{},{"c":true}],"d":0.5,"e":null})");
}

TEST(JsonWriter, EscapesWhatWouldEndAString) {
    std::string out;
    json_writer json(out);

    json.begin_object();
    json.text("k\"", std::string_view("a\\b\"\n\0\x7f", 7));
    json.end_object();

    EXPECT_EQ(out, R"({"k\"":"a\\b\"\u000a\u0000\u007f"})");
}

TEST(JsonWriter, KeepsUtf8AndReplacesWhatIsNone) {
    std::string out;
    json_writer json(out);

    json.begin_object();
    json.text("good", "\xC3\xA9\xF0\x9F\x98\x80");
    json.text("bad", "\xFF\xC3\xED\xA0\x80");
    json.end_object();

    EXPECT_EQ(out,
              "{\"good\":\"\xC3\xA9\xF0\x9F\x98\x80\",\"bad\":\"\\ufffd\\ufffd\\ufffd\\ufffd"
              "\\ufffd\"}");
}

TEST(JsonWriter, WritesNoNumberThatJsonDoesNotKnow) {
    std::string out;
    json_writer json(out);

    json.begin_object();
    json.number("x", std::numeric_limits<double>::quiet_NaN());
    json.number("y", std::numeric_limits<std::uint64_t>::max());
    json.end_object();

    EXPECT_EQ(out, R"({"x":null,"y":18446744073709551615})");
}

}  // namespace
}  // namespace drama
