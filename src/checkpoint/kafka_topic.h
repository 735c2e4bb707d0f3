// SPDX-License-Identifier: Apache-2.0
// The checkpoint topic: made when it is missing, looked at, read. All of it blocks.
#pragma once
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "checkpoint/checkpoint_copies.h"
#include "checkpoint/kafka_link.h"
#include "checkpoint/kafka_records.h"

namespace millrace {

/// A client that reads what is committed, and asks about the topic.
absl::StatusOr<std::unique_ptr<KafkaLink>> open_checkpoint_reader(const KafkaConfig& config,
                                                                  const std::string& pipeline);

/// Makes the topic when it is missing and checks it.
/// @param create  false: NotFound when it is missing.
/// @return true when it was made just now; CHECKPOINT_TOPIC when it cannot be used.
absl::StatusOr<bool> prepare_checkpoint_topic(KafkaLink& link, const std::string& topic,
                                              const std::string& servers, bool create,
                                              const Patience& patience);

/// What the topic says of a key.
struct KeyState {
  bool seen = false;                 ///< A record or a tombstone stands there.
  std::optional<std::string> value;  ///< Nothing after a tombstone.
  std::int64_t offset = -1;
};

struct CheckpointRecords {
  KeyState newest;
  KeyState previous;
  KeyState owner;

  std::optional<Owner> known_owner() const;
  absl::StatusOr<StoredCheckpoints> checkpoints(const std::string& topic, const CheckpointKeys& keys) const;
};

/// How far is read: to the end of what is committed now; or to the end of everything that is written now, for
/// which transactions that are open have to end. After a fence only the latter shows all.
enum class ReadTo : std::uint8_t { kCommitted, kEverything };

/// The last state of a pipeline's keys. Reads from the end backwards in growing steps, so that a long topic
/// is read whole only for a pipeline that has been silent for long.
/// DeadlineExceeded (KAFKA_UNREACHABLE) when the end is not reached: a transaction is open.
absl::StatusOr<CheckpointRecords> read_checkpoint_records(KafkaLink& reader, const std::string& topic,
                                                          const CheckpointKeys& keys, ReadTo to,
                                                          const Patience& patience);

/// Whether `owner` lives: follows the topic until the owner writes (true) or its time is over (false).
absl::StatusOr<bool> watch_owner(const KafkaConfig& config, const std::string& pipeline,
                                 const std::string& topic, const Owner& owner,
                                 const std::function<bool()>& stopped);

}  // namespace millrace
