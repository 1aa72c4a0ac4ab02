// SPDX-License-Identifier: Apache-2.0
// Writes JSON to a string: objects, arrays, numbers, escaped text. It reads nothing and keeps no
// tree.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "drama/base/export.hpp"

namespace drama::inline v0 {

/// Appends JSON to a string. The caller nests begin and end; commas are set here.
/// Threads: one at a time. Lifetime: the string outlives it.
class DRAMA_API json_writer {
  public:
    explicit json_writer(std::string& out) noexcept : out_(&out) {}

    void begin_object() { open('{'); }
    void begin_object(std::string_view key) { open(key, '{'); }
    void end_object() { close('}'); }
    void begin_array() { open('['); }
    void begin_array(std::string_view key) { open(key, '['); }
    void end_array() { close(']'); }

    /// `"key": value`. Bytes that are no valid UTF-8 become U+FFFD.
    void text(std::string_view key, std::string_view value);
    void number(std::string_view key, double value);
    template <std::integral Number>
    void number(std::string_view key, Number value) {
        write_key(key);
        out_->append(std::to_string(value));
    }
    void boolean(std::string_view key, bool value);
    void null(std::string_view key);

    // The same as elements of an array.
    void text(std::string_view value);
    /// What is not finite becomes null.
    void number(double value);
    template <std::integral Number>
    void number(Number value) {
        separate();
        out_->append(std::to_string(value));
    }
    void null();

  private:
    void separate();
    void open(char bracket);
    void open(std::string_view key, char bracket);
    void close(char bracket);
    void write_key(std::string_view key);
    void write_string(std::string_view value);
    void write_number(double value);

    std::string* out_;
    bool needs_comma_ = false;
};

}  // namespace drama::inline v0
