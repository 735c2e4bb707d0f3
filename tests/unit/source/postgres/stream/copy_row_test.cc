// SPDX-License-Identifier: Apache-2.0
// Lines of COPY as the Inserts that the stream would have sent.
#include "source/postgres/stream/copy_row.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "reference/postgres_reference.h"
#include "support/hex.h"

namespace millrace::test {
namespace {

namespace ref = reference::postgres;
using postgres::rewrite_copy_row;

std::span<const std::byte> bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// "a|-|b": fields by bars, - for NULL; what failed otherwise.
std::string rewritten(const std::string& line, std::size_t columns) {
  const ExactBytes in(bytes(line));
  std::vector<std::byte> out(postgres::copy_row_bytes(line.size(), columns), std::byte{0xE7});
  std::size_t written = 0;
  const DecodeError error = rewrite_copy_row(in.span(), 77, columns, out, written);
  if (error) return std::string(to_string(error.reason)) + " at " + std::to_string(error.byte_offset);
  ref::Context context;
  context.columns[77] = columns;
  const auto message =
      ref::decode_message(std::string(reinterpret_cast<const char*>(out.data()), written), context);
  if (!message || message->type != 'I' || message->oid != 77) return "no Insert";
  std::string told;
  for (const ref::Field& field : message->new_fields) {
    if (!told.empty()) told += "|";
    told += field.kind == 'n' ? "-" : "<" + field.value + ">";
  }
  return told;
}

struct Line {
  const char* name;
  std::string line;
  std::size_t columns;
  std::string row;
};
class CopyRow : public testing::TestWithParam<Line> {};
TEST_P(CopyRow, BecomesAnInsert) {
  EXPECT_EQ(rewritten(GetParam().line, GetParam().columns), GetParam().row);
}

std::string fails(Reason reason, std::size_t at) {
  return std::string(to_string(reason)) + " at " + std::to_string(at);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, CopyRow,
    testing::Values(Line{"one", "1\n", 1, "<1>"}, Line{"three", "1\tx y\t\n", 3, "<1>|<x y>|<>"},
                    Line{"empty_text_is_not_null", "\n", 1, "<>"}, Line{"null", "\\N\n", 1, "-"},
                    Line{"nulls_and_texts", "\\N\tN\t\\N\n", 3, "-|<N>|-"},
                    Line{"every_escape", "\\b\\f\\n\\r\\t\\v\\\\\n", 1, "<\b\f\n\r\t\v\\>"},
                    Line{"escaped_backslash_before_n", "\\\\N\n", 1, "<\\N>"},
                    Line{"escaped_tab_does_not_part_fields", "a\\tb\tc\n", 2, "<a\tb>|<c>"},
                    Line{"carriage_return_is_plain", "a\r\n", 1, "<a\r>"},
                    Line{"end_of_data_mark_is_escaped_text", "\\\\.\n", 1, "<\\.>"},
                    Line{"utf8", "\xC3\xA9\n", 1, "<\xC3\xA9>"}, Line{"no_columns", "\n", 0, ""}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Bad, CopyRow,
    testing::Values(Line{"nothing", "", 1, fails(Reason::kTruncated, 0)},
                    Line{"no_line_feed", "abc", 1, fails(Reason::kTruncated, 3)},
                    Line{"too_few_fields", "1\n", 2, fails(Reason::kColumnCountMismatch, 1)},
                    Line{"too_many_fields", "1\t2\n", 1, fails(Reason::kColumnCountMismatch, 1)},
                    Line{"fields_where_no_columns_are", "1\n", 0, fails(Reason::kColumnCountMismatch, 0)},
                    Line{"line_feed_inside", "a\nb\n", 1, fails(Reason::kBadValue, 1)},
                    Line{"unknown_escape", "a\\x41\n", 1, fails(Reason::kBadValue, 1)},
                    Line{"octal_escape", "\\101\n", 1, fails(Reason::kBadValue, 0)},
                    Line{"null_with_more_behind", "\\Nx\n", 1, fails(Reason::kBadValue, 0)},
                    Line{"escape_of_the_line_end", "a\\\n", 1, fails(Reason::kBadValue, 1)},
                    Line{"end_of_data_mark", "\\.\n", 1, fails(Reason::kBadValue, 0)}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(CopyRows, WideRowsFitTheRoomAskedFor) {
  std::string nulls;
  std::string texts;
  for (int i = 0; i < 1600; ++i) {
    nulls += i == 0 ? "\\N" : "\t\\N";
    texts += i == 0 ? "" : "\t";
  }
  EXPECT_EQ(rewritten(nulls + "\n", 1600).substr(0, 5), "-|-|-");
  EXPECT_EQ(rewritten(texts + "\n", 1600).substr(0, 5), "<>|<>");
}

}  // namespace
}  // namespace millrace::test
