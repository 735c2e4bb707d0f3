// SPDX-License-Identifier: Apache-2.0
// Topic names: debezium-contract 1.1, 1.2.
#include "format/topic_naming.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace {
namespace {

struct Name {
  const char* name;
  TopicNaming naming;
  std::string schema;
  std::string table;
  std::string topic;
};
class DataTopic : public testing::TestWithParam<Name> {};
TEST_P(DataTopic, IsJoinedAndSanitized) {
  EXPECT_EQ(GetParam().naming.data_topic(GetParam().schema, GetParam().table), GetParam().topic);
}
INSTANTIATE_TEST_SUITE_P(
    Table, DataTopic,
    testing::Values(Name{"plain", {"p", "."}, "public", "t", "p.public.t"},
                    Name{"legal_characters_stay", {"p-1", "."}, "a_B.c", "9-z", "p-1.a_B.c.9-z"},
                    Name{"own_delimiter", {"p", "_"}, "public", "t", "p_public_t"},
                    Name{"long_delimiter", {"p", "--"}, "public", "t", "p--public--t"},
                    Name{"illegal_delimiter", {"p", "#"}, "public", "t", "p_public_t"},
                    Name{"empty_delimiter", {"p", ""}, "public", "t", "ppublict"},
                    Name{"blank_parts_are_left_out", {"p", "."}, " \t", "t", "p.t"},
                    Name{"empty_schema", {"p", "."}, "", "t", "p.t"},
                    Name{"illegal_ascii", {"p", "."}, "my schema", "a$b\"c", "p.my_schema.a_b_c"},
                    Name{"two_byte_character", {"p", "."}, "s", "\xC3\xA9", "p.s._"},
                    Name{"three_byte_character", {"p", "."}, "s", "\xE2\x82\xAC", "p.s._"},
                    Name{"beyond_the_bmp_counts_twice", {"p", "."}, "s", "\xF0\x9F\x98\x80", "p.s.__"},
                    Name{"bytes_that_are_no_utf8", {"p", "."}, "s", "\xFF\xC3", "p.s.__"},
                    Name{
                        "cut_at_249", {"p", "."}, "s", std::string(300, 'x'), "p.s." + std::string(245, 'x')},
                    Name{"249_stay", {"p", "."}, "s", std::string(245, 'x'), "p.s." + std::string(245, 'x')}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(TopicNaming, NamesOfDotsAlone) {
  EXPECT_EQ(sanitized_topic_name("."), "_");
  EXPECT_EQ(sanitized_topic_name(".."), "__");
  EXPECT_EQ(sanitized_topic_name("..."), "...");
}

TEST(TopicNaming, MessageTopicIgnoresTheDelimiter) {
  EXPECT_EQ((TopicNaming{"p", "_"}.message_topic()), "p.message");
}

}  // namespace
}  // namespace millrace
