// SPDX-License-Identifier: Apache-2.0
// What decides which item a server runs next: drama's policies and the classic ones stand behind
// this one interface, so that a workload meets each of them in the same way.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "drama/sched/pool_order.hpp"
#include "drama/sched/tenant_share.hpp"

namespace drama::cli {

/// A piece of work of one tenant, in one queue at a time.
struct replay_item : pool_item {
    std::uint32_t tenant = 0;
    std::uint32_t stage = 0;
    duration cost{};    ///< in the present queue
    instant arrived{};  ///< at its first queue
    instant started{};  ///< in the present queue
};

/// What an order may know of a tenant.
struct order_member {
    tenant_share* share = nullptr;  ///< drama's account
    double weight = 1;              ///< with that of its groups
};

struct order_setup {
    std::span<const order_member> members;
    std::span<const service_rates> rates;  ///< of the members, in this queue
    share_ledger* ledger = nullptr;        ///< where groups or several resources count
    std::uint32_t servers = 1;
    queue_id id = queue_id::compute;
    bool knows_costs = false;
    std::uint64_t seed = 1;
};

/// Decides for the servers of one queue. A server runs one item at a time: start, refresh any
/// number of times, finish.
class service_order {
  public:
    virtual ~service_order() = default;

    /// Queues `item`; the server that had better look for work, or nullopt: any that idles.
    virtual std::optional<std::uint32_t> push(replay_item& item, instant now) = 0;
    /// What `server` runs next, or nullptr; it idles then.
    virtual replay_item* start(std::uint32_t server, instant now) = 0;
    /// `server` has spent `used` on its item so far.
    virtual void refresh(std::uint32_t server, duration used, instant now) = 0;
    /// `server` is done with its item.
    virtual void finish(std::uint32_t server, instant now) = 0;
    /// When a server that found nothing had better look again, though nothing comes.
    virtual instant next_allowed() const { return never; }
};

/// Requires: `name` is one of order_names().
std::unique_ptr<service_order> make_order(std::string_view name, const order_setup& setup);

// Used by make_order().
std::unique_ptr<service_order> make_drama_turns(const order_setup& setup);
std::unique_ptr<service_order> make_drama_functions(const order_setup& setup);
std::unique_ptr<service_order> make_tag_order(std::string_view rule, const order_setup& setup);
std::unique_ptr<service_order> make_simple_order(std::string_view rule, const order_setup& setup);
std::unique_ptr<service_order> make_global_eevdf(const order_setup& setup);

}  // namespace drama::cli
