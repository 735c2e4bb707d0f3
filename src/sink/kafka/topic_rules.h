// SPDX-License-Identifier: Apache-2.0
// How a topic is made, by the `topic.creation.*` groups.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "kafka/admin.h"

namespace millrace {

class TopicRules {
 public:
  /// @param groups  in the order they are asked; the one called `default` takes every name.
  TopicRules(bool create, std::vector<TopicCreationGroup> groups)
      : create_(create), groups_(std::move(groups)) {}

  /// Of the first group whose `include` has the name and whose `exclude` has not; nothing when topics are
  /// expected to exist. Source: debezium-contract 1.13.
  std::optional<kafka::NewTopic> rule_for(std::string_view topic) const;

 private:
  bool create_;
  std::vector<TopicCreationGroup> groups_;
};

}  // namespace millrace
