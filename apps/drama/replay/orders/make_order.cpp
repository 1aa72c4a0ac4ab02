// SPDX-License-Identifier: Apache-2.0
// Names of orders to orders.
#include "replay/orders/service_order.hpp"

namespace drama::cli {

std::unique_ptr<service_order> make_order(std::string_view name, const order_setup& setup) {
    if (name == "drama") {
        return setup.id == queue_id::async ? make_drama_turns(setup) : make_drama_functions(setup);
    }
    if (name == "eevdf") {
        return make_global_eevdf(setup);
    }
    if (name == "wfq" || name == "wf2q" || name == "sfq" || name == "2dfq") {
        return make_tag_order(name, setup);
    }
    return make_simple_order(name, setup);
}

}  // namespace drama::cli
