// SPDX-License-Identifier: Apache-2.0
// Which topic a table's records go to, as Debezium's SchemaTopicNamingStrategy names it.
// Source: debezium-contract 1.1, 1.2.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace millrace {

inline constexpr std::size_t kTopicNameMax = 249;  // Kafka's limit

/// Kafka's legal characters are A-Z a-z 0-9 . _ -; every other one becomes an underscore, counted as Java
/// counts: a character beyond the BMP is two. Longer names are cut, "." and ".." become underscores. Bytes
/// that are not UTF-8 become an underscore each.
std::string sanitized_topic_name(std::string_view name);

/// The names of one pipeline. Different tables may collide; who registers topics says so.
struct TopicNaming {
  std::string prefix;           ///< topic.prefix
  std::string delimiter = ".";  ///< topic.delimiter

  /// prefix, schema and table joined; blank parts are left out.
  std::string data_topic(std::string_view schema, std::string_view table) const;
  /// Where logical decoding messages go. The suffix is fixed, the delimiter is not used.
  std::string message_topic() const { return prefix + ".message"; }
};

}  // namespace millrace
