// SPDX-License-Identifier: Apache-2.0
#include "base/json_text.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

struct Sequence {
  const char* name;
  std::string bytes;
  std::size_t length;
};
class Utf8Length : public testing::TestWithParam<Sequence> {};
TEST_P(Utf8Length, TakesWhatTheStandardAllows) {
  EXPECT_EQ(utf8_length(GetParam().bytes), GetParam().length);
}
INSTANTIATE_TEST_SUITE_P(
    Table, Utf8Length,
    testing::Values(Sequence{"empty", "", 0}, Sequence{"ascii", "a", 1}, Sequence{"two", "\xC3\xA9", 2},
                    Sequence{"three", "\xE2\x82\xAC", 3}, Sequence{"four", "\xF0\x9F\x98\x80", 4},
                    Sequence{"largest", "\xF4\x8F\xBF\xBF", 4}, Sequence{"continuation_alone", "\x80", 0},
                    Sequence{"overlong_two", "\xC1\xBF", 0}, Sequence{"overlong_three", "\xE0\x9F\xBF", 0},
                    Sequence{"overlong_four", "\xF0\x8F\xBF\xBF", 0},
                    Sequence{"surrogate", "\xED\xA0\x80", 0},
                    Sequence{"before_surrogates", "\xED\x9F\xBF", 3},
                    Sequence{"too_large", "\xF4\x90\x80\x80", 0}, Sequence{"f5", "\xF5\x80\x80\x80", 0},
                    Sequence{"cut_two", "\xC3", 0}, Sequence{"cut_three", "\xE2\x82", 0},
                    Sequence{"cut_four", "\xF0\x9F\x98", 0}, Sequence{"bad_third", "\xE2\x82\x41", 0}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(JsonText, EscapesAndReplaces) {
  EXPECT_EQ(json_quoted("a\"\\\b\f\n\r\t\x7F"), R"("a\"\\\u0008\u000c\n\r\t\u007f")");
  EXPECT_EQ(json_quoted(std::string("\0", 1)), R"("\u0000")");
  EXPECT_EQ(json_quoted("\xC3\xA9\xFF\xE2\x82"), "\"\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace millrace
