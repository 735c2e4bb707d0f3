// SPDX-License-Identifier: Apache-2.0
#include "runtime/clock.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <thread>

namespace millrace {
namespace {

TEST(SystemClock, MonotonicMovesForwardAndRealtimeIsUnixTime) {
  const Clock& clock = system_clock();
  const std::int64_t before = clock.monotonic_us();
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_GE(clock.monotonic_us() - before, 2'000);
  EXPECT_LE(std::abs(monotonic_us() - clock.monotonic_us()), 1'000'000);
  const auto unix_us = std::chrono::duration_cast<std::chrono::microseconds>(
                           std::chrono::system_clock::now().time_since_epoch())
                           .count();
  EXPECT_LE(std::abs(clock.realtime_us() - unix_us), 1'000'000);
}

}  // namespace
}  // namespace millrace
