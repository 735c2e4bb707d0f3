// SPDX-License-Identifier: Apache-2.0
// Positions as text and as marks.
#include "source/postgres/stream/position.h"

#include <gmock/gmock.h>

#include <limits>
#include <string>

namespace millrace::postgres {
namespace {

using testing::HasSubstr;

LogPosition full() {
  return {0x16B3748, 0x16B3000, {0x16B3600, 0x16B3630, 4'294'967'295, 1'700'000'000'123'456, 12}};
}

TEST(LogPosition, TextIsReadableByPeople) {
  EXPECT_EQ(
      to_position(full()).text,
      R"({"lsn":"0/16B3748","tell":"0/16B3000","last_transaction":{"commit_lsn":"0/16B3600","end_lsn":"0/16B3630",)"
      R"("xid":4294967295,"commit_time_us":1700000000123456,"changes":12}})");
  EXPECT_EQ(to_position({0x1'0000'0000, 0x1'0000'0000, {}}).text, R"({"lsn":"1/0"})");
  EXPECT_EQ(to_position({}).text, "") << "before everything";
}

TEST(LogPosition, SurvivesTextAndMark) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  for (const LogPosition& position :
       {LogPosition{}, LogPosition{1, 1, {}}, LogPosition{kMost, 0, {}}, full(),
        LogPosition{kMost, kMost, {kMost, kMost, 0, -1, kMost}},
        LogPosition{5, 5, {1, 2, 3, std::numeric_limits<std::int64_t>::min(), 1}}}) {
    const auto read = parse_position(to_position(position));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, position);
    EXPECT_EQ(from_mark(to_mark(position)), position);
  }
}

struct Bad {
  const char* name;
  const char* text;
  const char* says;
};
class BadPosition : public testing::TestWithParam<Bad> {};
TEST_P(BadPosition, IsRefusedWithTheField) {
  const auto read = parse_position({GetParam().text});
  ASSERT_FALSE(read.ok());
  EXPECT_TRUE(absl::IsInvalidArgument(read.status()));
  EXPECT_THAT(std::string(read.status().message()), HasSubstr(GetParam().says));
}
INSTANTIATE_TEST_SUITE_P(
    Table, BadPosition,
    testing::Values(
        Bad{"no_json", "{", "not a PostgreSQL position"}, Bad{"blank", " ", "not a PostgreSQL position"},
        Bad{"no_object", "[]", "no JSON object"}, Bad{"no_lsn", "{}", "no text field lsn"},
        Bad{"lsn_is_a_number", R"({"lsn":5})", "no text field lsn"},
        Bad{"lsn_is_none", R"({"lsn":"0/G"})", "lsn is no LSN"},
        Bad{"a_gtid_set", R"({"gtid":"0-1-5"})", "no text field lsn"},
        Bad{"tell_is_none", R"({"lsn":"0/5","tell":""})", "tell is no LSN"},
        Bad{"last_is_no_object", R"({"lsn":"0/5","last_transaction":1})", "last_transaction is no object"},
        Bad{"last_without_commit", R"({"lsn":"0/5","last_transaction":{}})", "no text field commit_lsn"},
        Bad{"last_without_end", R"({"lsn":"0/5","last_transaction":{"commit_lsn":"0/1"}})",
            "no text field end_lsn"},
        Bad{"last_without_xid", R"({"lsn":"0/5","last_transaction":{"commit_lsn":"0/1","end_lsn":"0/2"}})",
            "no number xid"},
        Bad{"xid_out_of_range",
            R"({"lsn":"0/5","last_transaction":{"commit_lsn":"0/1","end_lsn":"0/2","xid":4294967296}})",
            "xid is no number in range"},
        Bad{"changes_negative",
            R"({"lsn":"0/5","last_transaction":{"commit_lsn":"0/1","end_lsn":"0/2","xid":1,)"
            R"("commit_time_us":1,"changes":-1}})",
            "changes is no number in range"},
        Bad{"something_behind", R"({"lsn":"0/5"} x)", "not a PostgreSQL position"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(PositionFold, KeepsTheLastMark) {
  const auto fold = make_position_fold({R"({"lsn":"0/5"})"});
  EXPECT_EQ(fold->position().text, R"({"lsn":"0/5"})") << "no mark yet";
  fold->apply(to_mark({6, 6, {}}));
  fold->apply(to_mark({7, 7, {}}));
  EXPECT_EQ(fold->position().text, R"({"lsn":"0/7"})");
}

}  // namespace
}  // namespace millrace::postgres
