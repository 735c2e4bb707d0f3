// SPDX-License-Identifier: Apache-2.0
// What a pipeline decides about its events. Names in comments are Debezium's options.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "millrace/change/relation.h"

namespace millrace::debezium {

/// Operations that are read and not published: skipped.operations.
struct SkippedOperations {
  bool create = false;
  bool update = false;
  bool remove = false;
  bool truncate = true;
};

struct EnvelopeOptions {
  std::string version = MILLRACE_VERSION;  ///< source.version
  std::string connector = "postgresql";    ///< source.connector
  std::string topic_prefix;                ///< source.name
  std::string database;                    ///< source.db
  bool key_schemas = true;                 ///< key.converter.schemas.enable
  bool value_schemas = true;               ///< value.converter.schemas.enable
  bool tombstones_on_delete = true;        ///< tombstones.on.delete
  bool context_headers = true;             ///< extended.headers.enabled
  SkippedOperations skipped;
  std::string unavailable_placeholder = "__debezium_unavailable_value";  ///< "hex:..." stands for bytes.
  const Topic* message_topic = nullptr;  ///< Of logical messages; nullptr: they are not published.
  /// message.prefix.include.list and exclude.list; empty: all.
  std::function<bool(std::string_view prefix)> publishes_message;
};

}  // namespace millrace::debezium
