// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/report/failure_report.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace drama::inline v0 {
namespace {

constexpr std::size_t schedule_lines_max = 12;

// "head    line" for the first, aligned below it for the others.
std::string block(const char* head, const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& each : lines) {
        text += (text.empty() ? std::string(head) : std::string()) +
                std::string(8 - (text.empty() ? std::string(head).size() : 0), ' ') + each + '\n';
    }
    return text;
}

std::string json_list(const std::vector<std::string>& lines) {
    std::string text = "[";
    for (const std::string& each : lines) {
        text += (text.size() == 1 ? "" : ",") + json_text(each);
    }
    return text + ']';
}

result<void> write_file(const std::filesystem::path& at, const std::string& text) {
    std::ofstream out(at);
    out << text;
    out.close();
    return out ? result<void>() : fail(errno_code(EIO));
}

}  // namespace

std::string json_text(const std::string& text) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out = "\"";
    for (const char each : text) {
        const auto code = static_cast<unsigned char>(each);
        if (each == '"' || each == '\\') {
            out += '\\';
            out += each;
        } else if (each == '\n') {
            out += "\\n";
        } else if (code < 0x20) {
            out += std::string("\\u00") + digits[code >> 4] + digits[code & 15];
        } else {
            out += each;
        }
    }
    return out + '"';
}

std::string failure_report::text() const {
    std::string out = "FAIL " + test + "  " + word + "  replay: " + command + "\nwhat    " + what +
                      ", at step " + std::to_string(step) + ", t=" + std::to_string(at_ns) +
                      " ns   strategy " + strategy + "   found after " + std::to_string(runs) +
                      " runs (" + std::to_string(took_ms) + " ms)\n";
    out += block("waits", waits) + block("faults", faults) + expectations + block("shrunk", shrunk);
    std::vector<std::string> shown = schedule;
    if (shown.size() > schedule_lines_max) {
        shown.resize(schedule_lines_max);
        shown.push_back("and " + std::to_string(schedule.size() - schedule_lines_max) + " more");
    }
    out += block("needs", shown);
    if (!last_steps.empty()) {
        out += "last steps   step | thread | task | what\n" + last_steps;
    }
    return folder.empty() ? out : out + "files   " + folder + "\n";
}

std::string failure_report::json() const {
    return "{\"test\":" + json_text(test) + ",\"token\":" + json_text(token) +
           ",\"command\":" + json_text(command) + ",\"verdict\":" + json_text(word) +
           ",\"what\":" + json_text(what) + ",\"step\":" + std::to_string(step) +
           ",\"at_ns\":" + std::to_string(at_ns) + ",\"strategy\":" + json_text(strategy) +
           ",\"runs\":" + std::to_string(runs) + ",\"took_ms\":" + std::to_string(took_ms) +
           ",\"waits\":" + json_list(waits) + ",\"faults\":" + json_list(faults) +
           ",\"expectations\":" + json_text(expectations) + ",\"shrunk\":" + json_list(shrunk) +
           ",\"schedule\":" + json_list(schedule) + ",\"last_steps\":" + json_text(last_steps) +
           "}\n";
}

result<void> write_report(const failure_report& report, const std::string& timeline,
                          const std::string& folder) {
    std::error_code error;
    const std::filesystem::path at(folder);
    std::filesystem::create_directories(at, error);
    if (error) {
        return fail(error);
    }
    if (auto wrote = write_file(at / "report.txt", report.text()); !wrote) {
        return wrote;
    }
    if (auto wrote = write_file(at / "report.json", report.json()); !wrote) {
        return wrote;
    }
    return write_file(at / "timeline.html", timeline);
}

}  // namespace drama::inline v0
