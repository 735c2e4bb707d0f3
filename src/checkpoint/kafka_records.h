// SPDX-License-Identifier: Apache-2.0
// What stands in the checkpoint topic, and how the topic has to be. One partition, compacted; each pipeline
// has three keys, and a transaction replaces all of them, or the owner alone (a sign of life).
//
//   key                 value
//   <name>              the newest checkpoint, as checkpoint_text.h writes it
//   <name>/previous     the one before; the source has been told no more than this one
//   <name>/owner        who writes them: JSON, see Owner
//
// A pipeline's name has no '/', so keys of different pipelines differ.
#pragma once
#include <absl/status/status.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "checkpoint/process_identity.h"

namespace millrace {

struct CheckpointKeys {
  explicit CheckpointKeys(std::string_view pipeline);
  std::string newest;
  std::string previous;
  std::string owner;
};

/// The instance that has the pipeline, as it said last.
struct Owner {
  enum class State : std::uint8_t {
    kActive,
    kReleased  ///< It stopped in order; nobody has the pipeline.
  };
  std::string instance;  ///< One per process.
  State state = State::kActive;
  ProcessIdentity process;
  std::uint64_t beat = 0;         ///< Grows with every record of this instance: a sign of life.
  std::int64_t heartbeat_ms = 0;  ///< An active owner writes at least this often.
  std::int64_t written_ms = 0;    ///< Unix, by its own clock: for people only.
};

std::string to_text(const Owner& owner);
/// Nothing for a text that is no owner record.
std::optional<Owner> parse_owner(std::string_view text);
/// `host a, process 12, since beat 7 ...`: for messages.
std::string describe(const Owner& owner);

/// How long a silent owner is given before it counts as gone: three beats and a second.
std::int64_t owner_patience_ms(const Owner& owner);

/// The topic as the brokers describe it.
struct CheckpointTopicFacts {
  int partitions = 0;
  int replication = 0;
  /// Nothing: they may not be read (DescribeConfigs).
  std::optional<std::map<std::string, std::string>> settings;
};

using SettingList = std::vector<std::pair<std::string, std::string>>;

/// The settings that a new checkpoint topic gets.
SettingList checkpoint_topic_settings(int replication);
/// As far as the brokers allow, up to 3.
int checkpoint_replication(int brokers);

/// CHECKPOINT_TOPIC, with what to run, for a topic that would lose positions or cannot hold them. What cannot
/// be read passes.
absl::Status check_checkpoint_topic(std::string_view topic, const CheckpointTopicFacts& facts);

/// The command that makes the topic, for people who have to do it by hand.
std::string create_topic_command(std::string_view servers, std::string_view topic, int replication);

}  // namespace millrace
