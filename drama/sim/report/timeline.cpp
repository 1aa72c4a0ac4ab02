// SPDX-License-Identifier: Apache-2.0
// The page of run_trace.hpp that shows a run as lanes over virtual time.
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "drama/sim/report/run_trace.hpp"

namespace drama::inline v0 {
namespace {

constexpr int lane_height = 22;
constexpr int left_margin = 170;
constexpr int width = 1'200;

std::string escaped(const std::string& text) {
    std::string out;
    for (const char each : text) {
        switch (each) {
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '&':
                out += "&amp;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += each;
        }
    }
    return out;
}

const char* color_of(sim_event what) noexcept {
    switch (what) {
        case sim_event::fault:
        case sim_event::thread_refused:
            return "#c00";
        case sim_event::spend:
        case sim_event::wait:
            return "#b80";
        case sim_event::submit:
        case sim_event::complete:
        case sim_event::cancel:
        case sim_event::disk:
        case sim_event::arrival:
            return "#06c";
        default:
            return "#555";
    }
}

// Lanes in a fixed order: threads by number, then tenants by name.
class lanes {
  public:
    explicit lanes(const run_trace& of) {
        for (const trace_record& each : of.records()) {
            if (each.thread != 0) {
                by_thread_.emplace(each.thread, std::string(role_text(each.role)) + ' ' +
                                                    std::to_string(each.thread));
            }
            if (!each.tenant.empty()) {
                by_tenant_.emplace(each.tenant, 0);
            }
        }
        int next = 1;  // 0 is the world's
        names_.emplace_back("world");
        for (auto& [thread, name] : by_thread_) {
            at_thread_[thread] = next++;
            names_.push_back(name);
        }
        for (auto& [tenant, lane] : by_tenant_) {
            lane = next++;
            names_.push_back("tenant " + tenant);
        }
    }

    int of_thread(std::uint64_t thread) const {
        const auto found = at_thread_.find(thread);
        return found == at_thread_.end() ? 0 : found->second;
    }
    int of_tenant(const std::string& tenant) const { return by_tenant_.at(tenant); }
    const std::vector<std::string>& names() const noexcept { return names_; }

  private:
    std::map<std::uint64_t, std::string> by_thread_;
    std::map<std::uint64_t, int> at_thread_;
    std::map<std::string, int> by_tenant_;
    std::vector<std::string> names_;
};

std::string mark(int lane, double at, const trace_record& from) {
    return "<rect x=\"" + std::to_string(left_margin + at * width) + "\" y=\"" +
           std::to_string(lane * lane_height + 4) + "\" width=\"3\" height=\"" +
           std::to_string(lane_height - 8) + "\" fill=\"" + color_of(from.what) + "\"><title>" +
           escaped("step " + std::to_string(from.step) + ", " + std::to_string(from.at_ns) +
                   " ns: " + event_text(from.what) +
                   (from.task == 0 ? std::string()
                                   : ", task " + std::to_string(from.task) + " '" + from.name +
                                         "' of " + from.tenant)) +
           "</title></rect>\n";
}

}  // namespace

std::string timeline_html(const run_trace& of, const std::string& title) {
    const lanes all(of);
    const auto& records = of.records();
    const std::int64_t begins = records.empty() ? 0 : records.front().at_ns;
    const std::int64_t ends = records.empty() ? 1 : records.back().at_ns;
    const double length = ends > begins ? static_cast<double>(ends - begins) : 1;
    std::string text = "<!DOCTYPE html>\n<meta charset=\"utf-8\"><title>" + escaped(title) +
                       "</title>\n<style>body{font:13px sans-serif}text{font-size:12px}</style>\n"
                       "<h1>" +
                       escaped(title) + "</h1>\n<p>" + std::to_string(records.size()) +
                       " events from " + std::to_string(begins) + " to " + std::to_string(ends) +
                       " ns, " + std::to_string(of.dropped()) +
                       " older ones left out</p>\n<svg width=\"" +
                       std::to_string(left_margin + width + 20) + "\" height=\"" +
                       std::to_string(static_cast<int>(all.names().size()) * lane_height) + "\">\n";
    for (std::size_t lane = 0; lane < all.names().size(); ++lane) {
        const int y = static_cast<int>(lane) * lane_height;
        text += "<text x=\"2\" y=\"" + std::to_string(y + 15) + "\">" + escaped(all.names()[lane]) +
                "</text><line x1=\"0\" x2=\"" + std::to_string(left_margin + width) + "\" y1=\"" +
                std::to_string(y) + "\" y2=\"" + std::to_string(y) + "\" stroke=\"#ddd\"/>\n";
    }
    for (const trace_record& each : records) {
        const double at = static_cast<double>(each.at_ns - begins) / length;
        text += mark(all.of_thread(each.thread), at, each);
        if (!each.tenant.empty()) {
            text += mark(all.of_tenant(each.tenant), at, each);
        }
    }
    return text + "</svg>\n";
}

}  // namespace drama::inline v0
