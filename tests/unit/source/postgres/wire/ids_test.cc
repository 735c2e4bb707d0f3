// SPDX-License-Identifier: Apache-2.0
#include "millrace/source/postgres/ids.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

namespace millrace::postgres {
namespace {

struct LsnText {
  const char* name;
  std::uint64_t value;
  const char* text;
};
class PostgresLsn : public testing::TestWithParam<LsnText> {};

TEST_P(PostgresLsn, IsWrittenAndReadBack) {
  const Lsn lsn{GetParam().value};
  EXPECT_EQ(to_string(lsn), GetParam().text);
  EXPECT_EQ(parse_lsn(GetParam().text), lsn);
}

INSTANTIATE_TEST_SUITE_P(Table, PostgresLsn,
                         testing::Values(LsnText{"zero", 0, "0/0"},
                                         LsnText{"low_half", 0x16B3748, "0/16B3748"},
                                         LsnText{"low_half_full", 0xFFFFFFFF, "0/FFFFFFFF"},
                                         LsnText{"high_half_one", 0x1'00000000, "1/0"},
                                         LsnText{"both", 0xABCDEF12'0000000A, "ABCDEF12/A"},
                                         LsnText{"most", ~0ull, "FFFFFFFF/FFFFFFFF"}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(PostgresLsnText, AcceptsWhatServersWrite) {
  EXPECT_EQ(parse_lsn("0/016b3748"), Lsn{0x16B3748});  // PostgreSQL 19 pads the low half
  EXPECT_EQ(parse_lsn("00000001/00000002"), Lsn{0x1'00000002});
}

TEST(PostgresLsnText, RefusesEverythingElse) {
  for (const char* text : {"", "/", "0", "0/", "/0", "0/0 ", " 0/0", "0/-1", "+1/0", "0x1/0", "0/0x1", "g/0",
                           "0/0/0", "100000000/0", "0/100000000", "000000000/0"}) {
    EXPECT_EQ(parse_lsn(text), std::nullopt) << '"' << text << '"';
  }
  EXPECT_EQ(parse_lsn(std::string_view("0/1\0", 4)), std::nullopt);
}

TEST(PostgresTime, CountsFromTheYear2000) {
  EXPECT_EQ(to_unix_us(PgMicros{0}), 946'684'800'000'000);
  EXPECT_EQ(from_unix_us(946'684'800'000'000), PgMicros{0});
  EXPECT_EQ(to_unix_us(PgMicros{0x0002b57e9397be40}), 1'709'190'000'123'456);  // 2024-02-29 07:00:00.123456Z
  EXPECT_EQ(from_unix_us(1'709'190'000'123'456), PgMicros{0x0002b57e9397be40});
  EXPECT_EQ(to_unix_us(PgMicros{-kPgEpochUnixUs}), 0);
}

TEST(PostgresTime, SaturatesWhereItWouldOverflow) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(to_unix_us(PgMicros{kMax}), kMax);
  EXPECT_EQ(to_unix_us(PgMicros{kMax - kPgEpochUnixUs}), kMax);
  EXPECT_EQ(to_unix_us(PgMicros{kMax - kPgEpochUnixUs - 1}), kMax - 1);
  EXPECT_EQ(to_unix_us(PgMicros{kMin}), kMin + kPgEpochUnixUs);
  EXPECT_EQ(from_unix_us(kMin), PgMicros{kMin});
  EXPECT_EQ(from_unix_us(kMin + kPgEpochUnixUs), PgMicros{kMin});
  EXPECT_EQ(from_unix_us(kMax), PgMicros{kMax - kPgEpochUnixUs});
}

}  // namespace
}  // namespace millrace::postgres
