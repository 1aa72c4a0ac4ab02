// SPDX-License-Identifier: Apache-2.0
// Orders that keep no account: first come first served, strict priority by class, and tenants in
// turn.
#include <deque>

#include "replay/orders/service_order.hpp"

namespace drama::cli {
namespace {

// Whoever's turn it is comes with `next`; lines are first in, first out.
class line_order : public service_order {
  public:
    explicit line_order(std::size_t lines) : lines_(lines) {}
    void refresh(std::uint32_t, duration, instant) override {}
    void finish(std::uint32_t, instant) override {}
    replay_item* start(std::uint32_t, instant) override {
        std::deque<replay_item*>* const line = next();
        if (line == nullptr) {
            return nullptr;
        }
        replay_item* const item = line->front();
        line->pop_front();
        return item;
    }
    std::optional<std::uint32_t> push(replay_item& item, instant now) override {
        item.queued_at = now;
        put(item);
        return std::nullopt;
    }

  protected:
    virtual void put(replay_item& item) = 0;
    /// The line whose first item is next, or nullptr. It is not empty.
    virtual std::deque<replay_item*>* next() = 0;

    std::vector<std::deque<replay_item*>> lines_;
};

class arrival_line final : public line_order {
  public:
    arrival_line() : line_order(1) {}

  private:
    void put(replay_item& item) override { lines_[0].push_back(&item); }
    std::deque<replay_item*>* next() override {
        return lines_[0].empty() ? nullptr : lines_.data();
    }
};

class class_lines final : public line_order {
  public:
    class_lines() : line_order(work_classes) {}

  private:
    void put(replay_item& item) override {
        lines_[static_cast<std::size_t>(item.cls)].push_back(&item);
    }
    std::deque<replay_item*>* next() override {
        for (auto& each : lines_) {
            if (!each.empty()) {
                return &each;
            }
        }
        return nullptr;
    }
};

class tenants_in_turn final : public line_order {
  public:
    explicit tenants_in_turn(const order_setup& setup) : line_order(setup.members.size()) {}

  private:
    void put(replay_item& item) override {
        if (lines_[item.tenant].empty()) {
            turns_.push_back(item.tenant);
        }
        lines_[item.tenant].push_back(&item);
    }
    std::deque<replay_item*>* next() override {
        if (turns_.empty()) {
            return nullptr;
        }
        auto& line = lines_[turns_.front()];
        if (line.size() > 1) {
            turns_.push_back(turns_.front());
        }
        turns_.pop_front();
        return &line;
    }

    std::deque<std::uint32_t> turns_;
};

}  // namespace

std::unique_ptr<service_order> make_simple_order(std::string_view rule, const order_setup& setup) {
    if (rule == "class_priority") {
        return std::make_unique<class_lines>();
    }
    if (rule == "round_robin") {
        return std::make_unique<tenants_in_turn>(setup);
    }
    return std::make_unique<arrival_line>();
}

}  // namespace drama::cli
