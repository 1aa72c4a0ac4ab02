// SPDX-License-Identifier: Apache-2.0
// The rows of statements as JSON, up to a size.
#pragma once

#include <cstddef>
#include <string>

struct sqlite3_stmt;

namespace drama::cli {

/// `{"results":[...],"changes":N}`, row by row.
///
/// Numbers are numbers, but those that JSON has no word for (infinite ones) are null; text is text,
/// with U+FFFD for bytes that are no UTF-8; a blob is `{"hex":"..."}`.
class sql_json {
  public:
    explicit sql_json(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    /// Begins the result of a statement that yields columns.
    void begin_result(sqlite3_stmt* of);
    /// Adds the row that the statement stands at. False: the answer has become too long.
    [[nodiscard]] bool add_row(sqlite3_stmt* of);
    void end_result();
    [[nodiscard]] std::string finish(long long changes) &&;

  private:
    void add_value(sqlite3_stmt* of, int column);
    void add_text(const unsigned char* text, int bytes);

    const std::size_t bytes_max_;
    std::string out_ = R"({"results":[)";
    bool is_first_result_ = true;
    bool is_first_row_ = true;
};

}  // namespace drama::cli
