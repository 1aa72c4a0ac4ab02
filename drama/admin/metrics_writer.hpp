// SPDX-License-Identifier: Apache-2.0
// Writes one metric family after the other in Prometheus' text format.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace drama::inline v0 {

/// Appends to a string. Threads: one at a time. Lifetime: the string outlives it.
class metrics_writer {
  public:
    explicit metrics_writer(std::string& out) noexcept : out_(&out) {}

    /// Begins a family: `type` is counter or gauge.
    void family(std::string_view name, std::string_view type);
    /// One sample of the family. `labels`: `a="b",c="d"`, made by label(); empty for none.
    void sample(double value, std::string_view labels = {});
    template <std::integral Number>
    void sample(Number value, std::string_view labels = {}) {
        begin_sample(labels);
        out_->append(std::to_string(value)).push_back('\n');
    }
    /// `name="value"`, with the value escaped and cut at 64 bytes.
    static std::string label(std::string_view name, std::string_view value);

  private:
    void begin_sample(std::string_view labels);

    std::string* out_;
    std::string name_;
};

}  // namespace drama::inline v0
