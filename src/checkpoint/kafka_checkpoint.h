// SPDX-License-Identifier: Apache-2.0
// Checkpoints in a compacted Kafka topic: kafka_records.h says what stands there.
//
// An instance first fences its predecessors by taking the pipeline's transactional.id, and only then reads
// the position: what it reads cannot be moved by them any more. It says in the topic who it is, and repeats
// that as a sign of life, also when there is nothing to store: so an instance that was fenced learns of it
// within a heartbeat, and one that starts with `checkpoint.conflict: stop` can tell a live owner from a dead
// one before it fences anybody.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "checkpoint/checkpoint_store.h"
#include "checkpoint/kafka_records.h"
#include "config/config.h"

namespace millrace {

struct KafkaCheckpointOptions {
  KafkaConfig kafka;
  std::string topic;
  std::string pipeline;
  CheckpointConflict conflict = CheckpointConflict::kTakeover;
  std::int64_t heartbeat_ms = 3'000;
  std::function<bool()> stop_requested = {};  ///< Ends a call of open() that waits. May be empty.
  /// Called on the writing thread: why a write failed that is tried again; OK: one has succeeded since. May
  /// be empty.
  std::function<void(const absl::Status&)> on_trouble = {};
  /// Called by open(), on its thread: what it meets while it waits for Kafka; OK: it waits no longer. May be
  /// empty.
  std::function<void(const absl::Status&)> on_waiting = {};
  /// Refuses what is stored before anybody is fenced for it. May be empty.
  std::function<absl::Status(const Checkpoint&)> accepts = {};
};

KafkaCheckpointOptions kafka_checkpoint_options(const PipelineConfig& pipeline,
                                                std::function<bool()> stop_requested = {});

/// Writes on a thread of its own, and tries again for as long as Kafka is away. poll() also reports, when
/// nothing was to be written, that another instance has taken over (FENCED).
/// @param wake  called on that thread when poll() has something to say.
std::unique_ptr<CheckpointStore> make_kafka_checkpoint(KafkaCheckpointOptions options,
                                                       std::function<void()> wake);

struct KafkaCheckpointView {
  StoredCheckpoints stored;
  std::optional<Owner> owner;
};
/// Reads and fences nobody: `millrace position get`. An absent topic holds nothing.
absl::StatusOr<KafkaCheckpointView> read_kafka_checkpoint(const KafkaCheckpointOptions& options);

/// Replaces what is stored, both copies: `millrace position set`. ALREADY_ACTIVE while the pipeline runs.
absl::Status overwrite_kafka_checkpoint(const KafkaCheckpointOptions& options, const Checkpoint& checkpoint);

/// Tombstones for all of the pipeline's keys: `millrace position reset`. ALREADY_ACTIVE while it runs.
absl::Status remove_kafka_checkpoint(const KafkaCheckpointOptions& options);

}  // namespace millrace
