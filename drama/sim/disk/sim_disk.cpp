// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/disk/sim_disk.hpp"

#include <utility>

#include <fcntl.h>

#include "drama/base/assert.hpp"
#include "drama/sim/disk/internal/sim_files.hpp"

namespace drama::inline v0 {
namespace {

std::string text_of(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

sim_disk::sim_disk(sim_network& network, std::string machine, std::uint64_t seed)
    : files_(std::make_unique<internal::sim_files>(network, std::move(machine), seed)) {
}

sim_disk::~sim_disk() = default;

disk_options& sim_disk::options() noexcept {
    return files_->options();
}

void sim_disk::crash() {
    files_->end_life(true);
}

void sim_disk::end_process() {
    files_->end_life(false);
}

void sim_disk::crash_at(std::uint64_t k) noexcept {
    files_->crash_at(k);
}

void sim_disk::release_stuck() noexcept {
    files_->release_stuck();
}

void sim_disk::on_crash(std::function<void()> call) {
    files_->on_crash(std::move(call));
}

std::uint64_t sim_disk::crashes() const noexcept {
    return files_->crashes();
}

std::uint64_t sim_disk::operations() const noexcept {
    return files_->operations();
}

std::optional<std::string> sim_disk::content(std::string_view path) const {
    const auto node = files_->tree().find(path);
    if (node == nullptr || node->is_directory) {
        return std::nullopt;
    }
    return text_of(node->content.seen());
}

std::optional<std::string> sim_disk::durable_content(std::string_view path) const {
    const auto node = files_->tree().find(path);
    if (node == nullptr || node->is_directory) {
        return std::nullopt;
    }
    return text_of(node->content.durable());
}

std::vector<std::string> sim_disk::names(std::string_view path) const {
    std::vector<std::string> found;
    if (const auto node = files_->tree().find(path)) {
        for (const auto& [name, each] : node->names) {
            found.push_back(name);
        }
    }
    return found;
}

void sim_disk::put(std::string_view path, std::string_view content) {
    internal::file_tree& tree = files_->tree();
    for (auto slash = path.find('/', 1); slash != std::string_view::npos;
         slash = path.find('/', slash + 1)) {
        tree.make_directory(path.substr(0, slash), 0755);
    }
    std::shared_ptr<internal::file_node> node;
    const auto opened = tree.open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644, node);
    DRAMA_ASSERT(opened == 0, "a file of the simulated disk cannot be put there");
    node->content.write(0, std::as_bytes(std::span(content)));
    tree.sync_all();
}

}  // namespace drama::inline v0
