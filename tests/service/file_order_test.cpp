// SPDX-License-Identifier: Apache-2.0
// Files against loss: what reaches the disk before an answer does, and what a put leaves that fails
// or is stopped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "drama/coro/context.hpp"
#include "drama/fs/directory.hpp"
#include "drama/fs/file.hpp"
#include "drama/runtime/world/real_world.hpp"
#include "drama/sim/simulation.hpp"
#include "file_server.hpp"
#include "power_loss.hpp"
#include "recording_world.hpp"
#include "serve/files/file_seal.hpp"

namespace drama {
namespace {

using namespace testing_support;

/// A folder of this test, in the real file system or a simulated one; its world and its recorder.
class place_for_files {
  public:
    explicit place_for_files(const std::string& io) : io_(io) {
        if (io == "simulated") {
            sim_ = std::make_unique<simulation>(seed_or(1));
            base_ = "/tmp";
        } else {
            real_ = std::make_unique<real_world>();
            std::string name =
                (std::filesystem::temp_directory_path() / "drama_files_XXXXXX").string();
            base_ = ::mkdtemp(name.data());
        }
        world& in = sim_ ? static_cast<world&>(sim_->world()) : *real_;
        recording_ = std::make_unique<recording_world>(in, record);
    }
    ~place_for_files() {
        if (real_) {
            std::error_code ignored;
            std::filesystem::remove_all(base_, ignored);
        }
    }
    const std::string& base() const noexcept { return base_; }
    std::string data() const { return base_ + "/data"; }
    std::string io() const { return sim_ ? "auto" : io_; }
    std::string path_of(const std::string& tenant, const std::string& name) const {
        return data() + "/files/t-" + tenant + "/" + name;
    }
    world& in() noexcept { return *recording_; }

    recorder record;

  private:
    std::string io_;
    std::string base_;
    std::unique_ptr<simulation> sim_;
    std::unique_ptr<real_world> real_;
    std::unique_ptr<recording_world> recording_;
};

/// What stands on the disk for content that was put.
std::string sealed(std::string content, const std::string& tenant, const std::string& name) {
    cli::add_seal(content, {"t-" + tenant, name});
    return content;
}

class FileOrder : public ::testing::TestWithParam<std::string> {
  protected:
    FileOrder() : place_(GetParam()), server_(place_.in(), place_.io(), place_.data()) {}
    void SetUp() override {
        if (!server_.start()) {
            GTEST_SKIP() << GetParam() << " cannot be had here";
        }
        ASSERT_EQ(server_.on().io_name(), GetParam());
    }
    /// Puts, replaces and removes; tells what the answers promised.
    std::vector<promise_kept> work() {
        const std::string large(300'000, 'L');
        EXPECT_EQ(server_.ask("PUT", "/files/a", "first").status, 201);
        EXPECT_EQ(server_.ask("PUT", "/files/a", "second").status, 204);
        EXPECT_EQ(server_.ask("PUT", "/files/b", large).status, 201);
        EXPECT_EQ(server_.ask("PUT", "/files/a", "", "other").status, 201);
        EXPECT_EQ(server_.ask("DELETE", "/files/b").status, 204);
        return {{place_.path_of("someone", "a"), sealed("first", "someone", "a")},
                {place_.path_of("someone", "a"), sealed("second", "someone", "a")},
                {place_.path_of("someone", "b"), sealed(large, "someone", "b")},
                {place_.path_of("other", "a"), sealed("", "other", "a")},
                {place_.path_of("someone", "b"), "", true}};
    }
    std::vector<std::string> names_in(const std::string& tenant);

    place_for_files place_;
    file_server server_;
};

INSTANTIATE_TEST_SUITE_P(Everywhere, FileOrder, ::testing::Values("epoll", "uring", "simulated"),
                         [](const auto& given) { return given.param; });

task<result<void>> list_names(std::string folder, std::vector<std::string>* out) {
    DRAMA_CO_TRY(const auto listed, co_await list_directory(std::move(folder)));
    for (const directory_item& each : listed) {
        out->push_back(each.name);
    }
    std::ranges::sort(*out);
    co_return result<void>();
}

std::vector<std::string> FileOrder::names_in(const std::string& tenant) {
    std::vector<std::string> names;
    runtime& rt = server_.on();
    const std::string folder = place_.data() + "/files/t-" + tenant;
    EXPECT_TRUE(rt.sync_wait(rt.tenants().system(), list_names, folder, &names));
    return names;
}

TEST_P(FileOrder, AnAnswerOfSuccessSurvivesALossOfPower) {
    auto promises = work();

    power_loss judge(place_.base(), promises);

    EXPECT_THAT(judge.judge(place_.record.events()), ::testing::IsEmpty());
}

std::vector<disk_event> without(std::vector<disk_event> events, op_code left_out) {
    std::erase_if(events, [&](const disk_event& each) { return each.code == left_out; });
    return events;
}

TEST_P(FileOrder, TheJudgeMissesEachStepThatIsLeftOut) {
    auto promises = work();
    const auto events = place_.record.events();

    for (const op_code each : {op_code::fdatasync, op_code::fsync, op_code::rename}) {
        power_loss judge(place_.base(), promises);
        EXPECT_THAT(judge.judge(without(events, each)), ::testing::Not(::testing::IsEmpty()))
            << name_of(each);
    }
    // The first sync of the folder of all files is what makes a tenant's folder durable.
    auto cut = events;
    for (const disk_event& each : events) {
        if (each.code == op_code::open && each.is_end && each.path == place_.data() + "/files") {
            const int fd = static_cast<int>(each.outcome);
            const auto next = std::ranges::find_if(cut, [&](const disk_event& other) {
                return other.code == op_code::fsync && other.fd == fd && other.number > each.number;
            });
            ASSERT_NE(next, cut.end());
            const std::uint64_t number = next->number;
            std::erase_if(cut, [&](const disk_event& other) { return other.number == number; });
        }
    }
    power_loss judge(place_.base(), promises);
    EXPECT_THAT(judge.judge(cut),
                ::testing::Contains("the folder " + place_.data() + "/files/t-other may be lost"));
}

TEST_P(FileOrder, APutThatFailsLeavesTheOldVersionAndNoTemporaryFile) {
    struct fault {
        op_code at;
        int error;
        int status;
    };
    const std::vector<fault> faults{
        {op_code::open, ENOSPC, 507},      {op_code::open, EMFILE, 500},
        {op_code::write_at, ENOSPC, 507},  {op_code::write_at, EIO, 500},
        {op_code::fdatasync, EDQUOT, 507}, {op_code::fdatasync, EIO, 500},
        {op_code::rename, ENOSPC, 507},    {op_code::rename, EIO, 500}};
    ASSERT_EQ(server_.ask("PUT", "/files/kept", "old").status, 201);
    for (const fault& each : faults) {
        place_.record.set_fault(
            [&](const disk_event& event) { return event.code == each.at ? each.error : 0; });
        EXPECT_EQ(server_.ask("PUT", "/files/kept", "new").status, each.status)
            << name_of(each.at) << " " << each.error;
        place_.record.set_fault(nullptr);

        EXPECT_EQ(server_.ask("GET", "/files/kept").body, "old") << name_of(each.at);
        EXPECT_EQ(names_in("someone"), std::vector<std::string>{"kept"}) << name_of(each.at);
    }
    EXPECT_EQ(server_.ask("PUT", "/files/kept", "new").status, 204);
    EXPECT_EQ(server_.ask("GET", "/files/kept").body, "new");
}

TEST_P(FileOrder, APutWhoseFolderCannotBeMadeDurableIsNoSuccess) {
    place_.record.set_fault(
        [](const disk_event& event) { return event.code == op_code::fsync ? EIO : 0; });
    EXPECT_EQ(server_.ask("PUT", "/files/a", "x").status, 500);
    EXPECT_EQ(server_.ask("GET", "/files/a").status, 404);
    place_.record.set_fault(nullptr);

    // The folder is there by now, but the next put must not take it for durable.
    EXPECT_EQ(server_.ask("PUT", "/files/a", "y").status, 201);

    power_loss judge(place_.base(),
                     {{place_.path_of("someone", "a"), sealed("y", "someone", "a")}});
    EXPECT_THAT(judge.judge(place_.record.events()), ::testing::IsEmpty());
}

TEST_P(FileOrder, AFolderThatSomebodyRemovedIsMadeAgain) {
    ASSERT_EQ(server_.ask("PUT", "/files/a", "x").status, 201);
    ASSERT_EQ(server_.ask("DELETE", "/files/a").status, 204);
    runtime& rt = server_.on();
    const auto remove = [](std::string folder) -> task<result<void>> {
        co_return co_await remove_directory(std::move(folder));
    };
    ASSERT_TRUE(rt.sync_wait(rt.tenants().system(), remove, place_.data() + "/files/t-someone"));

    EXPECT_EQ(server_.ask("PUT", "/files/a", "y").status, 201);
    EXPECT_EQ(server_.ask("GET", "/files/a").body, "y");
}

TEST_P(FileOrder, LeftoversOfAnEarlierProcessAreRemovedAtStart) {
    ASSERT_EQ(server_.ask("PUT", "/files/kept", "x").status, 201);
    runtime& rt = server_.on();
    const auto leave = [](std::string path) -> task<result<void>> {
        const open_options options{.access = file_access::write_only, .create = true};
        auto opened = co_await file::open(std::move(path), options);
        co_return opened ? result<void>() : fail(opened.error());
    };
    const std::string leftover = place_.path_of("someone", ".drama-put-1-1");
    ASSERT_TRUE(rt.sync_wait(rt.tenants().system(), leave, leftover));
    ASSERT_EQ(names_in("someone").size(), 2U);

    cli::file_store next(place_.data());
    ASSERT_TRUE(rt.sync_wait(rt.tenants().system(), prepare_store, &next));

    EXPECT_EQ(names_in("someone"), std::vector<std::string>{"kept"});
}

}  // namespace
}  // namespace drama
