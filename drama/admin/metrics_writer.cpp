// SPDX-License-Identifier: Apache-2.0
#include "drama/admin/metrics_writer.hpp"

#include <algorithm>
#include <charconv>

namespace drama::inline v0 {

void metrics_writer::family(std::string_view name, std::string_view type) {
    name_ = name;
    out_->append("# TYPE ").append(name).append(" ").append(type).push_back('\n');
}

void metrics_writer::begin_sample(std::string_view labels) {
    out_->append(name_);
    if (!labels.empty()) {
        out_->append("{").append(labels).append("}");
    }
    out_->push_back(' ');
}

void metrics_writer::sample(double value, std::string_view labels) {
    begin_sample(labels);
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, value);
    out_->append(text, end.ptr).push_back('\n');
}

std::string metrics_writer::label(std::string_view name, std::string_view value) {
    constexpr std::size_t bytes_max = 64;
    std::size_t cut = std::min(value.size(), bytes_max);
    while (cut > 0 && cut < value.size() &&
           (static_cast<unsigned char>(value[cut]) & 0xC0U) == 0x80) {
        --cut;  // not in the middle of a character
    }
    std::string made(name);
    made.append("=\"");
    for (const char each : value.substr(0, cut)) {
        if (each == '\\' || each == '"') {
            made.push_back('\\');
        }
        if (each == '\n') {
            made.append("\\n");
        } else {
            made.push_back(each);
        }
    }
    made.push_back('"');
    return made;
}

}  // namespace drama::inline v0
