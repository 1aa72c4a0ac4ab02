// SPDX-License-Identifier: Apache-2.0
// What clients of /files have seen, and what that allows to be found: the judge of runs in which
// puts overlap, fail, or are cut off by a crash.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace drama::testing_support {

/// Content that tells its version, and whether it is whole.
inline std::string content_of(std::uint64_t version, std::size_t bytes) {
    std::string made = std::to_string(version) + ' ' + std::to_string(bytes) + ' ';
    std::uint64_t state = version * 0x9e3779b97f4a7c15U + bytes;
    while (made.size() < bytes) {
        state ^= state << 13U;
        state ^= state >> 7U;
        state ^= state << 17U;
        made += static_cast<char>('a' + state % 26);
    }
    return made;
}

/// The version that a whole content is of; nothing: it is no content that was ever put.
inline std::optional<std::uint64_t> version_of(const std::string& content) {
    const auto space = content.find(' ');
    const auto second = space == std::string::npos ? space : content.find(' ', space + 1);
    if (second == std::string::npos || space > 18 || second - space > 10 ||
        content.substr(0, second).find_first_not_of("0123456789 ") != std::string::npos ||
        space == 0 || second == space + 1) {
        return std::nullopt;
    }
    const std::uint64_t version = std::stoull(content.substr(0, space));
    const std::size_t bytes = std::stoull(content.substr(space + 1, second - space - 1));
    return bytes < 2'000'000 && content == content_of(version, bytes) ? std::optional(version)
                                                                      : std::nullopt;
}

/// Threads: one at a time. Time is any count that never goes back.
class file_history {
  public:
    using moment = std::uint64_t;
    static constexpr moment never_answered = std::numeric_limits<moment>::max();
    static constexpr std::uint64_t no_file = 0;  ///< as a version

    /// A change that a client asked for: a put of `version`, or a removal.
    struct change {
        std::uint64_t version = no_file;
        moment sent = 0;
        moment answered = never_answered;
        bool succeeded = false;
    };

    /// The change may be answered through what is yielded until the next begin of the same key.
    std::size_t begin(const std::string& key, std::uint64_t version, moment now) {
        changes_[key].push_back({version, now, never_answered, false});
        return changes_[key].size() - 1;
    }
    void answer(const std::string& key, std::size_t which, bool succeeded, moment now) {
        change& made = changes_[key][which];
        made.answered = now;
        made.succeeded = succeeded;
    }

    /// Why `content` (nothing: no file) must not be found by a look that was asked for at `asked`
    /// and answered at `now`; empty if it may.
    std::string judge(const std::string& key, const std::optional<std::string>& content,
                      moment asked, moment now) const {
        std::uint64_t found = no_file;
        if (content) {
            const auto version = version_of(*content);
            if (!version) {
                return key + " is torn: " + std::to_string(content->size()) + " bytes";
            }
            found = *version;
        }
        const auto known = changes_.find(key);
        const std::vector<change> none;
        const auto& changes = known == changes_.end() ? none : known->second;
        if (found == no_file && may_be_last({no_file, 0, 0, true}, changes, asked)) {
            return {};
        }
        for (const change& each : changes) {
            if (each.version == found && each.sent <= now && may_be_last(each, changes, asked)) {
                return {};
            }
        }
        return key + " has version " + std::to_string(found) +
               " and lost what was answered:" + describe(changes);
    }
    const std::map<std::string, std::vector<change>>& all() const noexcept { return changes_; }
    /// After a look that found `content`: what came before it counts no longer.
    void settle(const std::string& key, const std::optional<std::string>& content, moment now) {
        const std::uint64_t found = content ? version_of(*content).value_or(no_file) : no_file;
        changes_[key] = {{found, now, now, true}};
    }

  private:
    /// No change that had succeeded by the time of the look began after `one` was over.
    static bool may_be_last(const change& one, const std::vector<change>& all, moment asked) {
        for (const change& each : all) {
            if (each.succeeded && each.answered <= asked && one.answered < each.sent) {
                return false;
            }
        }
        return true;
    }
    static std::string describe(const std::vector<change>& changes) {
        std::string made;
        for (const change& each : changes) {
            made += " (" + std::to_string(each.version) + " sent " + std::to_string(each.sent);
            made += each.answered == never_answered ? std::string(", no answer")
                    : each.succeeded                ? ", done " + std::to_string(each.answered)
                                                    : ", failed " + std::to_string(each.answered);
            made += ')';
        }
        return made;
    }

    std::map<std::string, std::vector<change>> changes_;
};

}  // namespace drama::testing_support
