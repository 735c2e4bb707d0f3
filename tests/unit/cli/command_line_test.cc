// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.h"

#include <gmock/gmock.h>

#include <array>
#include <string>
#include <vector>

#include "base/reason_code.h"

namespace millrace::cli {
namespace {

constexpr std::array kFlags = {Flag{"--set", "KEY=VALUE", "", true}, Flag{"--level", "LEVEL"},
                               Flag{"--json"}};
constexpr Command kCommand{
    .name = "try", .operands = "FILE [PLACE]", .flags = kFlags, .operands_min = 1, .operands_max = 2};

/// "operands | flag=value ..." or the mistake.
std::string parsed(const std::vector<std::string_view>& words) {
  const auto arguments = parse_arguments(kCommand, words);
  if (!arguments.ok()) {
    EXPECT_EQ(reason_of(arguments.status()), ReasonCode::kUsage);
    return std::string(arguments.status().message());
  }
  std::string out;
  for (const std::string& operand : arguments->operands) out += "<" + operand + ">";
  for (const auto& [name, value] : arguments->flags) out += " " + std::string(name) + "=" + value;
  if (arguments->wants_help) out += " help";
  return out;
}

struct Line {
  const char* name;
  std::vector<std::string_view> words;
  const char* result;
};
class CommandLine : public testing::TestWithParam<Line> {};
TEST_P(CommandLine, IsSorted) { EXPECT_EQ(parsed(GetParam().words), GetParam().result); }
INSTANTIATE_TEST_SUITE_P(
    Good, CommandLine,
    testing::Values(
        Line{"operand", {"f"}, "<f>"}, Line{"two_operands", {"f", "0/1"}, "<f><0/1>"},
        Line{"standard_input", {"-"}, "<->"}, Line{"flag_before", {"--json", "f"}, "<f> --json="},
        Line{"flag_behind", {"f", "--json"}, "<f> --json="},
        Line{"value_apart", {"f", "--level", "debug"}, "<f> --level=debug"},
        Line{"value_joined", {"f", "--level=debug"}, "<f> --level=debug"},
        Line{"value_with_equals", {"f", "--set", "a=b=c"}, "<f> --set=a=b=c"},
        Line{"value_joined_with_equals", {"f", "--set=a=b=c"}, "<f> --set=a=b=c"},
        Line{"empty_value", {"f", "--level="}, "<f> --level="},
        Line{"value_that_looks_like_a_flag", {"f", "--level", "--json"}, "<f> --level=--json"},
        Line{"repeated", {"f", "--set", "a=1", "--set", "b=2"}, "<f> --set=a=1 --set=b=2"},
        Line{"after_two_dashes_all_are_operands", {"--json", "--", "--set", "-h"}, "<--set><-h> --json="},
        Line{"empty_operand", {""}, "<>"}, Line{"help_needs_no_operands", {"--help"}, " help"},
        Line{"short_help", {"f", "-h"}, "<f> help"}),
    [](const auto& row) { return std::string(row.param.name); });
INSTANTIATE_TEST_SUITE_P(
    Bad, CommandLine,
    testing::Values(
        Line{"nothing", {}, "something is missing: millrace try FILE [PLACE]"},
        Line{"too_many", {"a", "b", "c\x1b"}, "one too many: \"c\\u001b\"; millrace try FILE [PLACE]"},
        Line{"unknown", {"f", "--nothing-like-it"}, "unknown flag \"--nothing-like-it\""},
        Line{"near", {"f", "--jsno"}, "unknown flag \"--jsno\"; did you mean --json?"},
        Line{"near_with_value", {"f", "--sett=a=b"}, "unknown flag \"--sett\"; did you mean --set?"},
        Line{"short", {"f", "-x"}, "unknown flag \"-x\""},
        Line{"no_value", {"f", "--level"}, "--level needs a value: --level LEVEL"},
        Line{"unwanted_value", {"f", "--json=1"}, "--json takes no value"},
        Line{"twice", {"f", "--json", "--json"}, "--json stands twice"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Arguments, AnswerByFlag) {
  const std::vector<std::string_view> words = {"f", "--set", "a=1", "--set", "a=2", "--json"};
  const auto arguments = parse_arguments(kCommand, words);
  ASSERT_TRUE(arguments.ok());
  EXPECT_TRUE(arguments->has("--json"));
  EXPECT_FALSE(arguments->has("--level"));
  EXPECT_EQ(arguments->value("--set"), "a=2") << "the last one";
  EXPECT_EQ(arguments->value("--level"), std::nullopt);
  EXPECT_THAT(arguments->values("--set"), testing::ElementsAre("a=1", "a=2"));
}

}  // namespace
}  // namespace millrace::cli
