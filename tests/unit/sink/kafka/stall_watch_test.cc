// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/stall_watch.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

TEST(StallWatch, NothingIsDueBeforeThereIsAnything) {
  StallWatch watch;
  EXPECT_FALSE(watch.due(1'000'000 * kSecond));
  EXPECT_FALSE(watch.stalled());
}

TEST(StallWatch, TenSecondsWithoutMoveAreAStallAndAreSaidOnceInHalfAMinute) {
  StallWatch watch;
  watch.moved(100 * kSecond);
  EXPECT_FALSE(watch.due(110 * kSecond - 1));
  EXPECT_FALSE(watch.stalled());
  EXPECT_EQ(watch.next_us(), 110 * kSecond);
  EXPECT_TRUE(watch.due(111 * kSecond));
  EXPECT_TRUE(watch.stalled());
  EXPECT_EQ(watch.seconds(111 * kSecond), 11);
  EXPECT_FALSE(watch.due(112 * kSecond));
  EXPECT_TRUE(watch.stalled()) << "it still stands still";
  EXPECT_TRUE(watch.due(141 * kSecond));
}

TEST(StallWatch, AMoveEndsIt) {
  StallWatch watch;
  watch.moved(100 * kSecond);
  ASSERT_TRUE(watch.due(120 * kSecond));
  watch.moved(121 * kSecond);
  EXPECT_FALSE(watch.stalled());
  EXPECT_FALSE(watch.due(130 * kSecond));
  EXPECT_TRUE(watch.due(131 * kSecond));
  EXPECT_EQ(watch.seconds(131 * kSecond), 10);
}

}  // namespace
}  // namespace millrace
