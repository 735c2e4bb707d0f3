// SPDX-License-Identifier: Apache-2.0
#include "cli/quantities.h"

#include <gtest/gtest.h>

#include <limits>

namespace millrace::cli {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

TEST(Quantities, Counts) {
  const std::pair<std::uint64_t, const char*> table[] = {
      {0, "0"},          {999, "999"},        {1000, "1.0k"},        {1249, "1.2k"},
      {99'949, "99.9k"}, {99'950, "100k"},    {999'499, "999k"},     {999'949, "1000k"},
      {999'950, "1.0M"}, {1'000'000, "1.0M"}, {34'500'000, "34.5M"}, {1'000'000'000, "1.0G"},
      {kMost, "18447P"}};
  for (const auto& [count, text] : table) EXPECT_EQ(short_count(count), text) << count;
}

TEST(Quantities, Bytes) {
  const std::pair<std::uint64_t, const char*> table[] = {{0, "0 B"},
                                                         {1023, "1023 B"},
                                                         {1024, "1.0 KiB"},
                                                         {1536, "1.5 KiB"},
                                                         {102'348, "99.9 KiB"},
                                                         {102'400, "100 KiB"},
                                                         {1 << 20, "1.0 MiB"},
                                                         {21'582'000'000, "20.1 GiB"},
                                                         {kMost, "16384 PiB"}};
  for (const auto& [bytes, text] : table) EXPECT_EQ(short_bytes(bytes), text) << bytes;
}

TEST(Quantities, Durations) {
  const std::pair<std::uint64_t, const char*> table[] = {{0, "0 ms"},
                                                         {999, "999 ms"},
                                                         {1000, "1.0 s"},
                                                         {3499, "3.4 s"},
                                                         {59'999, "59.9 s"},
                                                         {60'000, "1:00"},
                                                         {306'000, "5:06"},
                                                         {3'599'999, "59:59"},
                                                         {3'600'000, "1:00:00"},
                                                         {3'723'000, "1:02:03"},
                                                         {86'399'999, "23:59:59"},
                                                         {86'400'000, "1d 00:00"},
                                                         {363'960'000, "4d 05:06"}};
  for (const auto& [ms, text] : table) EXPECT_EQ(short_duration_ms(ms), text) << ms;
}

}  // namespace
}  // namespace millrace::cli
