// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/topic_rules.h"

namespace millrace {

std::optional<kafka::NewTopic> TopicRules::rule_for(std::string_view topic) const {
  if (!create_) return std::nullopt;
  kafka::NewTopic rule{.name = std::string(topic)};
  for (const TopicCreationGroup& group : groups_) {
    const bool takes =
        group.name == "default" || (group.include.matches(topic) && !group.exclude.matches(topic));
    if (!takes) continue;
    rule.partitions = group.partitions;
    rule.replication_factor = group.replication_factor;
    rule.settings = group.settings;
    break;
  }
  return rule;
}

}  // namespace millrace
