// SPDX-License-Identifier: Apache-2.0
// A copied list would link nodes that are in another list: lists neither copy nor move.
// error: deleted
#include "drama/base/intrusive_list.hpp"

struct node : drama::list_link<> {};

bool use(drama::intrusive_list<node>& mine) {
#ifndef DRAMA_FIX
    drama::intrusive_list<node> other(mine);
#else
    drama::intrusive_list<node> other;
    other.splice_back(mine);
#endif
    return other.empty();
}
