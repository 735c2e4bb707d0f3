// SPDX-License-Identifier: Apache-2.0
#include "config/scalars.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::config {
namespace {

TEST(Scalars, IntegersAreDigitsAndFit) {
  EXPECT_EQ(parse_integer(" 12 "), 12);
  EXPECT_EQ(parse_integer("-1"), -1);
  EXPECT_EQ(parse_integer("+7"), 7);
  EXPECT_EQ(parse_integer("9223372036854775807"), INT64_MAX);
  for (const char* bad : {"", "-", "+", "+-1", "1.0", "1e3", "0x10", "1 2", "9223372036854775808", "ten"}) {
    EXPECT_EQ(parse_integer(bad), std::nullopt) << bad;
  }
}

TEST(Scalars, BytesHaveUnits) {
  EXPECT_EQ(parse_bytes("0"), 0U);
  EXPECT_EQ(parse_bytes("64 MiB"), 64U << 20);
  EXPECT_EQ(parse_bytes("64mib"), 64U << 20);
  EXPECT_EQ(parse_bytes("1kB"), 1000U);
  EXPECT_EQ(parse_bytes("18446744073709551615"), UINT64_MAX);
  for (const char* bad :
       {"", "-1", "MiB", "1.5 GiB", "1 M", "18446744073709551616", "18446744073709551615 KiB"}) {
    EXPECT_EQ(parse_bytes(bad), std::nullopt) << bad;
  }
}

TEST(Scalars, BytesAreShownExactly) {
  EXPECT_EQ(format_bytes(0), "0");
  EXPECT_EQ(format_bytes(1536), "1536");
  EXPECT_EQ(format_bytes(1536ULL << 10), "1536 KiB");
  EXPECT_EQ(format_bytes(1ULL << 40), "1 TiB");
}

TEST(Scalars, BooleansAreTwoWords) {
  EXPECT_EQ(parse_bool("true"), true);
  EXPECT_EQ(parse_bool(" FALSE"), false);
  for (const char* bad : {"", "yes", "on", "1", "truer"}) EXPECT_EQ(parse_bool(bad), std::nullopt) << bad;
}

TEST(Scalars, WordsAreTrimmed) {
  EXPECT_THAT(split_words(" a, ,b ,"), testing::ElementsAre("a", "b"));
  EXPECT_THAT(split_words(""), testing::IsEmpty());
}

}  // namespace
}  // namespace millrace::config
