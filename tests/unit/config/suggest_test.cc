// SPDX-License-Identifier: Apache-2.0
#include "config/suggest.h"

#include <gtest/gtest.h>

#include <array>

namespace millrace::config {
namespace {

TEST(EditDistance, CountsSwapsAsOne) {
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", "abc"), 0U);
  EXPECT_EQ(edit_distance("abc", "acb"), 1U);
  EXPECT_EQ(edit_distance("abcd", "badc"), 2U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(Nearest, FindsWhatWasMeant) {
  constexpr std::array<std::string_view, 4> kKnown = {"slot.name", "slot.failover", "memory.limit", "name"};
  EXPECT_EQ(nearest("slot.nmae", kKnown), "slot.name");
  EXPECT_EQ(nearest("SLOT_NAME", kKnown), "slot.name");
  EXPECT_EQ(nearest("memorylimit", kKnown), "memory.limit");
  EXPECT_EQ(nearest("nam", kKnown), "name");
  EXPECT_EQ(nearest("zzz", kKnown), "");
  EXPECT_EQ(nearest("", kKnown), "");
  EXPECT_EQ(nearest(std::string(1'000'000, 'a'), kKnown), "");
}

}  // namespace
}  // namespace millrace::config
