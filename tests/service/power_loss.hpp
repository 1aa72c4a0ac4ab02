// SPDX-License-Identifier: Apache-2.0
// What a disk keeps when the power goes: only what was synced. Replays recorded operations and says
// where an answer promised more than that, or a name could stand for half a file.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "recording_world.hpp"

namespace drama::testing_support {

/// What an answer of success promises: this content at this path, or (`gone`) nothing there.
struct promise_kept {
    std::string path;
    std::string content;
    bool gone = false;
};

class power_loss {
  public:
    /// `base`: a folder that was durable before. The k-th answer of success promises `promises[k]`.
    power_loss(std::string base, std::vector<promise_kept> promises)
        : base_(std::move(base)), promises_(std::move(promises)) {}

    /// One line for each fault.
    std::vector<std::string> judge(const std::vector<disk_event>& events) {
        for (const disk_event& each : events) {
            if (!each.is_end) {
                on_begin(each);
            } else if (each.outcome >= 0) {
                on_end(each);
            }
        }
        if (answers_ != promises_.size()) {
            faults_.push_back(std::to_string(answers_) + " answers of success, expected " +
                              std::to_string(promises_.size()));
        }
        return faults_;
    }

  private:
    struct node {
        std::string written;
        std::string durable;
    };
    using names = std::map<std::string, std::shared_ptr<node>>;

    static std::string folder_of(const std::string& path) {
        return path.substr(0, path.rfind('/'));
    }
    names names_in(const std::string& folder) const {
        names found;
        for (const auto& [path, what] : now_) {
            if (folder_of(path) == folder) {
                found.emplace(path, what);
            }
        }
        return found;
    }
    void on_begin(const disk_event& event) {
        if (event.code == op_code::fdatasync || event.code == op_code::fsync) {
            // A sync promises what was there when it began.
            const std::string& path = opened_[event.fd];
            if (const auto found = by_fd_.find(event.fd); found != by_fd_.end()) {
                syncing_content_[event.number] = found->second->written;
            }
            syncing_names_[event.number] = names_in(path);
        } else if ((event.code == op_code::send_msg || event.code == op_code::send) &&
                   event.bytes.starts_with("HTTP/1.1 2")) {
            on_answer();
        }
    }
    void on_end(const disk_event& event) {
        switch (event.code) {
            case op_code::open:
                on_open(event);
                break;
            case op_code::make_directory:
                now_[event.path] = std::make_shared<node>();
                break;
            case op_code::write_at:
                if (const auto found = by_fd_.find(event.fd); found != by_fd_.end()) {
                    std::string& into = found->second->written;
                    const auto at = static_cast<std::size_t>(event.offset);
                    into.resize(std::max(into.size(), at));
                    into.replace(at, std::string::npos, event.bytes, 0,
                                 static_cast<std::size_t>(event.outcome));
                }
                break;
            case op_code::fdatasync:
            case op_code::fsync:
                on_synced(event);
                break;
            case op_code::rename:
                on_renamed(event);
                break;
            case op_code::unlink:
                now_.erase(event.path);
                break;
            default:
                break;
        }
    }
    void on_open(const disk_event& event) {
        const int fd = static_cast<int>(event.outcome);
        opened_[fd] = event.path;
        auto& what = now_[event.path];
        if (what == nullptr) {
            what = std::make_shared<node>();
        }
        by_fd_[fd] = what;
    }
    void on_synced(const disk_event& event) {
        if (const auto found = by_fd_.find(event.fd); found != by_fd_.end()) {
            found->second->durable = syncing_content_[event.number];
        }
        if (event.code == op_code::fsync) {
            durable_[opened_[event.fd]] = syncing_names_[event.number];
        }
    }
    void on_renamed(const disk_event& event) {
        const std::shared_ptr<node> what = now_[event.path];
        if (what == nullptr || what->written != what->durable) {
            faults_.push_back("half a file may be found at " + event.path_to);
        }
        now_.erase(event.path);
        now_[event.path_to] = what;
    }
    void on_answer() {
        if (answers_ >= promises_.size()) {
            ++answers_;
            return;
        }
        const promise_kept& promised = promises_[answers_++];
        const names& kept = durable_[folder_of(promised.path)];
        const auto found = kept.find(promised.path);
        if (promised.gone) {
            if (found != kept.end()) {
                faults_.push_back(promised.path + " may come back");
            }
            return;
        }
        if (found == kept.end() || found->second->durable != promised.content) {
            faults_.push_back(promised.path + " may be lost");
        }
        for (std::string folder = folder_of(promised.path); folder != base_ && !folder.empty();
             folder = folder_of(folder)) {
            if (!durable_[folder_of(folder)].contains(folder)) {
                faults_.push_back("the folder " + folder + " may be lost");
            }
        }
    }

    std::string base_;
    std::vector<promise_kept> promises_;
    std::size_t answers_ = 0;
    std::vector<std::string> faults_;
    names now_;                             // what a running process sees
    std::map<std::string, names> durable_;  // what is found after a loss, by folder
    std::map<int, std::string> opened_;
    std::map<int, std::shared_ptr<node>> by_fd_;
    std::map<std::uint64_t, std::string> syncing_content_;
    std::map<std::uint64_t, names> syncing_names_;
};

}  // namespace drama::testing_support
