// SPDX-License-Identifier: Apache-2.0
// Only what embeds a link of the list's own tag can stand in it.
// error: (non-const lvalue reference|cannot convert .node. to)
#include "drama/base/intrusive_list.hpp"

struct by_age {};
struct by_name {};
#ifndef DRAMA_FIX
struct node : drama::list_link<by_name> {};
#else
struct node : drama::list_link<by_age> {};
#endif

void use(drama::intrusive_list<node, by_age>& list, node& arriving) {
    list.push_back(arriving);
}
