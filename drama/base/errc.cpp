// SPDX-License-Identifier: Apache-2.0
#include "drama/base/errc.hpp"

#include <string>

namespace drama::inline v0 {
namespace {

class category final : public std::error_category {
  public:
    const char* name() const noexcept override { return "drama"; }

    std::string message(int value) const override {
        switch (static_cast<errc>(value)) {
            case errc::stop_requested:
                return "stop requested";
            case errc::deadline_exceeded:
                return "deadline exceeded";
            case errc::admission_rejected:
                return "admission rejected";
            case errc::queue_full:
                return "queue full";
            case errc::closed:
                return "closed";
            case errc::shutting_down:
                return "shutting down";
            case errc::would_deadlock:
                return "waiting would deadlock";
            case errc::thread_unavailable:
                return "no thread could be started";
            case errc::end_of_stream:
                return "end of stream";
            case errc::bad_argument:
                return "bad argument";
            case errc::not_supported:
                return "not supported here";
            case errc::tenant_limit:
                return "too many tenants";
        }
        return "unknown drama error " + std::to_string(value);
    }

    std::error_condition default_error_condition(int value) const noexcept override {
        switch (static_cast<errc>(value)) {
            case errc::deadline_exceeded:
                return std::errc::timed_out;
            case errc::stop_requested:
                return std::errc::operation_canceled;
            case errc::would_deadlock:
                return std::errc::resource_deadlock_would_occur;
            case errc::thread_unavailable:
                return std::errc::resource_unavailable_try_again;
            case errc::bad_argument:
                return std::errc::invalid_argument;
            case errc::not_supported:
                return std::errc::not_supported;
            default:
                return {value, *this};
        }
    }
};

}  // namespace

const std::error_category& drama_category() noexcept {
    static const category instance;
    return instance;
}

}  // namespace drama::inline v0
