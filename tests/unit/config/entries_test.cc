// SPDX-License-Identifier: Apache-2.0
#include "config/entries.h"

#include <gtest/gtest.h>

namespace millrace::config {
namespace {

TEST(Override, IsCutAtTheFirstEqualsSign) {
  const absl::StatusOr<Override> override = parse_override(" slot.name = a=b ");
  ASSERT_TRUE(override.ok());
  EXPECT_EQ(override->key, "slot.name");
  EXPECT_EQ(override->value, " a=b ");
}

TEST(Override, NeedsAKeyAndAnEqualsSign) {
  EXPECT_FALSE(parse_override("slot.name").ok());
  EXPECT_FALSE(parse_override("=x").ok());
  EXPECT_FALSE(parse_override("").ok());
  EXPECT_TRUE(parse_override("a=").ok());
}

}  // namespace
}  // namespace millrace::config
