// SPDX-License-Identifier: Apache-2.0
#include "config/foreign_options.h"

#include "config/option.h"

#include <gtest/gtest.h>

namespace millrace::config {
namespace {

struct Judged {
  const char* name;
  const char* option;
  const char* value;
  ForeignVerdict verdict;
};
class ForeignOptions : public testing::TestWithParam<Judged> {};
TEST_P(ForeignOptions, AreJudgedByName) {
  EXPECT_EQ(judge_foreign(GetParam().option, GetParam().value).verdict, GetParam().verdict);
}
INSTANTIATE_TEST_SUITE_P(
    Table, ForeignOptions,
    testing::Values(
        Judged{"default", "tasks.max", "1", ForeignVerdict::kSame},
        Judged{"default_in_blanks_and_capitals", "decimal.handling.mode", " PRECISE ", ForeignVerdict::kSame},
        Judged{"other", "tasks.max", "2", ForeignVerdict::kUnsupported},
        Judged{"no_effect", "max.queue.size", "9", ForeignVerdict::kNoEffect},
        Judged{"unset", "transforms", "", ForeignVerdict::kSame},
        Judged{"set", "transforms", "unwrap", ForeignVerdict::kUnsupported},
        Judged{"front", "transforms.unwrap.type", "x", ForeignVerdict::kUnsupported},
        Judged{"front_no_effect", "topic.creation.default.partitions", "3", ForeignVerdict::kNoEffect},
        Judged{"exact_before_front", "signal.enabled.channels", "source", ForeignVerdict::kSame},
        Judged{"mask", "column.mask.with.12.chars", "a.b.c", ForeignVerdict::kUnsupported},
        Judged{"avro", "value.converter", "io.confluent.connect.avro.AvroConverter",
               ForeignVerdict::kUnsupported},
        Judged{"unknown", "task.max", "1", ForeignVerdict::kUnknown},
        Judged{"front_is_not_the_middle", "my.transforms.x", "1", ForeignVerdict::kUnknown}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ForeignOptionTable, NamesNothingThatThisVersionActsOn) {
  for (const ForeignOption& foreign : foreign_options())
    EXPECT_EQ(find_option(foreign.name), nullptr) << foreign.name;
}

}  // namespace
}  // namespace millrace::config
