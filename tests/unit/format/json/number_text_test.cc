// SPDX-License-Identifier: Apache-2.0
#include "format/json/number_text.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>

namespace millrace::format {
namespace {

void expect_text(std::int64_t value) {
  char out[32];
  ASSERT_EQ(std::string(out, put_integer(out, value)), std::to_string(value));
  const IntegerText text(value);
  ASSERT_EQ(std::string(out, text.put(out)), std::to_string(value));
  const auto bits = static_cast<std::uint64_t>(value);
  ASSERT_EQ(std::string(out, put_unsigned(out, bits)), std::to_string(bits));
}

TEST(NumberText, AroundEveryPowerOfTenAndTwo) {
  std::uint64_t power = 1;
  for (int i = 0; i < 20; ++i, power *= 10) {
    for (std::int64_t off = -12; off <= 12; ++off) {
      expect_text(static_cast<std::int64_t>(power) + off);
      expect_text(-static_cast<std::int64_t>(power) + off);
    }
    if (power > std::numeric_limits<std::uint64_t>::max() / 10) break;
  }
  for (int bit = 0; bit < 64; ++bit) {
    for (std::int64_t off = -2; off <= 2; ++off)
      expect_text(static_cast<std::int64_t>((1ULL << bit) + static_cast<std::uint64_t>(off)));
  }
  expect_text(std::numeric_limits<std::int64_t>::min());
  expect_text(std::numeric_limits<std::int64_t>::max());
}

TEST(NumberText, EverySmallNumber) {
  for (std::int64_t value = -20'000; value <= 120'000; ++value) expect_text(value);
}

TEST(NumberText, OfEveryLengthAtRandom) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 200'000; ++i) expect_text(static_cast<std::int64_t>(random() >> random() % 64));
}

}  // namespace
}  // namespace millrace::format
