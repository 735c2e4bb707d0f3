// SPDX-License-Identifier: Apache-2.0
#include "millrace/source/postgres/tuple.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "support/hex.h"

namespace millrace::postgres {
namespace {

using test::ExactBytes;

DecodeError walk(const ExactBytes& body, std::span<FieldView> out) {
  Cursor in(body.span());
  walk_tuple(in, out);
  return in.finish();
}

TEST(PostgresTuple, EveryKindOfColumn) {
  const ExactBytes body("0004 6e 75 74 00000003 'abc' 62 00000002 0102");
  std::array<FieldView, 4> fields;
  ASSERT_FALSE(walk(body, fields));
  EXPECT_TRUE(fields[0].is_null());
  EXPECT_FALSE(fields[0].has_value());
  EXPECT_EQ(fields[1].kind, FieldKind::kUnchanged);
  EXPECT_EQ(fields[2].kind, FieldKind::kText);
  EXPECT_EQ(fields[2].text(), "abc");
  EXPECT_EQ(fields[2].bytes().data(), body.span().data() + 9);
  EXPECT_EQ(fields[3].kind, FieldKind::kBinary);
  EXPECT_EQ(fields[3].text(), "\x01\x02");
}

TEST(PostgresTuple, UnchangedToastColumnCarriesNoBytes) {
  const ExactBytes body("0002 75 74 00000001 'x'");
  std::array<FieldView, 2> fields;
  ASSERT_FALSE(walk(body, fields));
  EXPECT_EQ(fields[0].kind, FieldKind::kUnchanged);
  EXPECT_EQ(fields[0].size, 0u);
  EXPECT_FALSE(fields[0].is_null());
}

TEST(PostgresTuple, EmptyTextIsNotNull) {
  const ExactBytes body("0001 74 00000000");
  std::array<FieldView, 1> fields;
  ASSERT_FALSE(walk(body, fields));
  EXPECT_EQ(fields[0].kind, FieldKind::kText);
  EXPECT_EQ(fields[0].text(), "");
}

TEST(PostgresTuple, MayHaveNoColumns) { EXPECT_FALSE(walk(ExactBytes("0000"), {})); }

// Near the body's end the walk goes another way: kinds without a value in the last four bytes, in every
// number.
TEST(PostgresTuple, EndsInAnyNumberOfValuelessColumns) {
  for (std::size_t nulls = 0; nulls <= 8; ++nulls) {
    std::vector<std::byte> bytes = test::from_hex("0000 74 00000002 'hi'");
    bytes[1] = static_cast<std::byte>(nulls + 1);
    for (std::size_t i = 0; i < nulls; ++i)
      bytes.push_back(std::byte{i % 2 == 0 ? std::uint8_t{'n'} : std::uint8_t{'u'}});
    const ExactBytes body{std::span<const std::byte>(bytes)};
    std::vector<FieldView> fields(nulls + 1);
    ASSERT_FALSE(walk(body, fields)) << nulls;
    EXPECT_EQ(fields[0].text(), "hi");
    for (std::size_t i = 0; i < nulls; ++i) {
      EXPECT_EQ(fields[i + 1].kind, i % 2 == 0 ? FieldKind::kNull : FieldKind::kUnchanged) << nulls;
    }
  }
}

TEST(PostgresTuple, SixteenHundredColumns) {
  std::vector<std::byte> bytes = test::from_hex("0640");
  for (int i = 0; i < 1600; ++i) {
    const auto column = test::from_hex("74 00000001 'x'");
    bytes.insert(bytes.end(), column.begin(), column.end());
  }
  const ExactBytes body{std::span<const std::byte>(bytes)};
  std::vector<FieldView> fields(1600);
  ASSERT_FALSE(walk(body, fields));
  EXPECT_EQ(fields[1599].text(), "x");
}

TEST(PostgresTuple, LeavesTheCursorBehindIt) {
  const ExactBytes body("0001 74 00000002 'hi' 4e");
  Cursor in(body.span());
  std::array<FieldView, 1> fields;
  walk_tuple(in, fields);
  EXPECT_EQ(in.byte_offset(), 9u);
  EXPECT_EQ(in.u8(), 'N');
  EXPECT_FALSE(in.finish());
}

TEST(PostgresTuple, CutAnywhereIsTruncated) {
  const ExactBytes whole("0004 6e 75 74 00000003 'abc' 62 00000002 0102");
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const ExactBytes body = whole.cut_at(n);
    std::array<FieldView, 4> fields;
    EXPECT_EQ(walk(body, fields).reason, Reason::kTruncated) << n;
  }
}

struct BadTuple {
  const char* name;
  const char* hex;
  Reason reason;
  std::uint32_t byte_offset;
};
class RejectsTuple : public testing::TestWithParam<BadTuple> {};

TEST_P(RejectsTuple, WithReasonAndOffset) {
  const ExactBytes body(GetParam().hex);
  std::array<FieldView, 2> fields;
  EXPECT_EQ(walk(body, fields), (DecodeError{GetParam().reason, GetParam().byte_offset}));
}

INSTANTIATE_TEST_SUITE_P(
    Table, RejectsTuple,
    testing::Values(BadTuple{"empty", "", Reason::kTruncated, 0},
                    BadTuple{"count_cut", "00", Reason::kTruncated, 0},
                    BadTuple{"one_column_less", "0001 6e", Reason::kColumnCountMismatch, 0},
                    BadTuple{"one_column_more", "0003 6e 6e 6e", Reason::kColumnCountMismatch, 0},
                    BadTuple{"count_negative", "ffff 6e 6e", Reason::kColumnCountMismatch, 0},
                    BadTuple{"no_columns", "0002", Reason::kTruncated, 2},
                    BadTuple{"second_column_missing", "0002 6e", Reason::kTruncated, 3},
                    BadTuple{"kind_x_early", "0002 78 74 00000004 'abcd'", Reason::kBadColumnKind, 2},
                    BadTuple{"kind_x_late", "0002 6e 78", Reason::kBadColumnKind, 3},
                    BadTuple{"kind_upper_case", "0002 54 00000004 'abcd' 6e", Reason::kBadColumnKind, 2},
                    BadTuple{"kind_zero", "0002 00 00000004 'abcd' 6e", Reason::kBadColumnKind, 2},
                    BadTuple{"length_missing", "0002 6e 74", Reason::kTruncated, 4},
                    BadTuple{"length_cut", "0002 6e 74 000000", Reason::kTruncated, 4},
                    BadTuple{"length_negative", "0002 74 ffffffff 'abcd' 6e", Reason::kBadLength, 3},
                    BadTuple{"length_least_negative", "0002 62 80000000 'abcd' 6e", Reason::kBadLength, 3},
                    BadTuple{"length_most", "0002 74 7fffffff 'abcd' 6e", Reason::kTruncated, 7},
                    BadTuple{"length_one_too_many", "0002 6e 74 00000003 'ab'", Reason::kTruncated, 8},
                    BadTuple{"trailing", "0002 6e 6e 6e", Reason::kTrailingBytes, 4},
                    BadTuple{"trailing_value", "0002 6e 74 00000001 'ab'", Reason::kTrailingBytes, 9}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(PostgresTuple, FailedCursorStaysFailed) {
  const ExactBytes body("0001 6e");
  Cursor in(body.span());
  in.fail(Reason::kBadFlags, 7);
  std::array<FieldView, 1> fields;
  walk_tuple(in, fields);
  EXPECT_EQ(in.finish(), (DecodeError{Reason::kBadFlags, 7}));
}

}  // namespace
}  // namespace millrace::postgres
