// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/report/run_trace.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "drama/coro/runnable.hpp"
#include "drama/tenant/tenant_record.hpp"

namespace drama::inline v0 {

std::string place_text(const std::source_location& where) {
    return where.line() == 0 ? std::string()
                             : std::filesystem::path(where.file_name()).filename().string() + ':' +
                                   std::to_string(where.line());
}

const char* event_text(sim_event what) noexcept {
    switch (what) {
        case sim_event::step:
            return "step ends";
        case sim_event::unpark:
            return "wakes a thread";
        case sim_event::resume:
            return "goes on";
        case sim_event::spend:
            return "burns";
        case sim_event::wait:
            return "waits inside";
        case sim_event::thread_start:
            return "thread starts";
        case sim_event::thread_end:
            return "thread ends";
        case sim_event::thread_refused:
            return "thread refused";
        case sim_event::submit:
            return "submits";
        case sim_event::complete:
            return "completes";
        case sim_event::cancel:
            return "cancels";
        case sim_event::arrival:
            return "segment arrives";
        case sim_event::disk:
            return "disk done";
        case sim_event::fault:
            return "FAULT";
        case sim_event::note:
            return "note";
    }
    return "event";
}

const char* role_text(thread_role role) noexcept {
    constexpr std::array<const char*, thread_roles> names{"worker", "compute", "blocking",
                                                          "watchdog", "admin"};
    return names[static_cast<std::size_t>(role)];
}

void run_trace::add(trace_record record, const runnable* by) {
    if (by != nullptr) {
        record.task = by->id;
        record.name = *by->name != 0 ? std::string(by->name) : place_text(by->site.where);
        if (by->payer != nullptr) {
            record.tenant = static_cast<const tenant_record*>(by->payer)->name();
        }
    }
    if (records_.size() == records_max) {
        records_.pop_front();
        ++dropped_;
    }
    records_.push_back(std::move(record));
}

std::string last_lines(const run_trace& of, std::size_t count, std::uint64_t last_step) {
    const auto& all = of.records();
    std::size_t end = all.size();
    while (end != 0 && all[end - 1].step > last_step) {
        --end;
    }
    std::string text;
    for (std::size_t at = end - std::min(count, end); at < end; ++at) {
        const trace_record& each = all[at];
        text += "  " + std::to_string(each.step) + "  " + std::to_string(each.at_ns) + " ns  " +
                (each.thread == 0
                     ? std::string("world")
                     : std::string(role_text(each.role)) + ' ' + std::to_string(each.thread)) +
                " | ";
        if (each.task != 0) {
            text +=
                "task " + std::to_string(each.task) + " '" + each.name + "' tenant=" + each.tenant;
        }
        text += std::string(" | ") + event_text(each.what) + '\n';
    }
    return text;
}

}  // namespace drama::inline v0
