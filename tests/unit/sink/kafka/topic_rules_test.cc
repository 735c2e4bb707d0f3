// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/topic_rules.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TopicCreationGroup group(std::string name, std::string_view include, std::string_view exclude,
                         std::int32_t partitions) {
  TopicCreationGroup made{.name = std::move(name)};
  if (!include.empty()) made.include = *PatternList::parse(include);
  if (!exclude.empty()) made.exclude = *PatternList::parse(exclude);
  made.partitions = partitions;
  made.replication_factor = 1;
  return made;
}

TEST(TopicRules, TheFirstGroupThatTakesTheNameCounts) {
  TopicCreationGroup compacted = group("compacted", R"(p\.public\..*)", R"(p\.public\.log)", 4);
  compacted.settings = {{"cleanup.policy", "compact"}};
  const TopicRules rules(true, {compacted, group("wide", R"(p\..*)", "", 12), group("default", "", "", 2)});
  const auto orders = rules.rule_for("p.public.orders");
  ASSERT_TRUE(orders.has_value());
  EXPECT_EQ(orders->name, "p.public.orders");
  EXPECT_EQ(orders->partitions, 4);
  EXPECT_EQ(orders->settings.size(), 1U);
  EXPECT_EQ(rules.rule_for("p.public.log")->partitions, 12);  // exclude beats include
  EXPECT_EQ(rules.rule_for("q.public.orders")->partitions, 2);
}

TEST(TopicRules, TheBrokerDecidesWhereNothingIsSaid) {
  const TopicRules rules(true, KafkaConfig{}.creation_groups);
  const auto rule = rules.rule_for("t");
  ASSERT_TRUE(rule.has_value());
  EXPECT_EQ(rule->partitions, -1);
  EXPECT_EQ(rule->replication_factor, -1);
}

TEST(TopicRules, TopicsAreExpectedToExist) {
  EXPECT_FALSE(TopicRules(false, KafkaConfig{}.creation_groups).rule_for("t").has_value());
}

}  // namespace
}  // namespace millrace
