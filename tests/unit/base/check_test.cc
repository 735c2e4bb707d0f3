// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"

#include <gtest/gtest.h>

#include <thread>

namespace millrace {
namespace {

TEST(Check, BrokenInvariantStopsTheProgramAndSaysWhich) {
  MILLRACE_CHECK(1 + 1 == 2, "arithmetic");
  EXPECT_DEATH(MILLRACE_CHECK(1 + 1 == 3, "sums are right"),
               "check_test.cc:.*broken invariant: sums are right .1 \\+ 1 == 3");
}

TEST(OwnerCheck, FirstUserOwnsUntilAnotherAdopts) {
  OwnerCheck owner;
  std::thread([&] { owner.check(); }).join();
#ifndef NDEBUG
  EXPECT_DEATH(owner.check(), "does not own it");
#endif
  owner.adopt();
  owner.check();
}

}  // namespace
}  // namespace millrace
