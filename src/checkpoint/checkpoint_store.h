// SPDX-License-Identifier: Apache-2.0
// The edge behind which positions become durable: a file, a Kafka topic, or a model disk in simulation.
#pragma once
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/change/position.h"

namespace millrace {

/// What a checkpoint holds. Written as JSON, readable by people.
struct Checkpoint {
  std::uint32_t format_version = 1;
  std::uint64_t generation = 0;  ///< Grows with every write.
  std::string pipeline;
  std::string source_identity;  ///< The source's own: JSON (PostgreSQL: system id, timeline, database, slot).
  Position position;            ///< Everything up to here is in the sink.
  std::string phase;            ///< "snapshot" or "streaming".
  std::string sink_state;       ///< RecordSink::state() at `position`.
  std::uint64_t options_hash = 0;  ///< Of the options that change bytes on the wire.
  /// Relation versions in use, with the position where each began: JSON, the source's own (schema history).
  std::string relations;
};

/// What a store holds when it is opened.
struct StoredCheckpoints {
  std::optional<Checkpoint> newest;
  std::optional<Checkpoint> previous;  ///< The source has been told no more than this one.
};

/// Keeps the two newest checkpoints. Owner: the order stage's thread. One write at a time; it goes on behind
/// the call.
class CheckpointStore {
 public:
  virtual ~CheckpointStore() = default;

  /// Takes the lock and reads. FailedPrecondition (CHECKPOINT_LOCKED) when another instance holds it,
  /// DataLoss (CHECKPOINT_CORRUPT) when neither copy can be read but one exists. May block: nothing streams
  /// yet.
  virtual absl::StatusOr<StoredCheckpoints> open() = 0;

  /// Starts a write. Call only when the one before has been reported by poll().
  virtual void write(Checkpoint checkpoint) = 0;

  /// nullopt: nothing to report. Else the generation that is durable, or why it could not be written. An
  /// error may come with nothing being written: another instance has taken over.
  virtual std::optional<absl::StatusOr<std::uint64_t>> poll() = 0;
};

}  // namespace millrace
