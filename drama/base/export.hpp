// SPDX-License-Identifier: Apache-2.0
// What is visible outside drama's own objects; everything else is hidden.
#pragma once

#define DRAMA_API __attribute__((visibility("default")))
