// SPDX-License-Identifier: Apache-2.0
#include "config/pattern_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

struct Match {
  const char* name;
  const char* list;
  const char* candidate;
  bool matches;
};
class PatternListMatches : public testing::TestWithParam<Match> {};
TEST_P(PatternListMatches, AsDebeziumDoes) {
  const absl::StatusOr<PatternList> list = PatternList::parse(GetParam().list);
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(list->matches(GetParam().candidate), GetParam().matches);
}
INSTANTIATE_TEST_SUITE_P(
    Table, PatternListMatches,
    testing::Values(Match{"whole_name", "public.orders", "public.orders", true},
                    Match{"not_a_part", "public.orders", "public.orders2", false},
                    Match{"not_the_end", "orders", "public.orders", false},
                    Match{"alternatives_are_anchored_too", "a|b", "ab", false},
                    Match{"letter_case_aside", "Public.ORDERS", "pUBLIC.orders", true},
                    Match{"dot_is_any_character", "public.orders", "public_orders", true},
                    Match{"dot_is_one_code_point", "public.t.", "public.t\xF0\x9F\x98\x80", true},
                    Match{"dot_is_not_two", "public.t.", "public.tab", false},
                    Match{"letter_case_of_ascii_only", "\xC3\xA9", "\xC3\x89", false},
                    Match{"blanks_around_entries", " a , b ", "b", true},
                    Match{"escaped_comma", "a\\,b", "a,b", true},
                    Match{"comma_in_counts", "a{1\\,2}", "aa", true},
                    Match{"other_escapes_stay", "a\\.b", "axb", false},
                    Match{"escaped_quote_is_a_quote", "it\\'s \\`", "it's `", true},
                    Match{"escaped_angles_are_angles", "a\\<b\\>", "a<b>", true},
                    Match{"backslash_before_a_quote", "a\\\\'", "a\\'", true},
                    Match{"classes", "public\\.[a-c]\\d+", "public.b12", true},
                    Match{"end_of_line_is_the_end", "a$", "a\nb", false},
                    Match{"not_utf8_matches_nothing", ".*", "\xFF", false},
                    Match{"empty_list", "", "", false}, Match{"only_commas", " , ,", "a", false}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(PatternList, TellsWhichEntryMatched) {
  const PatternList list = PatternList::parse("x,public.*,public.a").value();
  EXPECT_EQ(list.first_match("public.a"), 1U);
  EXPECT_EQ(list.first_match("nothing"), std::nullopt);
}

std::string complaint_of(const absl::StatusOr<PatternList>& list) {
  return std::string(list.status().message());
}

TEST(PatternList, RefusesByEntryAndPlace) {
  EXPECT_EQ(complaint_of(PatternList::parse("a,(")), "entry 2: not a regular expression, at character 2");
  EXPECT_EQ(complaint_of(PatternList::parse("[z-a]")), "entry 1: not a regular expression, at character 6");
  EXPECT_EQ(complaint_of(PatternList::compile({std::string(5000, 'a')})),
            "entry 1: longer than 4096 characters");
  EXPECT_EQ(complaint_of(PatternList::compile({"\xFF"})), "entry 1: not UTF-8");
  EXPECT_EQ(complaint_of(PatternList::parse(std::string(100, '('))), "entry 1: more than 64 groups");
  EXPECT_EQ(complaint_of(PatternList::compile(std::vector<std::string>(1001, "a"))),
            "more than 1000 entries");
}

TEST(PatternList, GivesUpOnExpressionsWithoutEnd) {
  const PatternList list = PatternList::parse("(a+)+(b+)+(a+)+c").value();
  EXPECT_FALSE(list.matches(std::string(60, 'a')));
}

TEST(PatternList, CopiesMatchAlike) {
  PatternList copy;
  {
    const PatternList list = PatternList::parse("a").value();
    copy = list;
    EXPECT_EQ(copy, list);
  }
  EXPECT_TRUE(copy.matches("A"));
}

TEST(NameFilter, IncludesOrExcludes) {
  const NameFilter all;
  EXPECT_TRUE(all.accepts("x"));
  const NameFilter include{.include = PatternList::parse("a").value(), .exclude = {}};
  EXPECT_TRUE(include.accepts("a"));
  EXPECT_FALSE(include.accepts("b"));
  const NameFilter exclude{.include = {}, .exclude = PatternList::parse("a").value()};
  EXPECT_FALSE(exclude.accepts("a"));
  EXPECT_TRUE(exclude.accepts("b"));
}

}  // namespace
}  // namespace millrace
