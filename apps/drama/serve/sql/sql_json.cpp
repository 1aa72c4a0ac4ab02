// SPDX-License-Identifier: Apache-2.0
#include "serve/sql/sql_json.hpp"

#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>

#include <nlohmann/json.hpp>
#include <sqlite3.h>

namespace drama::cli {
namespace {

template <class Number>
void append_number(std::string& to, Number value) {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, value);
    to.append(digits, end.ptr);
}

}  // namespace

void sql_json::begin_result(sqlite3_stmt* of) {
    out_ += is_first_result_ ? R"({"columns":[)" : R"(,{"columns":[)";
    is_first_result_ = false;
    is_first_row_ = true;
    for (int column = 0; column < ::sqlite3_column_count(of); ++column) {
        if (column > 0) {
            out_ += ',';
        }
        const char* const name = ::sqlite3_column_name(of, column);
        const std::string_view text = name == nullptr ? "" : name;
        add_text(reinterpret_cast<const unsigned char*>(text.data()),
                 static_cast<int>(text.size()));
    }
    out_ += R"(],"rows":[)";
}

bool sql_json::add_row(sqlite3_stmt* of) {
    out_ += is_first_row_ ? "[" : ",[";
    is_first_row_ = false;
    for (int column = 0; column < ::sqlite3_column_count(of); ++column) {
        if (column > 0) {
            out_ += ',';
        }
        add_value(of, column);
        if (out_.size() > bytes_max_) {
            return false;
        }
    }
    out_ += ']';
    return out_.size() <= bytes_max_;
}

void sql_json::end_result() {
    out_ += "]}";
}

std::string sql_json::finish(long long changes) && {
    out_ += R"(],"changes":)";
    append_number(out_, changes);
    out_ += '}';
    return std::move(out_);
}

void sql_json::add_value(sqlite3_stmt* of, int column) {
    switch (::sqlite3_column_type(of, column)) {
        case SQLITE_INTEGER:
            append_number(out_, static_cast<long long>(::sqlite3_column_int64(of, column)));
            return;
        case SQLITE_FLOAT: {
            const double value = ::sqlite3_column_double(of, column);
            if (std::isfinite(value)) {
                append_number(out_, value);
            } else {
                out_ += "null";
            }
            return;
        }
        case SQLITE_TEXT:
            add_text(::sqlite3_column_text(of, column), ::sqlite3_column_bytes(of, column));
            return;
        case SQLITE_BLOB: {
            constexpr std::string_view digits = "0123456789abcdef";
            const auto* const bytes =
                static_cast<const unsigned char*>(::sqlite3_column_blob(of, column));
            const int size = ::sqlite3_column_bytes(of, column);
            out_ += R"({"hex":")";
            for (int at = 0; at < size; ++at) {
                out_ += digits[bytes[at] >> 4U];
                out_ += digits[bytes[at] & 15U];
            }
            out_ += R"("})";
            return;
        }
        default:
            out_ += "null";
    }
}

void sql_json::add_text(const unsigned char* text, int bytes) {
    using nlohmann::json;
    const std::string_view view(text == nullptr ? "" : reinterpret_cast<const char*>(text),
                                text == nullptr ? 0 : static_cast<std::size_t>(bytes));
    out_ += json(view).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace drama::cli
