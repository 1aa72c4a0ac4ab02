// SPDX-License-Identifier: Apache-2.0
// Databases of tenants against the disk and the power: SQLite on drama's file operations, in
// simulated worlds. What was answered is there afterwards, and each transaction whole or not at
// all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"
#include "serve/durable_folder.hpp"
#include "serve/sql/sql_store.hpp"

namespace drama {
namespace {

using cli::sql_answer;

constexpr int clients = 3;
constexpr int rounds = 3;
constexpr const char* data = "/tmp/data";

/// A runtime with its databases.
class bank {
  public:
    explicit bank(simulation& sim) : rt_(sim.world(), quiet()), store_(rt_, data, {}) {}
    ~bank() { end(); }

    result<void> start() {
        if (auto started = rt_.start(); !started) {
            return started;
        }
        return rt_.sync_wait(rt_.tenants().system(), prepare, &store_);
    }
    void end() { EXPECT_TRUE(rt_.stop()); }
    runtime& on() noexcept { return rt_; }
    cli::sql_store& store() noexcept { return store_; }
    result<sql_answer> run(const std::string& payer, const std::string& text) {
        return rt_.sync_wait(rt_.tenants().get_or_create(payer), run_text, &store_, payer, text);
    }
    static task<result<sql_answer>> run_text(cli::sql_store* store, std::string payer,
                                             std::string text) {
        const tenant of = this_runtime().tenants().get_or_create(payer);
        auto running = store->run(of, "t-" + payer, text, duration(1h));
        co_return co_await std::move(running);
    }

  private:
    static runtime_options quiet() {
        runtime_options made;
        made.workers = 2;
        made.log = [](const std::string&) {};
        made.on_stall = [](const stall_report&) {};
        return made;
    }
    static task<result<void>> prepare(cli::sql_store* store) {
        auto making = cli::make_durable_folder(data);
        if (auto made = co_await std::move(making); !made) {
            co_return made;
        }
        auto preparing = store->prepare();
        co_return co_await std::move(preparing);
    }

    runtime rt_;
    cli::sql_store store_;
};

/// What clients have written: pairs n and -n, each in one body.
struct ledger {
    simulation sim;
    int numbers = 0;
    std::map<std::string, std::set<int>> answered;
    std::map<std::string, std::set<int>> sent;
    std::vector<std::string> wrong;

    explicit ledger(std::uint64_t seed) : sim(seed) {}
    bool is_down() { return sim.disk().crashes() != 0; }
};

task<result<void>> client(bank* at, ledger* in, std::string payer) {
    for (int i = 0; i != rounds && !in->is_down(); ++i) {
        const int number = ++in->numbers;
        in->sent[payer].insert(number);
        const std::string text =
            "CREATE TABLE IF NOT EXISTS log(n INTEGER, pad TEXT);INSERT INTO "
            "log VALUES(" +
            std::to_string(number) +
            ",hex(zeroblob(3000)));INSERT INTO log "
            "VALUES(" +
            std::to_string(-number) + ",'')";
        auto running = bank::run_text(&at->store(), payer, text);
        auto ran = co_await std::move(running);
        if (ran && ran->how == sql_answer::outcome::done && !in->is_down()) {
            in->answered[payer].insert(number);
        }
    }
    co_return result<void>();
}

/// The numbers in an answer of `SELECT n FROM log`: `{"results":[{...,"rows":[[1],[-1]]}],...`.
std::set<int> numbers_in(const std::string& json) {
    std::set<int> found;
    const std::size_t begin = json.find("\"rows\":[") + 8;
    const std::string rows = json.substr(begin, json.find("]]", begin) - begin);
    for (std::size_t at = rows.find('['); at != std::string::npos; at = rows.find('[', at + 1)) {
        found.insert(std::atoi(rows.c_str() + at + 1));
    }
    return found;
}

void judge(ledger& in, const std::string& payer, const std::set<int>& found) {
    for (const int number : in.answered[payer]) {
        if (!found.contains(number)) {
            in.wrong.push_back(payer + " lost " + std::to_string(number));
        }
    }
    for (const int number : found) {
        if (!found.contains(-number)) {
            in.wrong.push_back(payer + " has half of " + std::to_string(number));
        }
        if (!in.sent[payer].contains(std::abs(number))) {
            in.wrong.push_back(payer + " has " + std::to_string(number) + " of nobody");
        }
    }
}

void look_afterwards(ledger& in) {
    bank at(in.sim);
    ASSERT_TRUE(at.start());
    for (const auto& [payer, sent] : in.sent) {
        auto rows = at.run(payer, "SELECT n FROM log");
        ASSERT_TRUE(rows) << rows.error().message();
        if (rows->how == sql_answer::outcome::refused) {
            EXPECT_THAT(rows->text, ::testing::HasSubstr("no such table"));
            judge(in, payer, {});
            continue;
        }
        ASSERT_EQ(rows->how, sql_answer::outcome::done) << rows->text;
        judge(in, payer, numbers_in(rows->text));
    }
}

struct outcome {
    bool crashed = false;
    std::size_t answered = 0;
    std::uint64_t faults = 0;
    std::vector<std::string> wrong;
};

template <class Prepare>
outcome run(std::uint64_t seed, std::uint64_t crash_at, Prepare prepare) {
    ledger in(seed);
    {
        bank at(in.sim);
        EXPECT_TRUE(at.start());
        prepare(in.sim);
        in.sim.disk().crash_at(crash_at);
        std::vector<join_handle<result<void>>> all;
        runtime& rt = at.on();
        for (int i = 0; i != clients; ++i) {
            const char* const payer = i == 0 ? "red" : "blue";
            const tenant pays = rt.tenants().get_or_create("client");
            all.push_back(*rt.try_spawn(pays, client, &at, &in, std::string(payer)));
        }
        for (auto& each : all) {
            EXPECT_TRUE(rt.sync_wait(std::move(each)));
        }
    }
    outcome seen{in.is_down(), 0, in.sim.faults().log().size(), {}};
    in.sim.faults().clear();
    in.sim.disk().crash_at(0);
    if (!seen.crashed) {
        in.sim.disk().crash();
    }
    look_afterwards(in);
    for (const auto& [payer, numbers] : in.answered) {
        seen.answered += numbers.size();
    }
    EXPECT_EQ(in.sim.leftovers(), "") << in.sim.replay();
    seen.wrong = std::move(in.wrong);
    return seen;
}

constexpr auto as_it_is = [](simulation&) {};

TEST(SqlCrash, AfterEachDiskOperationEveryAnsweredTransactionIsFoundWhole) {
    const std::uint64_t first = seed_or(1);
    std::size_t crashes = 0;
    for (std::uint64_t seed = first; seed != first + 2; ++seed) {
        for (std::uint64_t k = 1;; ++k) {
            const outcome seen = run(seed, k, as_it_is);
            ASSERT_THAT(seen.wrong, ::testing::IsEmpty())
                << replay_line(seed) << ", power lost at operation " << k;
            if (!seen.crashed) {
                EXPECT_EQ(seen.answered, static_cast<std::size_t>(clients * rounds));
                break;
            }
            ++crashes;
        }
    }
    EXPECT_GT(crashes, 100U);
}

TEST(SqlCrash, ADiskThatLiesAboutItsSyncsIsFoundOut) {
    const std::uint64_t first = seed_or(1);
    std::size_t found = 0;
    for (std::uint64_t seed = first; seed != first + 10; ++seed) {
        found += run(seed, 0,
                     [](simulation& sim) {
                         sim.disk().options().lies_about_syncs = true;
                         sim.disk().options().keeps = crash_law::nothing;
                     }).wrong.empty()
                     ? 0
                     : 1;
    }
    EXPECT_EQ(found, 10U) << "the judge of this file would not notice a lost transaction";
}

TEST(SqlFaults, EachAtManyPointsOnceLosesNothingThatWasAnswered) {
    struct mishap {
        fault_kind kind;
        std::int64_t value;
        bool lasts = false;
    };
    const std::vector<mishap> mishaps{
        {fault_kind::disk_error, EIO},           {fault_kind::disk_error, EIO, true},
        {fault_kind::disk_full, ENOSPC},         {fault_kind::disk_full, EROFS, true},
        {fault_kind::disk_short_transfer, 1000}, {fault_kind::disk_interrupted, EINTR},
        {fault_kind::sync_error_forgotten, EIO}, {fault_kind::sync_error_per_fd, EIO},
        {fault_kind::sync_error_for_ever, EIO}};
    const std::uint64_t seed = seed_or(1);
    for (const mishap& each : mishaps) {
        std::uint64_t fired = 0;
        for (std::uint64_t k = 1; k < 80; k += each.lasts ? 9 : 3) {
            const outcome seen = run(seed + k, 0, [&](simulation& sim) {
                sim.disk().options().keeps = k % 2 == 0 ? crash_law::nothing : crash_law::by_seed;
                sim.faults().add({.kind = each.kind,
                                  .when = each.lasts ? from(k) : nth(k),
                                  .value = each.value});
            });
            EXPECT_THAT(seen.wrong, ::testing::IsEmpty()) << name_of(each.kind) << " at " << k;
            fired += seen.faults;
        }
        EXPECT_GT(fired, 3U) << name_of(each.kind);
    }
}

}  // namespace
}  // namespace drama
