// SPDX-License-Identifier: Apache-2.0
// Options whose names are open: kafka.<property>, producer.override.<property> and topic.creation.<group>.*.
#pragma once
#include "config/config.h"
#include "config/problems.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::config {

/// An entry of such a name, its substitutions done.
struct OpenEntry {
  std::string name;
  std::string value;  ///< Of a list: its items with commas between.
  Origin origin;
};

/// Whether a name that no option has belongs here.
bool is_kafka_property(std::string_view name) noexcept;  ///< kafka.*
bool is_open_for_kafka(std::string_view name) noexcept;  ///< producer.override.*, topic.creation.*

/// Reads them into `kafka`. What is wrong goes to `problems`, without values; what has no effect to `notes`.
/// @param label  the pipeline's, for notes.
void read_kafka_entries(std::span<const OpenEntry> entries, std::string_view label, KafkaConfig& kafka,
                        Problems& problems, std::vector<std::string>& notes);

/// The part of docs/configuration.md on these names.
std::string kafka_markdown();

}  // namespace millrace::config
